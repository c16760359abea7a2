"""The format of a run on disk, described once for the writer and the reader.

A run is a folder::

    run.json              command, config, versions, git commit, host, start time
    architecture.json     layers, shapes and parameter counts, if the caller gave them
    seg-000.h5 ...        HDF5 segments; each is written by one process and never reopened

A segment starts with a user block of `USER_BLOCK` bytes that holds the identity of its writer as
JSON, so that a reader learns whether the writer lives without letting HDF5 near a file that may be
damaged. The root group's attributes are those of `ATTRIBUTES`; after them come the tables of
`TABLES` and the byte array ``blob``. All of them are one-dimensional, chunked, checksummed with
Fletcher-32 and only ever appended to, in the order of `FLUSH_ORDER`.

A row is written once. HDF5 may show a row before its content; it is all zeros then, and the field
named in `NEVER_ZERO` tells it from a written row. Tags are referred to by their row number in
``tags`` plus one, so that zero means "no tag".
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any, Final

import numpy as np

__all__ = [
    "ATTRIBUTES",
    "BINS",
    "BLOB_CHUNK",
    "FLUSH_ORDER",
    "FORMAT",
    "MEDIA_KINDS",
    "NEVER_ZERO",
    "NO_RESUME",
    "ROLES",
    "SEGMENT_BYTES",
    "STEP_LIMIT",
    "TABLES",
    "TAG_BYTES",
    "TAG_KINDS",
    "USER_BLOCK",
    "RunLogError",
    "segment_name",
    "segment_number",
    "segment_paths",
    "to_json",
]

FORMAT: Final = 1
"""Version of the format; a reader refuses a newer one."""

USER_BLOCK: Final = 512
TAG_BYTES: Final = 128
STEP_LIMIT: Final = 2**63
BINS: Final = 64
BLOB_CHUNK: Final = 256 * 1024
SEGMENT_BYTES: Final = 64 * 1024 * 1024

NO_RESUME: Final = -1
"""Start step of a segment that goes on where the one before it stopped."""

ATTRIBUTES: Final = ("format", "config", "start_step", "parent", "process", "pid", "started")
"""Root attributes, complete before readers see the file. `config` and `process` are JSON;
`parent` names the segment before (empty for the first); a `start_step` of s >= 0 says that rows of
earlier segments with a step of s or more are superseded."""

TAG_KINDS: Final = {
    "scalar": 1,
    "picture": 2,
    "histogram": 3,
    "stage": 4,
    "checkpoint": 5,
    "finished": 6,
}
MEDIA_KINDS: Final = {"png": 1, "jpeg": 2}
ROLES: Final = {"fired": 1, "kept_in_size": 2, "kept_at_last": 3, "truth": 4}

TABLES: Final[dict[str, tuple[np.dtype[Any], int]]] = {
    name: (np.dtype(fields), rows)
    for name, rows, fields in (
        ("tags", 64, [("kind", "u1"), ("name", f"S{TAG_BYTES}")]),
        (
            "events",
            4096,
            [("tag", "<u4"), ("step", "<i8"), ("epoch", "<f8"), ("time", "<f8"), ("value", "<f8")],
        ),
        (
            "media",  # in the blob: `length` bytes of picture, then `metadata` bytes of JSON
            1024,
            [
                ("tag", "<u4"),
                ("step", "<i8"),
                ("time", "<f8"),
                ("offset", "<u8"),
                ("length", "<u8"),
                ("metadata", "<u4"),
                ("kind", "u1"),
            ],
        ),
        (
            "boxes",  # `media` is a row number of the table media in the same segment
            4096,
            [
                ("media", "<u4"),
                ("x", "<f4"),
                ("y", "<f4"),
                ("width", "<f4"),
                ("height", "<f4"),
                ("score", "<f4"),
                ("stage", "<i2"),
                ("role", "u1"),
            ],
        ),
        (
            "texts",  # in the blob: `length` bytes of UTF-8
            256,
            [("step", "<i8"), ("time", "<f8"), ("offset", "<u8"), ("length", "<u8")],
        ),
        (
            "hist",  # BINS equal bins from `lowest` to `highest`; both NaN without finite values
            64,
            [
                ("tag", "<u4"),
                ("step", "<i8"),
                ("time", "<f8"),
                ("lowest", "<f8"),
                ("highest", "<f8"),
                ("counts", "<i8", (BINS,)),
            ],
        ),
        (
            "funnel",  # `stage` refers to a tag of the kind "stage"
            256,
            [
                ("stage", "<u4"),
                ("step", "<i8"),
                ("time", "<f8"),
                ("windows_in", "<i8"),
                ("windows_out", "<i8"),
                ("faces_kept", "<i8"),
            ],
        ),
    )
}
"""Row type and rows per chunk of every table."""

FLUSH_ORDER: Final = ("tags", "blob", "media", "boxes", "texts", "events", "hist", "funnel")
"""What is referred to is flushed before what refers to it; readers go the other way."""

NEVER_ZERO: Final = {
    "tags": "kind",
    "events": "tag",
    "media": "tag",
    "boxes": "role",
    "texts": "time",
    "hist": "tag",
    "funnel": "stage",
}

_SEGMENT = re.compile(r"seg-(\d{3,})\.h5")


class RunLogError(ValueError):
    """A run log was asked for something it cannot do; the message is one sentence with the fix."""


def segment_name(number: int) -> str:
    """Return the file name of a segment, counted from 0."""
    return f"seg-{number:03d}.h5"


def segment_number(name: str) -> int:
    """Return the number in a segment's file name.

    Raises
    ------
    RunLogError
        If `name` is not the name of a segment.
    """
    match = _SEGMENT.fullmatch(name)
    if match is None:
        raise RunLogError(f"A segment is called seg-000.h5 and so on, not {name!r}.")
    return int(match[1])


def segment_paths(folder: Path) -> list[Path]:
    """Return the segments in a run's folder, oldest first; none if there is no such folder.

    Only files count: a link may lead out of the folder, and a named pipe would hold a reader up.
    """
    try:
        with os.scandir(folder) as entries:
            names = [
                entry.name
                for entry in entries
                if _SEGMENT.fullmatch(entry.name) and entry.is_file(follow_symlinks=False)
            ]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [folder / name for name in sorted(names, key=segment_number)]


def to_json(who: str, what: str, value: object) -> str:
    """Return `value` as JSON; NumPy numbers and arrays become numbers and lists, paths their text.

    Raises
    ------
    RunLogError
        If JSON cannot hold it, for example because a dict has tuples as keys.
    """
    try:
        return json.dumps(value, indent=1, default=_plain)
    except (TypeError, ValueError) as error:
        raise RunLogError(f"{who} keeps its {what} as JSON, which failed: {error}.") from None


def _plain(value: object) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    return str(value)
