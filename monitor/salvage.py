"""Reading the segment of a dead writer in a child process with a time limit.

A damaged file can make HDF5 hang, or crash, when it reads what a SWMR writer left open; the child
takes that on itself. It sends one message per table, so that what it read before counts.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py

from monitor.process import child_command
from monitor.tables import read_blob, read_new, start_step
from monitor.wire import Inbox, pack

__all__ = ["main", "salvage"]

_START_SECONDS = 60.0
_LIMIT_SECONDS = 2.0
_TABLES = ("tags", "events", "hist", "funnel", "texts", "media", "boxes")  # where it may stop early


def salvage(path: Path) -> tuple[list[tuple[dict[str, Any], bytes]], str | None]:
    """Read a segment in a child process.

    Returns
    -------
    messages : list of (dict, bytes)
        First ``start_step``, then for each table (the blob last) its name as ``table``, its
        ``problems``, and its rows as bytes; as many as could be read.
    failure : str or None
        Why there are no more.
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
            return _collect(Inbox(child.stdout.fileno()))
        finally:
            child.kill()


def _collect(inbox: Inbox) -> tuple[list[tuple[dict[str, Any], bytes]], str | None]:
    messages: list[tuple[dict[str, Any], bytes]] = []
    limit = _START_SECONDS  # the time of a busy machine to start Python is no sign of damage
    while True:
        try:
            message = inbox.receive(limit)
        except EOFError:
            return messages, "HDF5 crashed on it"
        if message is None:
            return messages, f"reading it took more than {limit:g} s"
        if "end" in message[0]:
            return messages, message[0]["end"]
        if limit == _LIMIT_SECONDS:
            messages.append(message)
        limit = _LIMIT_SECONDS


def main(arguments: list[str]) -> None:
    """Write the messages about the segment named in `arguments` to standard output."""
    failure = None
    _send({"ready": True})
    try:
        with h5py.File(arguments[0], "r", swmr=True, locking=False) as file:
            _send({"start_step": start_step(file)})
            for name, rows, problems in read_new(file, dict.fromkeys(_TABLES, 0)):
                _send({"table": name, "problems": problems}, rows.tobytes())
            blob, problems = read_blob(file, 0, sys.maxsize)
            _send({"table": "blob", "problems": problems}, blob)
    except Exception as error:  # HDF5 has many words for damage
        failure = str(error)
    _send({"end": failure})
    os._exit(0)  # nothing is left to do but what damage could hang


def _send(header: dict[str, Any], payload: bytes = b"") -> None:
    sys.stdout.buffer.write(pack(header, payload))
    sys.stdout.buffer.flush()
