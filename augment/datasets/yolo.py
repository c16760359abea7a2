"""One's own photographs, with objects in YOLO's text files: one label file per picture.

``images/party/0001.jpg`` belongs to ``labels/party/0001.txt``; both may also lie side by side. A
line is an object: its class's number, then centre x and y, width and height as shares of the
picture's sides, and perhaps a confidence::

    0 0.2563 0.2250 0.1375 0.1833

A picture without a label file has no objects. The classes' names stand in ``classes.txt``,
``obj.names`` or ``data.yaml``. Boxes become squares of the same area and centre, as all one's own
boxes do.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

import numpy as np

from augment.datasets.base import Dataset, Record, Source, existing_folder
from augment.datasets.own import record
from augment.errors import DataError, ImageError
from augment.images import find_images, image_size

__all__ = ["SOURCE", "class_names", "load"]

SOURCE = Source(
    key="yolo",
    name="own boxes, YOLO text",
    url="",
    terms="those of your photographs",
    layout="labels/name.txt beside images/name.jpg, class names in classes.txt or data.yaml",
)

_LISTS = ("classes.txt", "obj.names", "labels/classes.txt")
_NAMES = re.compile(
    r"^names:[ \t]*(\[[^\]]*\]|(?:[^\n]*\n(?:[ \t-][^\n]*(?:\n|$))*))", re.MULTILINE
)
_ENTRY = re.compile(r"^[ \t]*(?:(\d{1,9})[ \t]*:|-)[ \t]*([^#\n]+)", re.MULTILINE)


def load(root: str | Path, classes: Collection[str | int] | None = None) -> Dataset[Record]:
    """Read label files and check the boxes against the pictures.

    Parameters
    ----------
    root : str or Path
        Folder with ``images`` and ``labels``, or of pictures with their label files beside them.
    classes : collection of str or int, optional
        Names or numbers of the objects that are faces; by default every object is one. A picture
        with other objects only is a picture without faces.

    Returns
    -------
    Dataset of Record
        Sorted by picture; ``group`` is the picture. ``problems`` names damaged lines and boxes,
        pictures that cannot be read and label files without a picture.

    Raises
    ------
    DataError
        If there is no label file, no picture is left, or a name of `classes` is unknown.
    """
    folder = existing_folder(root, SOURCE)
    split = (folder / "labels").is_dir() and (folder / "images").is_dir()
    images, labels = (folder / "images", folder / "labels") if split else (folder, folder)
    lists = {folder / name for name in _LISTS}
    unused = {
        path.relative_to(labels).with_suffix("").as_posix()
        for path in labels.rglob("*.txt")
        if path not in lists
    }
    if not unused:
        raise DataError(f"YOLO: no label file in {str(folder)!r}; expected: {SOURCE.layout}")
    numbers = None if classes is None else _numbers(folder, classes)
    records: list[Record] = []
    problems: list[str] = []
    for picture in find_images([images], lambda *_: None):
        stem = picture.relative_to(images).with_suffix("").as_posix()
        unused.discard(stem)
        file = labels / f"{stem}.txt"
        try:
            size = image_size(picture)
            rows = _read(file, numbers, size, problems)
            name = picture.relative_to(folder).as_posix()
            records.append(record(name, size, rows, str(file), problems))
        except ImageError as error:
            problems.append(f"{error}; the picture is left out")
    problems.extend(f"{labels / name}.txt: there is no picture for it" for name in sorted(unused))
    if not records:
        raise DataError(f"YOLO: no picture in {str(images)!r} can be used")
    return Dataset(SOURCE, folder, records, problems)


def class_names(root: str | Path) -> dict[int, str]:
    """Names of the classes by number, from the first list that is there; empty where none is.

    Of a ``data.yaml``, ``names`` is read in its three usual forms: a list in brackets, a list of
    dashes, numbers with colons.
    """
    folder = Path(root)
    for name in _LISTS:
        if (folder / name).is_file():
            lines = (folder / name).read_text(encoding="utf-8-sig", errors="replace").splitlines()
            return {number: line.strip() for number, line in enumerate(lines) if line.strip()}
    for path in sorted(folder.glob("*.yaml")):
        if match := _NAMES.search(path.read_text(encoding="utf-8-sig", errors="replace")):
            if match[1].startswith("["):
                entries = [("", word) for word in match[1].strip("[]").split(",") if word.strip()]
            else:
                entries = _ENTRY.findall(match[1])
            return {
                int(given or place): word.strip().strip("'\"")
                for place, (given, word) in enumerate(entries)
            }
    return {}


def _numbers(folder: Path, classes: Collection[str | int]) -> set[int]:
    """Class numbers of names and numbers."""
    names = class_names(folder)
    found = set()
    for wanted in classes:
        if isinstance(wanted, int):
            found.add(wanted)
            continue
        same = {number for number, name in names.items() if name == wanted}
        if not same:
            known = f"there are {sorted(names.values())!r}" if names else "it has no list of names"
            raise DataError(f"YOLO: {str(folder)!r} has no class {wanted!r}; {known}")
        found |= same
    return found


def _read(
    file: Path, numbers: Collection[int] | None, size: tuple[int, int], problems: list[str]
) -> list[list[float]]:
    """Boxes ``[x, y, width, height]`` in pixels; none where there is no file."""
    if not file.is_file():
        return []
    rows = []
    text = file.read_text(encoding="utf-8-sig", errors="replace")
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            kind, *values = (float(word) for word in line.split())
            if len(values) not in (4, 5) or kind != int(kind) or not np.isfinite(values).all():
                raise ValueError
            if min(values) < 0 or max(values) > 1:
                raise ValueError
        except (ValueError, OverflowError):
            problems.append(
                f"{file}, line {number}: not a class and four shares from 0 to 1, passed over: "
                f"{line.strip()[:80]!r}"
            )
            continue
        if numbers is None or int(kind) in numbers:
            x, y, width, height = values[:4]
            corner = [(x - width / 2) * size[0], (y - height / 2) * size[1]]
            rows.append([*corner, width * size[0], height * size[1]])
    return rows
