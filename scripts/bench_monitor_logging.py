"""Parts of `lasagnette bench monitor`: what the log costs a training."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np

import lasagnette.random
from augment.recipe import Recipe
from augment.samples import Batch
from augment.stream import InProcess
from lasagnette import backend
from monitor.runlog import RunLog
from monitor.status import living_writer
from nets import registry
from nets.scaling import Scaling
from nets.training import Trainer
from scripts.bench_monitor_server import cpu_seconds
from scripts.bench_part import Part, Verdict, number
from scripts.bench_pictures import make_pictures
from scripts.bench_streams import endless
from scripts.progress import Progress
from scripts.run_pictures import log_weights

__all__ = ["measure_logging", "measure_training"]

SCALAR, TRAINING = 2.0, 1.0  # microseconds, percent
CALLS = 10_000  # between two flushes
NET, BATCH, RATE = "net12", 512, 1e-3
WHOLE = 4800  # steps of a training on FDDB and LFW: 100 epochs of 48
LOOKS = 5  # at the weights, in a training
PICTURES = 60  # drawn, and augmented as photographs are
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
    """Training steps that were timed.

    Attributes
    ----------
    wall
        Seconds by the clock.
    training
        Processor seconds of the training's process, all its threads.
    calls, thread, writer
        Processor seconds of the log: of its calls, of its thread, of its writing process.
    start, look
        Processor seconds of the log before the first step, with a first look at the weights, and
        of a second look.
    """

    wall: float
    training: float
    calls: float = 0.0
    thread: float = 0.0
    writer: float = 0.0
    start: float = 0.0
    look: float = 0.0


def measure_training(rounds: int, steps: int) -> Part:
    """Train net12 as `lasagnette train` does, with a log and without one, in turns.

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
        index, _ = make_pictures(Path(place), PICTURES, None)
        batches = endless(InProcess(index, Recipe(registry.spec(NET).side, BATCH), 1))
        for _ in range(10):
            trainer.step(next(batches), RATE)
        plain, logged = [], []
        for turn in range(rounds):
            progress.advance(0, NET)
            begun, spent = time.perf_counter(), time.process_time()
            for _ in range(steps):
                trainer.step(next(batches), RATE)
            plain.append(_Turn(time.perf_counter() - begun, time.process_time() - spent))
            progress.advance()
            logged.append(_logged(trainer, batches, steps, Path(place, f"run-{turn}")))
            progress.advance()
    return _part(plain, logged, rounds, steps)


def _logged(trainer: Trainer, batches: Iterator[Batch], steps: int, folder: Path) -> _Turn:
    """Take training steps and log what `lasagnette train` logs; each second its gauges."""
    began = time.process_time()
    with RunLog(folder) as log:
        thread, writer = _clocks(log)
        log_weights(log, trainer.layer, 0)
        log.flush()
        start = time.process_time() - began + writer()
        log_weights(log, trainer.layer, 0)
        log.flush()
        look = time.process_time() - began + writer() - start
        calls, gauged = 0.0, 0.0
        before = thread(), writer(), time.process_time()
        begun = time.perf_counter()
        for step in range(1, steps + 1):
            values = trainer.step(next(batches), RATE)
            asked = time.thread_time()
            for name, value in values.items():
                log.scalar(f"train/{name}", value, step, step / steps)
            log.scalar("train/learning_rate", RATE, step, step / steps)
            log.scalar("train/wait", 0.0, step, step / steps)
            if (now := time.perf_counter()) - gauged > 1:
                gauged = now
                for name in GAUGES:
                    log.scalar(name, 1.0, step, step / steps)
            calls += time.thread_time() - asked
        log.flush()
        return _Turn(
            time.perf_counter() - begun,
            time.process_time() - before[2],
            calls,
            thread() - before[0],
            writer() - before[1],
            start,
            look,
        )


def _clocks(log: RunLog) -> tuple[Callable[[], float], Callable[[], float]]:
    """Return what tells the processor time of the log's thread and of its writing process."""
    found = living_writer(log.folder)
    threads = [one for one in threading.enumerate() if one.name == "run log"]
    if found is None or not threads or not hasattr(time, "pthread_getcpuclockid"):
        return (lambda: 0.0), (lambda: 0.0)
    assert threads[-1].ident is not None
    clock = time.pthread_getcpuclockid(threads[-1].ident)
    return (lambda: time.clock_gettime(clock)), (lambda: cpu_seconds(found.pid))


def _part(plain: list[_Turn], logged: list[_Turn], rounds: int, steps: int) -> Part:
    step = median(turn.training for turn in plain) / steps
    once = [turn.start + (LOOKS - 1) * turn.look for turn in logged]
    spent = {
        "its calls": median(turn.calls for turn in logged) / steps,
        "its thread": median(turn.thread for turn in logged) / steps,
        "its writing process": median(turn.writer for turn in logged) / steps,
        f"its start and looks at the weights, over {number(WHOLE)} steps": median(once) / WHOLE,
    }
    spent["all of it"] = sum(spent.values())
    rows = [
        ["a step without the log", f"{1e6 * step:,.0f}", ""],
        *([name, f"{1e6 * one:.1f}", f"{one / step:.3%}"] for name, one in spent.items()),
    ]
    walls = [median(turn.wall for turn in turns) / steps for turns in (plain, logged)]
    return Part(
        f"What the log costs {NET}: microseconds of processor time, of a training step",
        ["", "microseconds", "share"],
        rows,
        [
            Verdict(
                "the log's processor time / the training's",
                100 * spent["all of it"] / step,
                TRAINING,
                most=True,
                unit=" %",
            )
        ],
        [
            (
                f"Turns: {rounds} with the log and {rounds} without, {steps} steps of {BATCH} "
                "samples, which this process makes; by the clock a step takes "
                f"{1e3 * walls[0]:.2f} ms, with the log {walls[1] / walls[0] - 1:+.1%}, which is "
                "less sure than the sum. Logged as `lasagnette train` does; it looks at the "
                f"weights {LOOKS} times in a training, which has {number(WHOLE)} steps by default."
            )
        ],
        numbers={
            "plain": [turn._asdict() for turn in plain],
            "logged": [turn._asdict() for turn in logged],
        },
    )
