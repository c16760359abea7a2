"""Labeled Faces in the Wild: one face in the middle of every picture.

G. Huang, M. Ramesh, T. Berg, E. Learned-Miller, "Labeled Faces in the Wild: A Database for Studying
Face Recognition in Unconstrained Environments", University of Massachusetts Amherst, 07-49, 2007.

Every picture was cut out around a detector's box in the same way, so one square serves them all.
On the faces that FDDB annotates as well, the square that agrees best with FDDB's ellipses has its
centre at (57, 51) and side 66 in crops of 112 pixels, which are pixels 19 to 130 of the site's
150-pixel copies, which are the official 250-pixel files made smaller.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from augment.datasets.base import Dataset, Record, Source, existing_folder
from augment.errors import DataError
from augment.images import image_size

__all__ = ["FACES", "SOURCE", "load"]

SOURCE = Source(
    key="lfw",
    name="LFW",
    url="http://vis-www.cs.umass.edu/lfw/",
    terms="photographs of their owners, for research",
    layout="Name/Name_0001.jpg, 250 x 250 pixels or centre crops of 112 x 112",
    images=13233,
    faces=13233,
)

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


def load(root: str | Path) -> Dataset[Record]:
    """List the pictures, by person.

    All pictures are taken to be of the first one's size: reading 13,000 headers would take longer
    than everything else here.

    Parameters
    ----------
    root : str or Path
        Folder with one folder per person.

    Returns
    -------
    Dataset of Record
        Sorted by file; ``group`` is the person.

    Raises
    ------
    DataError
        If there is no picture, or its size is none of `FACES`.
    """
    folder = existing_folder(root, SOURCE)
    with os.scandir(folder) as entries:
        people = sorted(entry.name for entry in entries if entry.is_dir())
    files = [
        (person, f"{person}/{name}")
        for person in people
        for name in sorted(os.listdir(folder / person))
        if name.startswith(person) and name.lower().endswith(".jpg")
    ]
    if not files:
        raise DataError(f"LFW: no picture in {str(folder)!r}; expected there: {SOURCE.layout}")
    first = folder / files[0][1]
    size = image_size(first)
    if size[0] != size[1] or size[0] not in FACES:
        raise DataError(
            f"LFW: pictures are squares of side {sorted(FACES)}; {str(first)!r} has size {size!r}"
        )
    box = np.array([FACES[size[0]]], np.float32)
    return Dataset(SOURCE, folder, [Record(path, box, person) for person, path in files])
