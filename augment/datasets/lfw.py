"""Labeled Faces in the Wild: one face in the middle of every picture.

G. Huang, M. Ramesh, T. Berg, E. Learned-Miller, "Labeled Faces in the Wild: A Database for Studying
Face Recognition in Unconstrained Environments", University of Massachusetts Amherst, 07-49, 2007.

Every picture was cut out around a detector's box in the same way, so one square serves them all.
On the faces that FDDB annotates as well, the square that agrees best with FDDB's ellipses has its
centre at (57, 51) and side 66 in crops of 112 pixels, which are pixels 19 to 130 of the site's
150-pixel copies, which are the official 250-pixel files made smaller.

The aligned copies (funneled, deep-funneled, LFW-a) are pictures of 250 pixels, too, turned and
moved a little so that the features come to lie in the same places; the same square is used for
them.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

import numpy as np

from augment.datasets.base import Dataset, Record, Source, existing_folder
from augment.datasets.lfw_lists import picture
from augment.errors import DataError
from augment.images import image_size

__all__ = ["FACES", "SOURCE", "VARIANTS", "has_people", "load", "pictures_folder"]

SOURCE = Source(
    key="lfw",
    name="LFW",
    url="http://vis-www.cs.umass.edu/lfw/",
    terms="news photographs of their owners, for research",
    layout="Name/Name_0001.jpg, 250 x 250 pixels (original, funneled, deep-funneled, LFW-a) or "
    "centre crops of 112 x 112; directly or in lfw/, lfw_funneled/, lfw-deepfunneled/ or lfw-a/",
    images=13233,
    faces=13233,
    groups="people",
)

VARIANTS = ("lfw", "lfw-deepfunneled", "lfw_funneled", "lfw-a", "lfw2")
"""Folders that the official archives unpack into; LFW-a's is ``lfw2``."""

_LEFT, _TOP, _SIDE = 57 - 66 / 2, 51 - 66 / 2, 66.0
_OFFSET, _ZOOM = 19.0, 250 / 150

FACES: dict[int, tuple[float, float, float, float]] = {
    112: (_LEFT, _TOP, _SIDE, _SIDE),
    250: (
        (_LEFT + _OFFSET) * _ZOOM,
        (_TOP + _OFFSET) * _ZOOM,
        _SIDE * _ZOOM,
        _SIDE * _ZOOM,
    ),
}
"""The face's ``x, y, width, height`` by the side of the picture, in its pixels."""


def pictures_folder(root: str | Path) -> Path:
    """The folder of people's folders: the root, or the first of `VARIANTS` below it.

    A root with neither is returned as it is.
    """
    folder = Path(root)
    places = (folder, *(folder / name for name in VARIANTS))
    return next((place for place in places if has_people(place)), folder)


def has_people(folder: Path) -> bool:
    """Whether some folder holds the first picture of the person that it is called after."""
    if not folder.is_dir():
        return False
    with os.scandir(folder) as entries:
        names = (entry.name for entry in entries if entry.is_dir())
        return any((folder / picture(name, 1)).is_file() for name in names)


def load(root: str | Path, people: Collection[str] | None = None) -> Dataset[Record]:
    """List the pictures, by person.

    All pictures are taken to be of the first one's size: reading 13,000 headers would take longer
    than everything else here.

    Parameters
    ----------
    root : str or Path
        Folder with one folder per person, or with one of `VARIANTS`.
    people : collection of str, optional
        Only these, such as ``read_people(...).people`` of `augment.datasets.lfw_lists`; by default
        everybody.

    Returns
    -------
    Dataset of Record
        Sorted by file; ``group`` is the person. ``problems`` says how many of `people` are not
        there.

    Raises
    ------
    DataError
        If there is no picture, or its size is none of `FACES`.
    """
    folder = pictures_folder(existing_folder(root, SOURCE))
    with os.scandir(folder) as entries:
        there = sorted(entry.name for entry in entries if entry.is_dir())
    files = [
        (person, f"{person}/{name}")
        for person in (there if people is None else sorted(set(people).intersection(there)))
        for name in sorted(os.listdir(folder / person))
        if name.startswith(person) and name.lower().endswith(".jpg")
    ]
    if not files:
        whose = "" if people is None else f" of these {len(people)} people"
        raise DataError(
            f"LFW: no picture{whose} in {str(folder)!r}; expected there: {SOURCE.layout}"
        )
    first = folder / files[0][1]
    size = image_size(first)
    if size[0] != size[1] or size[0] not in FACES:
        raise DataError(
            f"LFW: pictures are squares of side {sorted(FACES)}; {str(first)!r} has size {size!r}"
        )
    box = np.array([FACES[size[0]]], np.float32)
    records = [Record(path, box, person) for person, path in files]
    problems = []
    if absent := sorted(set(people or ()) - {person for person, _ in files}):
        problems.append(
            f"LFW: {len(absent)} of {len(set(people or ()))} people have no picture in "
            f"{str(folder)!r}, the first is {absent[0]!r}"
        )
    return Dataset(SOURCE, folder, records, problems, size=size)
