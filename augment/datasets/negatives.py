"""Photographs without faces: any folder of pictures."""

from __future__ import annotations

from pathlib import Path

from augment.boxes import as_frames
from augment.datasets.base import Dataset, Record, Source, existing_folder
from augment.errors import DataError
from augment.images import find_images

__all__ = ["SOURCE", "load"]

SOURCE = Source(
    key="negatives",
    name="photographs without faces",
    url="",
    terms="those of the photographs that you put there",
    layout="pictures without faces, in folders of any depth; beside other sets, in negatives/",
    groups="folders",
)


def load(root: str | Path) -> Dataset[Record]:
    """List the pictures of a folder and its subfolders.

    Returns
    -------
    Dataset of Record
        Sorted by file, without boxes; ``group`` is the first subfolder.

    Raises
    ------
    DataError
        If there is no picture.
    """
    folder = existing_folder(root, SOURCE)
    paths = [path.relative_to(folder) for path in find_images([folder], lambda *_: None)]
    if not paths:
        raise DataError(f"negatives: there is no picture in {str(folder)!r}")
    nothing = as_frames([])
    records = [
        Record(path.as_posix(), nothing, path.parts[0] if len(path.parts) > 1 else "")
        for path in paths
    ]
    return Dataset(SOURCE, folder, records)
