"""A stream of minibatches, whoever makes them."""

from __future__ import annotations

import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator
from functools import partial
from typing import Self

import numpy as np

from augment.cache import PhotoCache
from augment.errors import ServerError
from augment.index import Index
from augment.order import minibatches, steps_per_epoch
from augment.photos import Photos
from augment.prefetch import prefetch
from augment.recipe import Recipe
from augment.samples import Batch, Sampler

__all__ = ["InProcess", "Report", "Stream", "Threaded"]

Report = Callable[[str], None]


class Stream(ABC):
    """What gives minibatches, the same bytes in every kind of stream; a context manager.

    A kind of stream says how it begins at a place (`_seek`) and how it takes the next minibatch
    (`_take`); between epochs it goes on by itself.

    Attributes
    ----------
    steps_per_epoch : int
        Minibatches of an epoch.
    """

    def __init__(self, index: Index, recipe: Recipe) -> None:
        self.steps_per_epoch = steps_per_epoch(index, recipe)
        self._clock = Waiting()
        self._next: tuple[int, int] | None = None  # where the stream stands
        self._begun = 0  # epochs; only the last one is read
        self._closed = False

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]:
        """The minibatches of an epoch from a given one on; one epoch at a time is read.

        Raises
        ------
        ServerError
            If the stream is closed or another epoch was begun meanwhile, an argument is negative,
            or what makes the minibatches cannot go on.
        DataError
            If a class of the index has no picture that can be read.
        """
        return self._clock.watch(self._in_order(number, start))

    def _in_order(self, number: int, start: int) -> Iterator[Batch]:
        self._check_open()
        if number < 0 or start < 0:
            raise ServerError(
                f"{type(self).__name__}.epoch: number and start must not be negative; "
                f"got {number!r}, {start!r}"
            )
        if self._next != (number, start) and start < self.steps_per_epoch:
            self._seek(number, start)
        self._begun += 1
        mine = self._begun
        for step in range(start, self.steps_per_epoch):
            self._check_open()
            if self._begun != mine:
                raise ServerError("another epoch was begun before this one was read to its end")
            self._next = None  # unless the minibatch arrives
            batch = self._take(number, step)
            last = step + 1 == self.steps_per_epoch
            self._next = (number + 1, 0) if last else (number, step + 1)
            yield batch

    def _check_open(self) -> None:
        if self._closed:
            raise ServerError("the stream of minibatches is closed")

    @abstractmethod
    def _seek(self, epoch: int, step: int) -> None:
        """Begin at a minibatch."""

    @abstractmethod
    def _take(self, epoch: int, step: int) -> Batch:
        """The next minibatch, which is this one."""

    @abstractmethod
    def gauges(self) -> dict[str, float]:
        """Numbers to watch: what happened since they were last asked for."""

    def close(self) -> None:
        """End what works for the stream."""
        self._closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class InProcess(Stream):
    """Minibatches made in this process when they are asked for.

    Parameters
    ----------
    index : Index
        The samples.
    recipe : Recipe
        What is made of them.
    seed : int
        With epoch and step the key of all chance, in [0, 2 ** 32).
    cache : PhotoCache, optional
        Decoded photographs; a new one by default.
    report : callable
        Told of each picture that cannot be read, once per cache. The next readable row with the
        same label, in the index's order, takes its place.

    Raises
    ------
    DataError
        If the index has no row that the recipe asks for, or the recipe cuts frames as they stand
        and squares are still to be drawn.
    """

    def __init__(
        self,
        index: Index,
        recipe: Recipe,
        seed: int,
        *,
        cache: PhotoCache | None = None,
        report: Report = warnings.warn,
    ) -> None:
        super().__init__(index, recipe)
        self._cache = PhotoCache() if cache is None else cache
        self._sampler = Sampler(Photos(index, self._cache, report), recipe, seed)
        self._places = partial(minibatches, index, recipe, seed)
        self._everywhere = np.arange(recipe.batch_size)
        self._made: Iterator[Batch] = iter(())
        self._seen = (0, 0)

    def _seek(self, epoch: int, step: int) -> None:
        self._made = self._make(epoch, step)

    def _make(self, epoch: int, step: int) -> Iterator[Batch]:
        for number, at, rows, classes in self._places(epoch=epoch, step=step):
            yield self._sampler.make(number, at, self._everywhere, rows, classes)

    def _take(self, epoch: int, step: int) -> Batch:
        return next(self._made)

    def gauges(self) -> dict[str, float]:
        """``cache/hits`` and ``queue/waited``, shares since they were last asked for."""
        hits, misses = self._cache.hits - self._seen[0], self._cache.misses - self._seen[1]
        self._seen = self._cache.hits, self._cache.misses
        return {"cache/hits": share(hits, hits + misses), "queue/waited": self._clock.share()}


class Threaded(InProcess):
    """The same, made ahead on a thread of this process: the first article's first try."""

    def _seek(self, epoch: int, step: int) -> None:
        self._stop()
        self._made = prefetch(self._make(epoch, step))

    def close(self) -> None:
        """End the thread."""
        super().close()
        self._stop()

    def _stop(self) -> None:
        if isinstance(self._made, Generator):
            self._made.close()


class Waiting:
    """How long whoever takes minibatches has waited for them."""

    def __init__(self) -> None:
        self._waited = 0.0
        self._since = time.perf_counter()

    def watch(self, items: Iterator[Batch]) -> Iterator[Batch]:
        """The same items; the time that each of them takes to come is counted."""
        while True:
            started = time.perf_counter()
            item = next(items, None)
            self._waited += time.perf_counter() - started
            if item is None:
                return
            yield item

    def share(self) -> float:
        """Share of the time since the last call, or since the beginning, that was waiting."""
        now = time.perf_counter()
        waited = share(self._waited, now - self._since)
        self._waited, self._since = 0.0, now
        return waited


def share(part: float, whole: float) -> float:
    """A part of a whole that may be nothing."""
    return part / whole if whole else 0.0
