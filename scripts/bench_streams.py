"""Our side of `lasagnette bench augment`: a stream of minibatches that is timed."""

from __future__ import annotations

import time
from collections.abc import Iterator

from augment.samples import Batch
from augment.stream import Stream
from scripts.bench_part import SETTLING

__all__ = ["Timed", "endless"]


def endless(stream: Stream) -> Iterator[Batch]:
    """The minibatches of all epochs."""
    epoch = 0
    while True:
        yield from stream.epoch(epoch)
        epoch += 1


class Timed:
    """A stream whose minibatches are taken, each copied as the training takes it, and counted.

    Parameters
    ----------
    name
        What the table calls it.
    stream
        Where they come from.
    """

    def __init__(self, name: str, stream: Stream) -> None:
        self.name, self.stream = name, stream
        self._batches = endless(stream)

    def warm(self) -> None:
        """Take an epoch, after which every photograph is decoded and held."""
        for _ in range(self.stream.steps_per_epoch):
            next(self._batches)

    def rate(self, seconds: float) -> float:
        """Samples per second, over so long; what was made before does not count."""
        ends = time.perf_counter() + SETTLING
        while time.perf_counter() < ends:
            next(self._batches)
        count, started, spent = 0, time.perf_counter(), 0.0
        while spent < seconds:
            count += len(next(self._batches).labels)
            spent = time.perf_counter() - started
        return count / spent
