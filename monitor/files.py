"""Reading the small files beside a run's segments, whoever put them there."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

__all__ = ["read_json", "write_json"]

_LARGEST = 16 * 1024 * 1024


def read_json(path: Path) -> Any:
    """Return a file's content; None if it is missing, damaged, too large, a link or no file."""
    try:
        # Nonblocking, so that a named pipe in the file's place cannot hold the reader up.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return None
            content = file.read(_LARGEST + 1)
        return json.loads(content) if len(content) <= _LARGEST else None
    except (OSError, ValueError, RecursionError):
        return None


def write_json(path: Path, content: Any) -> None:
    """Write a file anew; readers see the old or the new one, never half of it.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    with open(temporary, "x", encoding="ascii") as file:
        json.dump(content, file, indent=1)
    temporary.replace(path)
