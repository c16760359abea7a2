"""Reading the segment of a dead writer in a child process with a time limit.

A damaged file can make HDF5 hang, or crash, when it reads what a SWMR writer left open; the child
takes that on itself. It sends one message per table, and the blob in pieces, so that what it read
before counts and nobody has to hold it all.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from monitor.hdf5 import open_segment
from monitor.layout import BLOB_CHUNK
from monitor.process import child_command
from monitor.tables import Blob, read_new, start_step
from monitor.wire import Inbox, pack

__all__ = ["main", "salvage"]

_START_SECONDS = 60.0
_LIMIT_SECONDS = 2.0
_PIECE = 16 * BLOB_CHUNK
_TABLES = ("tags", "events", "hist", "funnel", "texts", "media", "boxes")  # where it may stop early


def salvage(path: Path) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Read a segment in a child process, and yield what it finds.

    Yields
    ------
    header : dict
        First ``start_step``; then for each table its name as ``table`` and its ``problems``, and
        the same for the pieces of the blob; as many as could be read; at last ``end``: why there
        are no more, or None.
    rows : bytes
        Of the table, or the piece of the blob.
    """
    child = subprocess.Popen(
        child_command("monitor.salvage", os.fspath(path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )
    assert child.stdout is not None
    with child, child.stdout:
        try:
            yield from _messages(Inbox(child.stdout.fileno()))
        finally:
            child.kill()


def _messages(inbox: Inbox) -> Iterator[tuple[dict[str, Any], bytes]]:
    header: dict[str, Any] = {}
    limit = _START_SECONDS  # the time of a busy machine to start Python is no sign of damage
    while "end" not in header:
        try:
            message = inbox.receive(limit)
        except EOFError:
            message = {"end": "HDF5 crashed on it"}, b""
        if message is None:
            message = {"end": f"reading it took more than {limit:g} s"}, b""
        header, payload = message
        limit = _LIMIT_SECONDS
        if "ready" not in header:
            yield header, payload


def main(arguments: list[str]) -> None:
    """Write the messages about the segment named in `arguments` to standard output."""
    failure = None
    _send({"ready": True})
    try:
        with open_segment(Path(arguments[0]), live=True) as file:
            _send({"start_step": start_step(file)})
            for name, rows, problems in read_new(file, dict.fromkeys(_TABLES, 0)):
                _send({"table": name, "problems": problems}, rows.tobytes())
            blob = Blob(file)
            for start in range(0, len(blob), _PIECE):
                piece, problems = blob.read(start, start + _PIECE)
                _send({"table": "blob", "problems": problems}, piece)
    except Exception as error:  # HDF5 has many words for damage
        failure = str(error)
    _send({"end": failure})
    os._exit(0)  # nothing is left to do but what damage could hang


def _send(header: dict[str, Any], payload: bytes = b"") -> None:
    sys.stdout.buffer.write(pack(header, payload))
    sys.stdout.buffer.flush()
