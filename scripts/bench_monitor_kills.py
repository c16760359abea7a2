"""Part of `lasagnette bench monitor`: trainings that are killed with SIGKILL."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from monitor.runlog import RunLogError, open_run
from monitor.status import living_writer
from scripts.bench_part import Part, Verdict, number
from scripts.progress import Progress

__all__ = ["measure_kills"]

TOGETHER = 3  # trainings that run at the same time
LIFE = 1.5  # seconds, at most, from the first flush to the kill
SEGMENT_BYTES = 500_000  # small, so that segments are changed while it is killed
TRAINING = """
import sys
import numpy as np
from monitor.runlog import RunLog

log = RunLog(sys.argv[1], segment_bytes=int(sys.argv[2]))
crop = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)
step = 0
while True:
    for _ in range(20):
        log.scalar("loss", step, step)
        log.scalar("accuracy", -step, step, step / 100)
        step += 1
    log.picture("crop", crop, step)
    log.text(str(step), step)
    if not log.flush():
        break
    print(step, flush=True)
"""


class _Killed(NamedTuple):
    """What a killed training left.

    Attributes
    ----------
    opens
        Whether it can be read at all.
    lost
        Rows, pictures and texts that were flushed and are not there.
    status
        What the reader says of it.
    problems
        Sentences about what could not be read.
    flushed
        Steps.
    """

    opens: bool
    lost: int
    status: str
    problems: int
    flushed: int


def measure_kills(kills: int, seed: int = 1) -> Part:
    """Kill trainings with SIGKILL at random moments; every other time their writer alone."""
    rng = random.Random(seed)
    plans = [(rng.uniform(0, LIFE), number % 2 == 1) for number in range(kills)]
    with (
        tempfile.TemporaryDirectory(prefix="lasagnette-bench-") as place,
        Progress(kills, "kills") as progress,
        ThreadPoolExecutor(TOGETHER) as pool,
    ):
        script = Path(place, "training.py")
        script.write_text(TRAINING, encoding="utf-8")

        def run(numbered: tuple[int, tuple[float, bool]]) -> _Killed:
            place_, (life, writer) = numbered
            found = _kill(script, Path(place, f"run-{place_}"), life, writer)
            progress.advance()
            return found

        found = list(pool.map(run, enumerate(plans)))
    crashed = Counter(one.status for one in found)
    bad = sum(not one.opens for one in found)
    lost = sum(one.lost for one in found)
    rows = [
        ["trainings killed (every other time the writing process)", str(kills)],
        ["runs that do not open", str(bad)],
        ["rows, pictures and texts that were flushed and are lost", str(lost)],
        ["runs that are not called crashed", str(kills - crashed["crashed"])],
        ["runs with a sentence about rows that are not verified", _count(found)],
        ["steps flushed, in all", number(sum(one.flushed for one in found))],
    ]
    return Part(
        "kill -9 at random moments",
        ["", "count"],
        rows,
        [
            Verdict("runs that open, of those killed", kills - bad, kills),
            Verdict("flushed and lost", lost, 0, most=True),
            Verdict("runs called crashed", crashed["crashed"], kills),
        ],
        [f"Up to {LIFE:g} s after the first flush; segments of {SEGMENT_BYTES / 1e6:g} MB."],
        numbers={"killed": [one._asdict() for one in found]},
    )


def _count(found: list[_Killed]) -> str:
    return str(sum(one.problems > 0 for one in found))


def _kill(script: Path, folder: Path, life: float, writer_only: bool) -> _Killed:
    training = subprocess.Popen(
        [sys.executable, str(script), str(folder), str(SEGMENT_BYTES)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert training.stdout is not None
    lines = [training.stdout.readline()]
    writer = living_writer(folder)
    time.sleep(life)
    victim = writer.pid if writer_only and writer is not None else training.pid
    os.kill(victim, signal.SIGKILL)
    lines += training.communicate()[0].splitlines()
    steps = [int(line) for line in lines if line.strip().isdigit()]
    flushed = max(steps, default=0)
    while living_writer(folder) is not None:  # it writes what it received, and ends
        time.sleep(0.02)
    try:
        run = open_run(folder)
        curves = [run.scalars(tag).value for tag in ("loss", "accuracy")]
        whole = [np.arange(len(values)) for values in curves]
        agree = [np.array_equal(np.abs(got), as_) for got, as_ in zip(curves, whole, strict=True)]
        there = [len(values) for values in curves]
        lost = sum(max(0, flushed - count) for count in there) + 10**6 * (not all(agree))
        lost += max(0, len(steps) - len(run.pictures("crop")))
        lost += max(0, len(steps) - len(run.texts()))
        return _Killed(True, lost, run.status, len(run.problems), flushed)
    except (RunLogError, OSError):
        return _Killed(False, 0, "", 0, flushed)
