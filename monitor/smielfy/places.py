"""Where things lie in the folder, and how they are written: whole or not at all."""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

__all__ = ["PART", "Lock", "today", "write_bytes", "write_json"]

PART = ".part"
"""How the names of files end that are being written."""


class Lock:
    """Lets one thread of one process change the folder at a time.

    Parameters
    ----------
    path : Path
        The file that is locked.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._threads = path, threading.Lock()

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Hold the lock; it goes with the process, whatever ends it."""
        with self._threads, open(self._path, "ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def today() -> str:
    """Return the day in UTC, ``'2026-11-30'``."""
    return datetime.now(UTC).date().isoformat()


def write_bytes(path: Path, content: bytes, day: str | None = None) -> None:
    """Write a file that only its owner may read; readers see all of it or what was there before.

    Parameters
    ----------
    path : Path
        Its place.
    content : bytes
        What it will hold.
    day : str, optional
        Day that the file system gives as its time, so that it gives no hour.

    Raises
    ------
    OSError
        If it cannot be written; nothing is left then.
    """
    draft = path.with_name(f".{path.name}{PART}")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        with open(os.open(draft, flags, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if day is not None:
            begin = datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()
            os.utime(draft, (begin, begin))
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def write_json(path: Path, content: Any, day: str | None = None) -> None:
    """Write JSON; see `write_bytes`."""
    write_bytes(path, json.dumps(content, ensure_ascii=False, indent=1).encode(), day)


def _sync(folder: Path) -> None:
    """Let the file's new name survive a loss of power."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
