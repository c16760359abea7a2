"""A worker whose decoder fails as the name of a file says: a bug in a codec, a disk that hangs."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from augment.cache import PhotoCache
from augment.functional import Levels
from augment.server import worker

_read = PhotoCache.read


def read(self: PhotoCache, key: str) -> Levels:
    name = Path(key).name
    if name.startswith("once"):
        mark = Path(key + ".read")
        if mark.exists():
            return _read(self, key)
        mark.touch()
    if "kills" in name:
        os.kill(os.getpid(), signal.SIGKILL)
    elif "stops" in name:
        os.kill(os.getpid(), signal.SIGSTOP)
    elif "hangs" in name:
        time.sleep(1000)
    elif "exits" in name:
        os._exit(7)
    elif "raises" in name:
        raise ZeroDivisionError("a bug")
    return _read(self, key)


def main(arguments: Sequence[str]) -> None:
    if os.environ.get("FRAGILE") == "start":
        sys.exit(3)
    PhotoCache.read = read  # type: ignore[method-assign]
    worker.main(arguments)
