"""A worker whose decoder fails as the name of a file says: a bug in a codec, a disk that hangs.

What it is told in its environment it does, too: ``FRAGILE_LOG`` is a file in which it writes down
the samples that it makes, ``FRAGILE_START`` an exit code with which it ends at once.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from augment.cache import PhotoCache
from augment.functional import Levels
from augment.samples import Batch, Sampler
from augment.server import worker

_read, _make = PhotoCache.read, Sampler.make


def make(self: Sampler, epoch: int, step: int, positions: np.ndarray, *rest: np.ndarray) -> Batch:
    line = f"{epoch} {step} {' '.join(map(str, positions))}\n"
    with open(os.environ["FRAGILE_LOG"], "a", encoding="ascii") as log:
        log.write(line)
    return _make(self, epoch, step, positions, *rest)


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
    if "FRAGILE_START" in os.environ:
        sys.exit(int(os.environ["FRAGILE_START"]))
    if "FRAGILE_LOG" in os.environ:
        Sampler.make = make  # type: ignore[method-assign]
    PhotoCache.read = read  # type: ignore[method-assign]
    worker.main(arguments)
