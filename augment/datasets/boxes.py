"""One's own photographs, with faces given as boxes in a CSV or a JSON-lines file.

CSV, one line per face, with this header; a file name alone says that the picture has no face::

    file,x,y,width,height
    party/0001.jpg,120,64,88,88
    party/0001.jpg,310,70,80,92
    empty_room.jpg,,,,

JSON lines, one line per picture, the same that ``lasagnette detect`` prints::

    {"file": "party/0001.jpg", "faces": [{"x": 120, "y": 64, "width": 88, "height": 88}]}
    {"file": "empty_room.jpg", "faces": []}

Names are relative to the list's folder. Boxes are in pixels of the upright picture, and become
squares of the same area and centre, which is what the other sets' frames mean.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path

from augment.datasets.base import Dataset, Record, Source
from augment.datasets.own import record
from augment.errors import DataError, ImageError
from augment.images import image_size

__all__ = ["FIELDS", "SOURCE", "load"]

SOURCE = Source(
    key="boxes",
    name="own boxes, CSV or JSON lines",
    url="",
    terms="those of your photographs",
    layout="a .csv file (file,x,y,width,height) or the JSON lines of `lasagnette detect` (.jsonl), "
    "beside the pictures that it names",
)

FIELDS = ("x", "y", "width", "height")

_Line = tuple[str, list[list[float]]]


def load(list_file: str | Path) -> Dataset[Record]:
    """Read a list of boxes and check them against the pictures' sizes.

    Parameters
    ----------
    list_file : str or Path
        A ``.csv`` file, or JSON lines with any other ending.

    Returns
    -------
    Dataset of Record
        In the order of the list; ``group`` is the file. ``problems`` names damaged lines, pictures
        that cannot be read and boxes outside their picture; everything else is kept.

    Raises
    ------
    DataError
        If the list does not exist, is no text, lacks the CSV header or leaves no picture.
    """
    path = Path(list_file)
    problems: list[str] = []
    read = _csv_lines if path.suffix.lower() == ".csv" else _json_lines
    pictures: dict[str, list[list[float]]] = {}
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: the list cannot be read ({error})") from error
    try:
        for name, rows in read(path, text.splitlines(), problems):
            pictures.setdefault(name, []).extend(rows)
    except csv.Error as error:
        raise DataError(f"{path}: the list cannot be read ({error})") from error
    records: list[Record] = []
    absent: list[str] = []
    for name, rows in pictures.items():
        try:
            size = image_size(path.parent / name)
            records.append(record(name, size, rows, str(path), problems))
        except ImageError as error:
            problems.append(f"{path}: {error}; the picture is left out")
            if not os.path.exists(path.parent / name):
                absent.append(name)
    if not records:
        reasons = f"; {problems[0]}" if problems else ""
        raise DataError(f"{path}: the list names no picture that can be used{reasons}")
    return Dataset(SOURCE, path.parent, records, problems, absent)


def _csv_lines(path: Path, lines: list[str], problems: list[str]) -> Iterator[_Line]:
    reader = csv.DictReader(lines)
    header = reader.fieldnames or []
    if not {"file", *FIELDS} <= set(header):
        raise DataError(f"{path}: the first line must name {('file', *FIELDS)!r}; got {header!r}")
    for row in reader:
        values = [row[field] or "" for field in FIELDS]
        try:
            if not row["file"]:
                raise ValueError
            yield row["file"], [[float(v) for v in values]] if any(values) else []
        except ValueError:
            problems.append(
                f"{path}, line {reader.line_num}: not a file and four numbers, passed over: "
                f"{[row['file'], *values]!r}"
            )


def _json_lines(path: Path, lines: list[str], problems: list[str]) -> Iterator[_Line]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            rows = [[float(face[field]) for field in FIELDS] for face in entry["faces"]]
            yield str(entry["file"]), rows
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            problems.append(
                f"{path}, line {number}: no object with a file and faces of {FIELDS!r}, passed "
                f"over: {line[:80]!r}"
            )
