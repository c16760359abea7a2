"""Part of `lasagnette bench augment`: training with data made in three ways, the article's acts.

"Brotherhood of data" tells it in three acts: augmentation between the training steps; on a thread
beside them, which hardly helped; and in processes of its own.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import repeat
from statistics import median
from typing import Any, NamedTuple

import numpy as np

import lasagnette.random
from augment.index import Index
from augment.recipe import Recipe
from augment.samples import Batch
from augment.server import Server
from augment.stream import InProcess, Stream, Threaded
from lasagnette import backend
from lasagnette.ops import kernels
from nets import registry
from nets.scaling import Scaling
from nets.training import Trainer
from scripts.bench_part import Part, Verdict, number
from scripts.bench_streams import endless
from scripts.progress import Progress

__all__ = ["Act", "Turn", "measure_acts"]

SETTLING = 16  # steps at the beginning of a turn, which use up what was made ahead
RATE = 1e-3
ALONE = "one minibatch, again and again"
IN_PROCESS, THREAD, SERVER = "in this process", "one thread", "the server, workers: {}"


class Act(NamedTuple):
    """What is trained in every act.

    Attributes
    ----------
    net
        Its name.
    batch_size
        Samples in a minibatch.
    steps
        Training steps of a turn.
    """

    net: str
    batch_size: int
    steps: int


class Turn(NamedTuple):
    """Training steps that were timed.

    Attributes
    ----------
    seconds
        All of them together.
    waited
        Of these, those in which the next minibatch was not there.
    """

    seconds: float
    waited: float


def measure_acts(index: Index, plans: Sequence[Act], workers: Sequence[int], rounds: int) -> Part:
    """Train nets on data from every kind of stream.

    Parameters
    ----------
    index
        Faces and pictures for backgrounds.
    plans
        What is trained.
    workers
        Numbers of workers of the servers; the last one's is compared with the other acts.
    rounds
        How often each stream has its turn.
    """
    rows, verdicts = [], []
    numbers: dict[str, Any] = {}
    with Progress(len(plans) * rounds * (3 + len(workers)), "acts") as progress, backend.threads():
        for plan in plans:
            net, batch_size, steps = plan
            turns = _train(index, plan, workers, rounds, progress)
            seconds = {act: median(turn.seconds for turn in taken) for act, taken in turns.items()}
            for act, taken in turns.items():
                waiting = median(turn.waited / turn.seconds for turn in taken)
                rate = steps * batch_size / seconds[act]
                times = [f"{seconds[act]:.2f}", f"{seconds[act] / seconds[IN_PROCESS]:.2f}"]
                shown = ["", ""] if act == ALONE else [number(rate), f"{waiting:.1%}"]
                rows.append([net, act, *times, *shown])
            server = SERVER.format(workers[-1])
            for rival in (IN_PROCESS, THREAD):
                what = f"{net}, total time: {server} / {rival}"
                verdicts.append(Verdict(what, seconds[server] / seconds[rival], 1.0, most=True))
            numbers[net] = {
                **plan._asdict(),
                "turns": {act: [turn._asdict() for turn in taken] for act, taken in turns.items()},
            }
    made = kernels.describe()
    sizes = ", ".join(f"{net} {steps} of {size}" for net, size, steps in plans)
    return Part(
        "The three acts: seconds of training",
        ["net", "data from", "seconds", "/ first", "samples/s", "waiting"],
        rows,
        verdicts,
        [
            (
                f"Minibatches in a turn: {sizes}; every picture is held decoded, "
                f"the functions are compiled; kernels: {made['name']}, threads: {made['threads']}."
            ),
            (
                "Waiting is the share of the time in which the step had no minibatch; work that "
                "the other processes take from the step's cores shows in the seconds alone."
            ),
        ],
        texts=2,
        numbers=numbers,
    )


def _train(
    index: Index, plan: Act, workers: Sequence[int], rounds: int, progress: Progress
) -> dict[str, list[Turn]]:
    """The turns of every act; they change places in rounds."""
    net, batch_size, steps = plan
    recipe = Recipe(registry.spec(net).side, batch_size)
    progress.advance(0, f"compiling {net}")
    lasagnette.random.set_rng(np.random.default_rng(1))
    trainer = Trainer(registry.build(net), Scaling())
    with ExitStack() as stack:
        streams: dict[str, Stream] = {
            IN_PROCESS: InProcess(index, recipe, 1),
            THREAD: Threaded(index, recipe, 1),
        }
        for count in workers:
            streams[SERVER.format(count)] = stack.enter_context(
                Server(index, recipe, 1, workers=count)
            )
        batches: dict[str, Iterator[Batch]] = {}
        for name, stream in streams.items():
            progress.advance(0, f"warming {net}, {name}")
            batches[name] = endless(stream)
            for _ in range(stream.steps_per_epoch):
                last = next(batches[name])
        batches = {ALONE: repeat(last), **batches}
        turns: dict[str, list[Turn]] = {name: [] for name in batches}
        for _ in range(rounds):
            for name, source in batches.items():
                progress.advance(0, f"{net}, {name}")
                _steps(trainer, source, SETTLING)
                turns[name].append(_steps(trainer, source, steps))
                progress.advance()
    return turns


def _steps(trainer: Trainer, batches: Iterator[Batch], count: int) -> Turn:
    """Take training steps; what `nets.training.fit` does, with the clock beside it."""
    waited, started = 0.0, time.perf_counter()
    for _ in range(count):
        asked = time.perf_counter()
        batch = next(batches)
        waited += time.perf_counter() - asked
        trainer.step(batch, RATE)
    return Turn(time.perf_counter() - started, waited)
