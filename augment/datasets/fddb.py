"""FDDB: news photographs with faces annotated as ellipses.

V. Jain and E. Learned-Miller, "FDDB: A Benchmark for Face Detection in Unconstrained Settings",
University of Massachusetts Amherst, UM-CS-2010-009, 2010.

An ellipse list repeats, for every image, its name, the number of faces and one line per face::

    2002/08/11/big/img_591
    1
    123.583300 85.549500 1.265839 269.693400 161.781200  1

that is: semi-major axis, semi-minor axis (pixels), angle of the major axis against the x axis
(radians, y pointing down), centre x, centre y, and a 1.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from augment.boxes import as_frames, ellipse_to_square
from augment.datasets.base import Dataset, Record, Source, existing_folder
from augment.errors import DataError

__all__ = ["SOURCE", "FddbRecord", "load"]

SOURCE = Source(
    key="fddb",
    name="FDDB",
    url="http://vis-www.cs.umass.edu/fddb/",
    terms="news photographs (Yahoo News, 2002-2003) of their owners, offered for research",
    layout="FDDB-folds/FDDB-fold-XX-ellipseList.txt and originalPics/2002/07/19/big/img_N.jpg",
    images=2845,
    faces=5171,
    groups="folds",
)

_LIST = re.compile(r"FDDB-fold-(\d+)-ellipseList\.txt")


@dataclass(frozen=True)
class FddbRecord(Record):
    """A photograph of FDDB; `boxes` are the squares of the ellipses' area and centre.

    Attributes
    ----------
    name : str
        FDDB's own name: ``'2002/08/11/big/img_591'``.
    fold : int
        1 to 10.
    ellipses : numpy.ndarray
        float64 ``(k, 5)``: major and minor semi-axis, angle, centre x and y, as in the list.
    """

    name: str
    fold: int
    ellipses: np.ndarray


def load(root: str | Path, folds: Collection[int] | None = None) -> Dataset[FddbRecord]:
    """Read the ellipse lists that are there.

    Parameters
    ----------
    root : str or Path
        Folder with ``FDDB-folds`` and the pictures, in ``originalPics`` or directly.
    folds : collection of int, optional
        Only these folds; by default all whose list exists.

    Returns
    -------
    Dataset of FddbRecord
        In the order of the lists. ``problems`` names damaged lines and absent pictures; the other
        faces of such an image are kept.

    Raises
    ------
    DataError
        If there is no list of any of the folds, or no picture at all.
    """
    folder = existing_folder(root, SOURCE)
    lists = {
        int(match[1]): path
        for path in sorted(folder.glob("FDDB-folds/*.txt"))
        if (match := _LIST.fullmatch(path.name)) and (folds is None or int(match[1]) in folds)
    }
    if not lists:
        wanted = "any fold" if folds is None else f"folds {sorted(folds)}"
        raise DataError(f"FDDB: no list of {wanted} in {str(folder)!r}; expected: {SOURCE.layout}")
    pictures = "originalPics/" if (folder / "originalPics").is_dir() else ""
    records: list[FddbRecord] = []
    absent: list[str] = []
    problems: list[str] = []
    for fold, path in sorted(lists.items()):
        for name, ellipses in _read_list(path, problems):
            file = f"{pictures}{name}.jpg"
            if not os.path.isfile(folder / file):  # False, too, for a name that cannot be one
                absent.append(file)
                continue
            boxes = as_frames([ellipse_to_square(*row) for row in ellipses])
            rows = np.array(ellipses, np.float64).reshape(-1, 5)
            records.append(FddbRecord(file, boxes, f"{fold:02d}", name, fold, rows))
    if not records:
        raise DataError(f"FDDB: none of the pictures is in {str(folder)!r}; {SOURCE.layout}")
    if absent:
        problems.append(
            f"FDDB: {len(absent)} pictures of the lists are not in {str(folder)!r}, the first is "
            f"{absent[0]!r}; they are left out"
        )
    return Dataset(SOURCE, folder, records, problems, absent)


def _read_list(path: Path, problems: list[str]) -> Iterator[tuple[str, list[list[float]]]]:
    """Yield each image's name and ellipses; a damaged line costs one sentence and one face.

    A name is told from numbers by its slash, so reading falls back into step at the next image.
    """
    name = ""
    ellipses: list[list[float]] = []
    left: float = 0  # faces still announced; unknown after a damaged count
    counted = True
    text = path.read_text(encoding="utf-8", errors="replace")
    for number, raw in enumerate([*text.splitlines(), "/"], start=1):
        line = raw.strip()
        if "/" in line:
            if name:
                if 0 < left < math.inf:
                    problems.append(
                        f"{path}, line {number}: {name!r} ends with {left} ellipses fewer than "
                        "announced; those that are there are used"
                    )
                yield name, ellipses
            name, ellipses, left, counted = line, [], math.inf, False
        elif not line:
            continue
        elif not counted and line.isdecimal() and len(line) < 10:
            left, counted = int(line), True
        elif left > 0 and (ellipse := _parse(line)) is not None:
            ellipses.append(ellipse)
            left -= 1
        else:
            problems.append(f"{path}, line {number}: not an ellipse, passed over: {line[:80]!r}")
            left -= 1
            counted = True


def _parse(line: str) -> list[float] | None:
    """Five numbers of an ellipse line, or None if it is damaged."""
    try:
        values = [float(word) for word in line.split()]
    except ValueError:
        return None
    if len(values) not in (5, 6) or not np.isfinite(values).all() or min(values[:2]) <= 0:
        return None
    return values[:5]
