"""All data sets that can be read, and which of them a folder holds."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from augment.datasets import boxes, fddb, lfw, negatives, smileys, voc, yolo
from augment.datasets.base import Dataset, Record, Source
from augment.errors import DataError
from augment.images import SUFFIXES, find_images

__all__ = ["SOURCES", "Found", "recognise", "unrecognised"]

_READERS = {
    module.SOURCE.key: module for module in (fddb, lfw, negatives, smileys, boxes, voc, yolo)
}

SOURCES: dict[str, Source] = {key: module.SOURCE for key, module in _READERS.items()}
"""The declarations, by key."""


@dataclass(frozen=True)
class Found:
    """A data set that lies somewhere.

    Attributes
    ----------
    source : Source
        Which set it is.
    path : Path
        What its reader takes: a folder, or the file of a list.
    """

    source: Source
    path: Path

    def load(self) -> Dataset[Record]:
        """Read it; raises DataError as its reader does."""
        read: Callable[[Path], Dataset[Record]] = _READERS[self.source.key].load
        return read(self.path)


def recognise(path: str | Path) -> list[Found]:
    """The data sets that a folder, or a folder of such folders, holds; told by their layout.

    Pictures without any annotation are taken for photographs without faces only where nothing else
    is found: in the folder itself, or in its subfolder ``negatives``.

    Parameters
    ----------
    path : str or Path
        A folder, or the file of a list or an annotation.

    Returns
    -------
    list of Found
        By path; empty where nothing is recognised.

    Raises
    ------
    DataError
        If there is no such file or folder.
    """
    place = Path(path)
    if not place.exists():
        raise DataError(f"{place}: there is no such file or folder")
    if place.is_file():
        source = _list_source(place)
        return [_found(source, place)] if source else []
    found = list(_in_folder(place))
    if lfw.has_people(place):
        found.append(Found(lfw.SOURCE, place))
    if all(one.path.is_file() for one in found):  # lists may lie beside folders of other sets
        found += _below(place)
    if not found and find_images([place], lambda *_: None):
        found = [Found(negatives.SOURCE, place)]
    return found


def _below(folder: Path) -> list[Found]:
    """The data sets in a folder's subfolders."""
    found: list[Found] = []
    for place in sorted(path for path in folder.iterdir() if path.is_dir()):
        if place.name.startswith("."):
            continue
        inside = list(_in_folder(place))
        people = lfw.pictures_folder(place)
        if lfw.has_people(people):
            inside.append(Found(lfw.SOURCE, people))
        if not inside and place.name == negatives.SOURCE.key:
            inside = [Found(negatives.SOURCE, place)]
        found += inside
    return found


def unrecognised(folder: Path, found: Collection[Found]) -> list[str]:
    """What lies beside the sets found and belongs to none: subfolders (with a slash), and lists.

    Nothing where the folder itself is a set.
    """
    if folder.is_file() or any(one.path == folder for one in found):
        return []
    others = [
        path
        for path in sorted(folder.iterdir())
        if not path.name.startswith(".")
        and (path.is_dir() or path.suffix.lower() in _LISTS)
        and not any(one.path.is_relative_to(path) for one in found)
    ]
    return [f"{path.name}/" if path.is_dir() else path.name for path in others]


def _in_folder(folder: Path) -> Iterator[Found]:
    """Every set whose layout starts at this folder, except LFW's."""
    if any(folder.glob("FDDB-folds/FDDB-fold-*-ellipseList.txt")):
        yield Found(fddb.SOURCE, folder)
    if _is_voc(folder):
        yield Found(voc.SOURCE, folder)
    if _is_yolo(folder):
        yield Found(yolo.SOURCE, folder)
    for path in sorted(path for path in folder.iterdir() if path.suffix.lower() in _LISTS):
        if path.is_file() and (source := _list_source(path)):
            yield _found(source, path)


def _found(source: Source, file: Path) -> Found:
    return Found(source, file.parent if source is smileys.SOURCE else file)


_LISTS = (".csv", ".jsonl")
_SHARES = re.compile(r"\s*\d+(\s+[01]?\.\d+){4}")


def _list_source(path: Path) -> Source | None:
    """Whose list a file is, by its first line."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        first = file.readline().strip()  # a picture with many faces makes a long line
    suffix = path.suffix.lower()
    if suffix == ".csv":
        header = set(first.split(","))
        if path.name == "labels.csv" and {"person", "label_id", "smiley"} <= header:
            return smileys.SOURCE
        return boxes.SOURCE if {"file", *boxes.FIELDS} <= header else None
    if suffix == ".jsonl":
        try:
            entry = json.loads(first)
        except (ValueError, RecursionError):
            return None
        named = isinstance(entry, dict) and "file" in entry and ({"faces", "error"} & set(entry))
        return boxes.SOURCE if named else None
    return voc.SOURCE if suffix == ".xml" else None


def _is_voc(folder: Path) -> bool:
    """Whether there is an XML file, and the first one is an annotation."""
    files = (*sorted(folder.glob("Annotations/*.xml")), *sorted(folder.glob("*.xml")))
    first = next((path for path in files if path.is_file()), None)
    return first is not None and b"<annotation" in first.read_bytes()[:10_000]


def _is_yolo(folder: Path) -> bool:
    """Whether there are folders of images and labels, or label files beside pictures."""
    if (folder / "images").is_dir() and (folder / "labels").is_dir():
        return True
    pictures = {path.stem for path in folder.iterdir() if path.suffix.lower() in SUFFIXES}
    texts = (path for path in folder.glob("*.txt") if path.stem in pictures)
    return any(_SHARES.match(path.read_text("utf-8", "replace")) for path in texts)
