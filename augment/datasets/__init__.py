"""Readers of data sets in their official layouts; none of them decodes a pixel.

``fddb``, ``lfw``, ``negatives`` and ``smileys`` read the research sets; ``boxes`` (CSV, JSON
lines), ``voc`` (XML) and ``yolo`` (text) one's own photographs with boxes. Each module has a
`Source` that declares the set and a function ``load(root, ...)`` that returns a `Dataset`;
``registry`` lists them and tells which of them a folder holds. ``lfw_lists`` reads LFW's lists of
people and pairs.
"""

from augment.datasets.base import Dataset, LabelledRecord, Record, Source

__all__ = ["Dataset", "LabelledRecord", "Record", "Source"]
