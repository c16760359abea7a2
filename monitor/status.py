"""Whether a segment is being written, was finished, or was left behind by a dead writer.

None of this lets HDF5 open the file: the user block names the writer, and one byte of the HDF5
superblock says whether a writer has the file open (the File Consistency Flags of the HDF5 File
Format Specification, version 3 superblock).
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final, Literal

from monitor.layout import USER_BLOCK, segment_paths
from monitor.process import Process

__all__ = ["STALLED_SECONDS", "SegmentState", "age", "living_writer", "segment_state"]

STALLED_SECONDS: Final = 60.0
"""A living writer that has written nothing for so long belongs to a stalled run."""

SegmentState = Literal["clean", "live", "dead"]

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_FLAGS = USER_BLOCK + 11


def segment_state(path: Path) -> SegmentState:
    """Return the state of a segment.

    "clean" was closed, "live" has a living writer, "dead" was left open by one that is gone. Where
    the writer cannot be seen (another machine), a file written to of late counts as live.
    """
    head, process = _read_head(path)
    intact = head[USER_BLOCK : USER_BLOCK + len(_SIGNATURE)] == _SIGNATURE
    if intact and head[_FLAGS] == 0:
        return "clean"
    alive = process.alive() if process is not None else False
    if alive is None:
        alive = age(path) < STALLED_SECONDS
    return "live" if alive else "dead"


def living_writer(folder: Path) -> Process | None:
    """Return the process that is writing the run in `folder`, or None."""
    paths = segment_paths(folder)
    if not paths or segment_state(paths[-1]) != "live":
        return None
    return _read_head(paths[-1])[1]


def age(path: Path) -> float:
    """Return the seconds since a file was last written to."""
    return time.time() - path.stat().st_mtime


def _read_head(path: Path) -> tuple[bytes, Process | None]:
    with open(path, "rb") as file:
        head = file.read(USER_BLOCK + 16).ljust(USER_BLOCK + 16, b"\xff")
    try:
        return head, Process.parse(head[:USER_BLOCK].rstrip(b"\0"))
    except ValueError:
        return head, None
