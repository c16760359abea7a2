"""What is damaged, missing or doubled in a data set: every picture is opened."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from augment.boxes import centres
from augment.datasets.base import Dataset, Record
from augment.errors import ImageError
from augment.images import image_size, read_image

__all__ = ["Report", "check"]


@dataclass(frozen=True)
class Report:
    """What was found in a data set.

    Attributes
    ----------
    readable : list of Record
        The records whose picture can be read.
    damaged : dict of str to str
        By file, why it cannot be read.
    absent : list of str
        Files that the set's lists name and that are not there.
    problems : list of str
        Sentences about everything else that is wrong, such as damaged lines and misplaced boxes.
    duplicates : list of list of str
        Files of the same bytes. They are no fault, but a split has to keep them together.
    """

    readable: list[Record]
    damaged: dict[str, str]
    absent: list[str]
    problems: list[str]
    duplicates: list[list[str]]

    @property
    def sound(self) -> bool:
        """Nothing is damaged or missing, and there is no other problem."""
        return not (self.damaged or self.absent or self.problems)


def check(
    dataset: Dataset[Record], *, decode: bool = True, advance: Callable[[], None] = lambda: None
) -> Report:
    """Open every picture of a data set.

    Parameters
    ----------
    dataset : Dataset
        As its reader returns it.
    decode : bool
        Read all pixels, as training does; otherwise headers alone, which leaves damage behind them
        unseen and takes a tenth of the time.
    advance : callable
        Called after each picture.
    """
    readable: list[Record] = []
    damaged: dict[str, str] = {}
    outside: list[str] = []
    resized: list[str] = []
    for record in dataset:
        try:
            size = _size(dataset.root / record.path, decode)
        except ImageError as error:
            damaged[record.path] = str(error).rpartition(f"{record.path}: ")[2]
        else:
            readable.append(record)
            middle = centres(record.boxes)
            if not ((middle >= 0) & (middle < size)).all():
                outside.append(record.path)
            if dataset.size not in (None, size):
                resized.append(record.path)
        advance()
    problems = list(dataset.problems)
    if outside:
        problems.append(_sentence("a face's centre lies outside", outside, len(dataset)))
    if resized and dataset.size:
        wide, high = dataset.size
        rule = f"not of {wide} x {high} pixels as the first one"
        problems.append(_sentence(rule, resized, len(dataset)))
    files = list(dict.fromkeys(record.path for record in readable))
    return Report(
        readable, damaged, list(dataset.absent), problems, _duplicates(dataset.root, files)
    )


def _size(path: Path, decode: bool) -> tuple[int, int]:
    if not decode:
        return image_size(path)
    rows, columns = read_image(path).shape[:2]
    return columns, rows


def _sentence(what: str, files: list[str], total: int) -> str:
    return f"{what}: {len(files):,} of {total:,} pictures, such as {files[0]!r}"


def _duplicates(root: Path, files: list[str]) -> list[list[str]]:
    """Groups of files with the same bytes; only those of one length are read."""
    lengths: dict[int, list[str]] = defaultdict(list)
    for file in files:
        lengths[(root / file).stat().st_size].append(file)
    same: dict[bytes, list[str]] = defaultdict(list)
    for group in lengths.values():
        for file in group if len(group) > 1 else ():
            same[hashlib.blake2b((root / file).read_bytes()).digest()].append(file)
    return [group for group in same.values() if len(group) > 1]
