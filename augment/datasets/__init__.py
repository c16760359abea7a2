"""Readers of data sets in their official layouts; none of them decodes a pixel.

``fddb``, ``lfw`` and ``negatives`` read the research sets, ``boxes`` one's own photographs with
boxes in a CSV or JSON-lines file. Each module has a `Source` that declares the set and a function
``load(root, ...)`` that returns a `Dataset`.
"""

from augment.datasets.base import Dataset, LabelledRecord, Record, Source

__all__ = ["Dataset", "LabelledRecord", "Record", "Source"]
