"""What the tests of streams share: a small index, bytes to compare, and processes to look for."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np
from augment_scenes import draw_scene

from augment import index as tables
from augment.index import BACKGROUND, FACE, Index
from augment.samples import Batch

FACES, BACKGROUNDS = 20, 10


def draw_pictures(folder: Path) -> Index:
    """An index of 20 faces in as many pictures and 10 pictures without, all small."""
    names = [f"{number:02d}.jpg" for number in range(FACES + BACKGROUNDS)]
    for number, name in enumerate(names):
        ellipses = [(30, 20, 1.5, 60, 50)] if number < FACES else []
        draw_scene(number, 120, 90, ellipses).save(folder / name)
    frames = np.tile([[40, 20, 40, 60]], (FACES, 1))
    nowhere = np.full((BACKGROUNDS, 4), np.nan)
    return tables.concat(
        [
            tables.make(folder, names[:FACES], frames, FACE, "t", ["g"] * FACES),
            tables.make(folder, names[FACES:], nowhere, BACKGROUND, "t", ["g"] * BACKGROUNDS),
        ]
    )


def damage(index: Index, rows: Iterable[int]) -> None:
    """Cut the files of some rows short."""
    for row in rows:
        os.truncate(index.file(row), 300)


def content(batches: Iterable[Batch]) -> list[bytes]:
    """The bytes of minibatches, to compare."""
    return [batch.images.tobytes() + batch.labels.tobytes() for batch in batches]


def until(true: Callable[[], object], seconds: float = 20.0) -> bool:
    """Whether something comes true within some time."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if true():
            return True
        time.sleep(0.02)
    return bool(true())


def children(parent: int) -> list[int]:
    """The living children of a process."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, above = stat.read_text().rpartition(")")[2].split()[:2]
            if int(above) == parent and state != "Z":
                found.append(int(stat.parent.name))
    return sorted(found)


def marked(mark: str) -> list[int]:
    """The living processes that have a text in their environment."""
    found = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            state = (environ.parent / "stat").read_text().rpartition(")")[2].split()[0]
            if state != "Z" and mark.encode() in environ.read_bytes():
                found.append(int(environ.parent.name))
    return found


def kill(pid: int, number: int = signal.SIGKILL) -> bool:
    """Send a signal; False if the process is gone."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True
