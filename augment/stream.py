"""A stream of minibatches, whoever makes them."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Generator, Iterator
from types import TracebackType
from typing import Protocol, Self

from augment.batches import batches
from augment.cache import DEFAULT_BYTES, PhotoCache
from augment.errors import ServerError
from augment.index import Index
from augment.order import steps_per_epoch
from augment.prefetch import prefetch
from augment.recipe import Recipe
from augment.samples import Batch

__all__ = ["InProcess", "Report", "Stream", "Threaded"]

Report = Callable[[str], None]


class Stream(Protocol):
    """What gives minibatches: the same bytes in every kind of stream.

    Attributes
    ----------
    steps_per_epoch : int
        Minibatches of an epoch.
    """

    steps_per_epoch: int

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]:
        """The minibatches of an epoch from a given one on."""

    def gauges(self) -> dict[str, float]:
        """Numbers to watch: what happened since they were last asked for."""

    def close(self) -> None:
        """End what works for the stream."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class InProcess:
    """Minibatches made in this process when they are asked for.

    Parameters
    ----------
    index, recipe, seed
        See `augment.batches.batches`.
    cache : PhotoCache, optional
        Decoded photographs; by default a new one of `cache_bytes`.
    cache_bytes : int
        Bytes of decoded photographs to hold.
    report : callable
        Told of each picture that cannot be read, once.
    """

    def __init__(
        self,
        index: Index,
        recipe: Recipe,
        seed: int,
        *,
        cache: PhotoCache | None = None,
        cache_bytes: int = DEFAULT_BYTES,
        report: Report = warnings.warn,
    ) -> None:
        self.steps_per_epoch = steps_per_epoch(index, recipe)
        self._index, self._recipe, self._seed = index, recipe, seed
        self._cache = PhotoCache(cache_bytes) if cache is None else cache
        self._report = report
        self._seen = (0, 0)
        self._clock = Waiting()

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]:
        """The minibatches of an epoch from a given one on."""
        return self._clock.watch(self._batches(number, start))

    def _batches(self, number: int, start: int) -> Iterator[Batch]:
        return batches(
            self._index,
            self._recipe,
            seed=self._seed,
            epoch=number,
            start=start,
            cache=self._cache,
            report=self._report,
        )

    def gauges(self) -> dict[str, float]:
        """``cache/hits`` and ``queue/waited``, shares since they were last asked for."""
        hits, misses = self._cache.hits - self._seen[0], self._cache.misses - self._seen[1]
        self._seen = self._cache.hits, self._cache.misses
        return {"cache/hits": share(hits, hits + misses), "queue/waited": self._clock.share()}

    def close(self) -> None:
        """Nothing is to be ended."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Threaded(InProcess):
    """The same, made ahead on a thread of this process: the first article's first try."""

    _ahead: Generator[Batch, None, None] | None = None

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]:
        """The minibatches of an epoch from a given one on; one epoch at a time is read."""
        self.close()
        self._ahead = prefetch(self._batches(number, start))
        return self._clock.watch(self._read(self._ahead))

    def _read(self, ahead: Generator[Batch, None, None]) -> Iterator[Batch]:
        yield from ahead
        if self._ahead is not ahead:
            raise ServerError("another epoch was begun before this one was read to its end")

    def close(self) -> None:
        """End the thread."""
        if self._ahead is not None:
            self._ahead.close()
            self._ahead = None


class Waiting:
    """How long whoever takes minibatches has waited for them."""

    def __init__(self) -> None:
        self._waited = 0.0
        self._since = time.perf_counter()

    def watch(self, items: Iterator[Batch]) -> Iterator[Batch]:
        """The same items; the time that each of them takes to come is counted."""
        try:
            while True:
                started = time.perf_counter()
                item = next(items, None)
                self._waited += time.perf_counter() - started
                if item is None:
                    return
                yield item
        finally:
            close = getattr(items, "close", None)
            if close is not None:
                close()

    def share(self) -> float:
        """Share of the time since the last call, or since the beginning, that was waiting."""
        now = time.perf_counter()
        waited = share(self._waited, now - self._since)
        self._waited, self._since = 0.0, now
        return waited


def share(part: float, whole: float) -> float:
    """A part of a whole that may be nothing."""
    return part / whole if whole else 0.0
