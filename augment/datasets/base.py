"""What every data set gives: a declaration, records, and sentences about what was wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from augment.errors import DataError

__all__ = ["Dataset", "LabelledRecord", "Record", "Source", "existing_folder"]


@dataclass(frozen=True)
class Source:
    """A data set declared as data.

    Attributes
    ----------
    key : str
        Short name, as it stands in an index: ``'fddb'``.
    name, url, terms : str
        What it is, where it officially comes from (empty for one's own) and what it may be used
        for.
    layout : str
        The files that `load` expects below the root.
    images, faces : int or None
        Counts of the whole set as it is handed out; None where there is no such thing.
    groups : str
        What its records' groups are, in the plural; empty where every photograph is one.
    """

    key: str
    name: str
    url: str
    terms: str
    layout: str
    images: int | None = None
    faces: int | None = None
    groups: str = ""


@dataclass(frozen=True)
class Record:
    """One photograph.

    Attributes
    ----------
    path : str
        The file, relative to the data set's root, with forward slashes.
    boxes : numpy.ndarray
        float32 ``(k, 4)``: the faces' frames in pixels.
    group : str
        What must stay on one side of a split: the fold, the person, the subfolder.
    """

    path: str
    boxes: np.ndarray
    group: str


@dataclass(frozen=True)
class LabelledRecord(Record):
    """A photograph whose faces are all of one class.

    Attributes
    ----------
    label : int
        Number of the class, from 0.
    """

    label: int


R = TypeVar("R", bound=Record, covariant=True)


@dataclass(frozen=True)
class Dataset(Generic[R]):
    """Records of a data set; iterating gives the records.

    Attributes
    ----------
    source : Source
        The declaration.
    root : Path
        The folder that the records' paths start from.
    records : sequence of Record
        In a fixed order.
    problems : list of str
        One sentence per thing that was passed over, naming file and line.
    absent : list of str
        Pictures that the set's own lists name and that are not there, relative to the root.
    size : tuple of int, optional
        Width and height that every picture is taken to have, where boxes follow from it.
    """

    source: Source
    root: Path
    records: Sequence[R]
    problems: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    size: tuple[int, int] | None = None

    def __iter__(self) -> Iterator[R]:
        return iter(self.records)

    def __len__(self) -> int:
        return len(self.records)


def existing_folder(root: str | Path, source: Source) -> Path:
    """The root as a Path.

    Raises
    ------
    DataError
        If it is no folder.
    """
    folder = Path(root)
    if not folder.is_dir():
        raise DataError(
            f"{source.name}: there is no folder {str(folder)!r}; expected there: {source.layout}"
        )
    return folder
