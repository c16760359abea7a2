"""Part of `lasagnette bench monitor`: runs to be looked at, written as a training writes them."""

from __future__ import annotations

import math
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from logging import ERROR, getLogger
from pathlib import Path

import numpy as np

from monitor.runlog import Boxes, RunLog
from monitor.status import living_writer
from scripts.progress import Progress

__all__ = ["TAGS", "large_run", "many_runs", "quiet"]

TAGS = (
    *("train/loss", "train/accuracy", "train/learning_rate", "valid/loss", "valid/accuracy"),
    *("norm/gradient", "norm/weights", "norm/update_ratio", "valid/precision", "valid/recall"),
)
SIDE = 48  # pixels of a picture
TOGETHER = 1000  # steps between flushes
STEPS_PER_EPOCH = 1000
SHORT = 1000  # steps of one run of many
CRASHED = 10  # of many: every so many-th was killed


def large_run(folder: Path, points: int, pictures: int) -> None:
    """Write a run of so many points in `TAGS` together, and so many pictures of one series."""
    steps = points // len(TAGS)
    rng = np.random.default_rng(0)
    noise = rng.normal(size=steps).tolist()
    crops = rng.integers(0, 256, (16, SIDE, SIDE, 3), dtype=np.uint8)
    every = max(1, steps // max(1, pictures))
    boxes = Boxes(np.full((8, 4), 12.0), np.linspace(0.5, 1, 8), 1, "fired")
    shown = 0
    with (
        RunLog(folder, {"settings": {"epochs": steps // STEPS_PER_EPOCH}}) as log,
        Progress(steps, "writing a run") as progress,
    ):
        for step in range(steps):
            epoch = step / STEPS_PER_EPOCH
            for number, tag in enumerate(TAGS):
                log.scalar(tag, math.exp(-epoch / 20) + 0.05 * number * noise[step], step, epoch)
            if step % every == 0 and shown < pictures:
                about = {"angle": noise[step], "mirror": step % 2 == 0}
                log.picture("detections/one", crops[shown % len(crops)], step, about, boxes)
                shown += 1
            if step % TOGETHER == 0:
                log.flush()
                progress.advance(TOGETHER)


def many_runs(folder: Path, count: int) -> None:
    """Write runs of `SHORT` steps, every tenth of them killed; all but two are copies."""
    patterns = folder.with_name("patterns")
    for name in ("finished", "crashed"):
        log = RunLog(patterns / name, {"settings": {"net": "net12", "epochs": 10}})
        for step in range(SHORT):
            for number, tag in enumerate(TAGS):
                log.scalar(tag, 1 / (step + 1 + number), step, step / 100)
        log.flush()
        writer = living_writer(patterns / name)
        if name == "crashed" and writer is not None:
            os.kill(writer.pid, signal.SIGKILL)
        with quiet():
            log.close()
    for number in range(count):
        name = "crashed" if number % CRASHED == CRASHED - 1 else "finished"
        shutil.copytree(patterns / name, folder / f"net12-{number:03d}")
    shutil.rmtree(patterns)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep warnings about logs whose writer was killed on purpose to ourselves."""
    logger = getLogger("monitor")
    level = logger.level
    logger.setLevel(ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
