"""The other parts of `lasagnette bench detect`: many photographs in a stream, and its memory."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from cascade import Detector
from cascade.bundle import Cascade
from lasagnette.ops.kernels.pools import threads
from scripts.bench_part import Part, Verdict, medians, number, take_turns
from scripts.bench_processes import memory
from scripts.progress import Progress

__all__ = ["measure_folder", "measure_stream", "photographs"]

MIN_FACE = 40
JOBS = 2
SCALING_GOAL = 1.6
GROWTH_GOAL = 5.0  # percent
_EVERY = 20  # photographs from one look at the memory to the next
_STEP = 7  # pixels by which each photograph is moved against the one before

Photos = Iterable[tuple[int, np.ndarray]]


def photographs(image: np.ndarray, count: int | None = None) -> Iterator[tuple[int, np.ndarray]]:
    """The same photograph again and again, each time moved to the side, without an end or with."""
    taken = 0
    while count is None or taken < count:
        yield taken, np.roll(image, _STEP * taken, axis=1)
        taken += 1


class _Side:
    """A way to go through a stream."""

    def __init__(
        self, name: str, image: np.ndarray, run: Callable[[Photos], Iterable[Any]], count: int
    ) -> None:
        self.name = name
        self._image, self._run, self._count = image, run, count

    def rate(self, seconds: float) -> float:
        """Photographs per second, over so long and until all that was begun is done."""
        with threads(self._count, compiled=False):
            start = time.perf_counter()
            end = start + seconds

            def until_the_end() -> Photos:
                for key, image in photographs(self._image):
                    if key > 0 and time.perf_counter() > end:
                        return
                    yield key, image

            found = sum(1 for _ in self._run(until_the_end()))
            return found / (time.perf_counter() - start)


def measure_folder(cascade: Cascade, image: np.ndarray, rounds: int, seconds: float) -> Part:
    """Photographs per second by ways of going through a folder, which take turns.

    Parameters
    ----------
    cascade
        The nets.
    image
        A photograph.
    rounds, seconds
        Turns of each way, and their length.
    """
    detector = Detector(cascade, min_face=MIN_FACE)
    unbatched = Detector(cascade, min_face=MIN_FACE, batch_size=1)
    many = detector.detect_many

    def alone(photos: Photos) -> Iterator[Any]:
        return (detector.detect(photo) for _, photo in photos)

    sides = [
        _Side("batches of one window, one thread", image, unbatched.detect_many, 1),
        _Side("a call for each photograph, one thread", image, alone, 1),
        _Side("batches across photographs, one thread", image, many, 1),
        _Side(f"the same, {JOBS} threads in the kernels", image, many, JOBS),
        _Side(f"the same, {JOBS} jobs", image, lambda photos: many(photos, jobs=JOBS), 1),
    ]
    with Progress(rounds * len(sides), "folder") as progress:
        rates = take_turns(sides, rounds, seconds, progress)
    middle = medians(rates)
    one, calls = middle[sides[2].name], middle[sides[1].name]
    rows = [[name, number(rate), number(rate / calls)] for name, rate in middle.items()]
    best = max(middle[sides[3].name], middle[sides[4].name])
    return Part(
        f"A folder, smallest face {MIN_FACE}, photographs per second",
        ["way", "photographs/s", "/ calls"],
        rows,
        [Verdict(f"a folder, {JOBS} cores / one", best / one, SCALING_GOAL)],
        [
            (
                f"The photograph again and again, moved by {_STEP} pixels; nothing is decoded. A "
                "call for each photograph fills batches inside it alone."
            )
        ],
        numbers={"photographs_per_second": rates},
    )


def measure_stream(cascade: Cascade, image: np.ndarray, count: int) -> Part:
    """This process's memory over a long stream; only Linux tells it.

    Parameters
    ----------
    cascade
        The nets.
    image
        A photograph.
    count
        Length of the stream.
    """
    detector = Detector(cascade, min_face=MIN_FACE)
    resident, start, done = [], time.perf_counter(), 0
    with Progress(count, "memory") as progress:
        found = detector.detect_many(photographs(image, count), jobs=JOBS)
        for done, _ in enumerate(found, start=1):
            if done % _EVERY == 0 or done == count:
                resident.append(memory(os.getpid())[0])
            progress.advance()
    seconds = time.perf_counter() - start
    half = max(1, len(resident) // 2)
    first, second = max(resident[:half]), max(resident[half:] or resident)
    growth = Verdict(
        f"growth of the peak from the first half of {done} photographs to the second",
        100 * (second - first) / first,
        GROWTH_GOAL,
        most=True,
        unit=" %",
    )
    return Part(
        f"Memory of a stream of {done} photographs, {JOBS} jobs",
        ["photographs", "photographs/s", "MB, first half", "MB, second half"],
        [[str(done), number(done / seconds), f"{first:.1f}", f"{second:.1f}"]],
        [growth],
        [f"Peak of the resident memory, looked at after every {_EVERY} photographs."],
        numbers={"photographs_per_second": done / seconds, "rss_mb": resident},
    )
