"""Smiley frames: caricature expressions, one of 17 smileys per frame.

After "The return of smileys": frames of video clips, cut out around the face. ``labels.csv`` has a
line per frame; frames are numbered within their clip, one clip per person::

    file,person,frame,label_id,smiley,x,y,side
    d0/00000.jpg,d0,0,7,:-|,24,24,80

Neighbouring frames are near duplicates, and frames of a person resemble each other: the article had
good results with single frames held out and bad ones with whole people held out.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from augment.datasets.base import Dataset, LabelledRecord, Source, existing_folder
from augment.errors import DataError

__all__ = ["COLUMNS", "SMILEYS", "SOURCE", "SmileyRecord", "load"]

COLUMNS = ("file", "person", "frame", "label_id", "smiley", "x", "y", "side")
"""The first line of ``labels.csv``."""

SOURCE = Source(
    key="smileys",
    name="smiley frames",
    url="frames of clips in https://github.com/KwaiVGI/LivePortrait, "
    "https://github.com/bytedance/X-Portrait and https://github.com/mayuelala/FollowYourEmoji",
    terms="research only: real people, clips of undocumented provenance; nothing may be "
    "redistributed",
    layout=f"labels.csv ({','.join(COLUMNS)}) and person/00000.jpg",
    images=1871,
    faces=1871,
    groups="people",
)

SMILEYS = (
    *(":-)", ":-(", ":-D", ";-)", ":-P", ":-O", ":-*", ":-|", ":-/"),
    *(">:-(", ">_<", ":'(", "o_O", ":-X", "|-)", ":-E", ":-!"),
)
"""The classes, by number."""

_GAP = 5  # long ranges of frames were thinned out to every fifth


@dataclass(frozen=True)
class SmileyRecord(LabelledRecord):
    """A frame; `label` is the smiley's place in `SMILEYS`.

    Attributes
    ----------
    person : str
        The clip, which shows one person.
    frame : int
        Number in the clip, from 0.
    """

    person: str
    frame: int


def load(root: str | Path, together: Literal["person", "run"] = "person") -> Dataset[SmileyRecord]:
    """Read ``labels.csv``.

    Parameters
    ----------
    root : str or Path
        Folder with the list and the people's folders.
    together : {'person', 'run'}
        What a split must not divide, which becomes the records' ``group``: all frames of a person,
        or a run of neighbouring frames of one smiley (``'d0/3'``).

    Returns
    -------
    Dataset of SmileyRecord
        By person and frame. ``problems`` names damaged lines and absent pictures.

    Raises
    ------
    DataError
        If the list is missing or has another header, or no picture is there.
    """
    folder = existing_folder(root, SOURCE)
    path = folder / "labels.csv"
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise DataError(f"smileys: {path}: {error.strerror}; expected: {SOURCE.layout}") from error
    reader = csv.DictReader(text.splitlines())
    records: list[SmileyRecord] = []
    problems: list[str] = []
    absent: list[str] = []
    for row in _rows(reader, path):
        record = _parse(row)
        if record is None:
            line = [row[column] for column in COLUMNS]
            problems.append(f"{path}, line {reader.line_num}: damaged, passed over: {line!r}")
        elif os.path.isfile(folder / record.path):
            records.append(record)
        else:
            absent.append(record.path)
    if not records:
        raise DataError(f"smileys: none of the pictures of {path} is there; {SOURCE.layout}")
    if absent:
        problems.append(
            f"smileys: {len(absent)} pictures of the list are not in {str(folder)!r}, the first is "
            f"{absent[0]!r}; they are left out"
        )
    records.sort(key=lambda record: (record.person, record.frame))
    if together == "run":
        records = _in_runs(records)
    return Dataset(SOURCE, folder, records, problems, absent)


def _rows(reader: csv.DictReader, path: Path) -> Iterator[dict[str, str | None]]:
    try:
        header = reader.fieldnames
        if not set(COLUMNS) <= set(header or ()):
            raise DataError(f"{path}: the first line must name {COLUMNS!r}; got {header!r}")
        yield from reader
    except csv.Error as error:
        raise DataError(f"{path}: the list cannot be read ({error})") from error


def _parse(row: dict[str, str | None]) -> SmileyRecord | None:
    """The record of a line, or None if it is damaged."""
    try:
        file, person, frame, label, smiley, *square = (row[name] or "" for name in COLUMNS)
        x, y, side = (float(word) for word in square)
        number = int(label)
        if not file or not person or number < 0 or SMILEYS[number] != smiley:
            return None
        if not np.isfinite([x, y, side]).all() or side <= 0:
            return None
        box = np.array([[x, y, side, side]], np.float32)
        return SmileyRecord(Path(file).as_posix(), box, person, number, person, int(frame))
    except (ValueError, IndexError):
        return None


def _in_runs(records: list[SmileyRecord]) -> list[SmileyRecord]:
    """The same records, grouped by runs of neighbouring frames of one person and smiley."""
    runs: list[SmileyRecord] = []
    number = 0
    for last, record in zip([None, *records], records, strict=False):
        if last is None or last.person != record.person:
            number = 0
        elif last.label != record.label or record.frame - last.frame > _GAP:
            number += 1
        runs.append(replace(record, group=f"{record.person}/{number}"))
    return runs
