"""Parts of `lasagnette bench monitor`: what the log costs a training."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np

import lasagnette.random
from augment.samples import Batch
from lasagnette import backend
from monitor.runlog import RunLog
from monitor.status import living_writer
from nets import registry
from nets.scaling import Scaling
from nets.training import Trainer
from scripts.bench_monitor_server import cpu_seconds
from scripts.bench_part import Part, Verdict, number
from scripts.progress import Progress
from scripts.run_pictures import log_weights

__all__ = ["measure_logging", "measure_training"]

SCALAR, TRAINING = 2.0, 1.0  # microseconds, percent
CALLS = 10_000  # between two flushes
NET, BATCH, RATE = "net12", 512, 1e-3
LOOK = 100  # steps from look to look at the weights: more often than a training does
GAUGES = ("queue/batches", "queue/waited", "cache/hits", "cache/bytes")


def measure_logging(rounds: int) -> Part:
    """Time the calls that log one number each."""
    times, computed = [], []
    with (
        tempfile.TemporaryDirectory(prefix="lasagnette-bench-") as place,
        RunLog(Path(place, "run")) as log,
    ):
        for _ in range(10 * rounds):
            begun, spent = time.perf_counter(), time.thread_time()
            for step in range(CALLS):
                log.scalar("train/loss", 0.5, step, 0.25)
            computed.append(1e6 * (time.thread_time() - spent) / CALLS)
            times.append(1e6 * (time.perf_counter() - begun) / CALLS)
            log.flush()
    rows = [
        [name, *(number(value) for value in (median(values), min(values), max(values)))]
        for name, values in (("by the clock", times), ("processor time", computed))
    ]
    return Part(
        "Logging a number: microseconds",
        ["", "median", "fastest", "slowest"],
        rows,
        [
            Verdict(
                "one number logged, processor time, median",
                median(computed),
                SCALAR,
                most=True,
                unit=" us",
            )
        ],
        [f"log.scalar(tag, value, step, epoch) in turns of {number(CALLS)} calls: {len(times)}."],
        numbers={"microseconds": times, "processor": computed},
    )


class _Turn(NamedTuple):
    """Training steps that were timed; seconds."""

    wall: float
    calls: float
    thread: float
    writer: float


def measure_training(rounds: int, steps: int) -> Part:
    """Train net12 with a log and without one, in turns.

    Parameters
    ----------
    rounds
        How often each has its turn.
    steps
        Of a turn.
    """
    with (
        tempfile.TemporaryDirectory(prefix="lasagnette-bench-") as place,
        Progress(2 * rounds, "training") as progress,
        backend.threads(),
    ):
        progress.advance(0, f"compiling {NET}")
        lasagnette.random.set_rng(np.random.default_rng(1))
        trainer = Trainer(registry.build(NET), Scaling())
        batch = _batch()
        _steps(trainer, batch, 10, None)
        plain, logged = [], []
        for turn in range(rounds):
            progress.advance(0, NET)
            plain.append(_steps(trainer, batch, steps, None))
            progress.advance()
            with RunLog(Path(place, f"run-{turn}")) as log:
                logged.append(_steps(trainer, batch, steps, log))
            progress.advance()
    return _part(plain, logged, rounds, steps)


def _batch() -> Batch:
    rng = np.random.default_rng(0)
    side = registry.spec(NET).side
    images = rng.integers(0, 256, (BATCH, 3, side, side), dtype=np.uint8)
    return Batch(images, rng.integers(0, 2, BATCH).astype(np.int32))


def _steps(trainer: Trainer, batch: Batch, steps: int, log: RunLog | None) -> _Turn:
    """Take training steps and log what `lasagnette train` logs; each second its gauges."""
    calls, gauged = 0.0, 0.0
    thread, writer = _clocks(log)
    spent = thread(), writer()
    begun = time.perf_counter()
    for step in range(steps):
        values = trainer.step(batch, RATE)
        if log is None:
            continue
        asked = time.perf_counter()
        for name, value in values.items():
            log.scalar(f"train/{name}", value, step, step / steps)
        log.scalar("train/learning_rate", RATE, step, step / steps)
        log.scalar("train/wait", 0.0, step, step / steps)
        if asked - gauged > 1:
            gauged = asked
            for name in GAUGES:
                log.scalar(name, 1.0, step, step / steps)
        if step % LOOK == 0:
            log_weights(log, trainer.layer, step)
        calls += time.perf_counter() - asked
    if log is not None:
        log.flush()
    return _Turn(time.perf_counter() - begun, calls, thread() - spent[0], writer() - spent[1])


def _clocks(log: RunLog | None) -> tuple[Callable[[], float], Callable[[], float]]:
    """Return what tells the processor time of the log's thread and of its writing process."""
    found = None if log is None else living_writer(log.folder)
    threads = [one for one in threading.enumerate() if one.name == "run log"]
    if found is None or not threads or not hasattr(time, "pthread_getcpuclockid"):
        return (lambda: 0.0), (lambda: 0.0)
    assert threads[-1].ident is not None
    clock = time.pthread_getcpuclockid(threads[-1].ident)
    return (lambda: time.clock_gettime(clock)), (lambda: cpu_seconds(found.pid))


def _part(plain: list[_Turn], logged: list[_Turn], rounds: int, steps: int) -> Part:
    kinds = {
        "its calls": [turn.calls for turn in logged],
        "its thread": [turn.thread for turn in logged],
        "its writing process": [turn.writer for turn in logged],
    }
    step = median(turn.wall for turn in plain) / steps
    rows = [
        ["a step without the log", f"{1e6 * step:,.0f}", ""],
        *(
            [name, f"{1e6 * median(spent) / steps:.1f}", f"{median(spent) / steps / step:.3%}"]
            for name, spent in kinds.items()
        ),
    ]
    share = sum(median(spent) for spent in kinds.values()) / steps / step
    difference = median(turn.wall for turn in logged) / steps / step - 1
    rows.append(["all of it", f"{1e6 * share * step:.1f}", f"{share:.3%}"])
    return Part(
        f"What the log costs {NET}: microseconds of a training step",
        ["", "microseconds", "share"],
        rows,
        [
            Verdict(
                "the log's processor time / the training's time",
                100 * share,
                TRAINING,
                most=True,
                unit=" %",
            )
        ],
        [
            (
                f"Turns: {rounds} with the log and {rounds} without, {steps} steps of {BATCH} "
                f"samples each; a step takes {difference:+.1%} with the log, which is less sure "
                "than the sum. Logged as `lasagnette train` does, histograms of the weights and "
                f"filters every {LOOK} steps."
            ),
        ],
        numbers={
            "plain": [turn._asdict() for turn in plain],
            "logged": [turn._asdict() for turn in logged],
        },
    )
