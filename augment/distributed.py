"""Minibatches made past one machine, by the workers of a Dask cluster.

Every minibatch is cut into pieces, which Dask gives to its workers and gives out once more where a
worker is lost. The workers need the same versions of the packages, and the photographs at the same
paths.
"""

from __future__ import annotations

import io
import json
import os
import time
import uuid
import warnings
from collections import deque
from collections.abc import Iterator
from concurrent.futures import CancelledError
from concurrent.futures import Future as Answer
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from augment import remote
from augment.cache import DEFAULT_BYTES
from augment.cluster import ANSWER_SECONDS, ask, begin, check, connect, seats
from augment.errors import DataError, ServerError
from augment.index import Index
from augment.order import minibatches
from augment.recipe import Recipe
from augment.samples import Batch
from augment.server.pieces import cut, files_in_words, homes
from augment.stream import Report, Stream, share

if TYPE_CHECKING:
    from distributed import Client, Future

__all__ = ["DaskStream"]

_TRIES = 3  # for a minibatch that is cancelled though the scheduler is there
_LOOK_SECONDS = 2.0  # between looks at which workers there are


@dataclass(eq=False)
class _Minibatch:
    epoch: int
    step: int
    parts: list[tuple[int, np.ndarray]]  # the group of workers, and what it is to make
    pieces: list[tuple[np.ndarray, Future]]  # int32 (3, n): positions, rows, classes
    made: Answer[list[dict]]


class DaskStream(Stream):
    """Minibatches made by a Dask cluster; a context manager.

    The bytes are those of `augment.stream.InProcess`, whatever the workers are and whichever of
    them are lost or join on the way.

    Parameters
    ----------
    index, recipe, seed
        See `augment.stream.InProcess`.
    scheduler : str
        ``dask://host:port``; without a port 8786, Dask's own.
    batches : int
        Minibatches that are in work or wait for the training, at least 2; more are begun where
        these would not keep all workers busy.
    piece : int
        Fewest samples that a minibatch is cut into, on average. A photograph's samples go to the
        same worker, so that it is decoded only there; where there are more workers than pieces, to
        one of a few.
    cache_bytes : int
        Bytes of decoded photographs that a worker process holds, if three tenths of its memory
        limit are not less.
    silence : float
        Seconds without a minibatch after which the stream counts as broken.
    patience : float
        Seconds to wait for the scheduler, and then for the first worker.
    report : callable
        Told of each picture that cannot be read, and of each worker that was lost.

    Raises
    ------
    ServerError
        If an argument is not as said, Dask is not installed, or the scheduler or all workers are
        missing; while the stream is read, if it cannot go on.
    DataError
        If the index has no row that the recipe asks for.
    """

    def __init__(
        self,
        index: Index,
        recipe: Recipe,
        seed: int,
        scheduler: str,
        *,
        batches: int = 8,
        piece: int = 32,
        cache_bytes: int = DEFAULT_BYTES,
        silence: float = 300.0,
        patience: float = 20.0,
        report: Report = warnings.warn,
    ) -> None:
        for name, value, low in (("batches", batches, 2), ("piece", piece, 1)):
            if value < low:
                raise ServerError(f"DaskStream: {name} must be at least {low}; got {value!r}")
        super().__init__(index, recipe)
        self._recipe, self._seed = recipe, seed
        self._scheduler = scheduler
        self._batches, self._piece = batches, piece
        self._silence, self._report = silence, report
        # the workers' current folder is another one
        self._index = replace(index, root=Path(os.path.abspath(index.root)))
        _, self._photo = np.unique(index.paths, return_inverse=True)
        self._client: Client | None = connect(scheduler, patience)
        try:
            self._workers: list[str] = []
            self._looked = 0.0
            check(self._client, scheduler)
            self._look()
            self._send(cache_bytes)
        except BaseException:
            self._client.close(timeout=ANSWER_SECONDS)
            raise
        self._order: deque[_Minibatch] = deque()
        self._steps: Iterator[tuple[int, int, np.ndarray, np.ndarray]] = iter(())
        self._numbers = count()
        self._told: set[str] = set()
        self._gauged = time.monotonic()
        self._done = self._hits = self._misses = 0

    def gauges(self) -> dict[str, float]:
        """Numbers to watch: what happened since they were last asked for.

        ``queue/pieces`` and ``queue/batches`` are the pieces in work and the minibatches that wait
        for the training, ``queue/waited`` the share of time that the training waited,
        ``cache/hits`` the share of photographs that were held, ``worker/count`` the workers,
        ``worker/pieces`` the pieces that they made per second.
        """
        now = time.monotonic()
        done, hits, misses = self._done, self._hits, self._misses
        self._done = self._hits = self._misses = 0
        rate, self._gauged = share(done, now - self._gauged), now
        futures = [future for batch in self._order for _, future in batch.pieces]
        return {
            "queue/pieces": sum(not future.done() for future in futures),
            "queue/batches": sum(batch.made.done() for batch in self._order),
            "queue/waited": self._clock.share(),
            "cache/hits": share(hits, hits + misses),
            "worker/count": len(self._workers),
            "worker/pieces": rate,
        }

    def close(self) -> None:
        """Cancel what is in work, have the workers forget the stream, and leave the cluster."""
        super().close()
        client, self._client = self._client, None
        if client is None:
            return
        self._clear()
        del self._content
        # a cluster that is gone, or has no time, holds a bounded rest
        with suppress(Exception):
            ask(client, lambda: client.run(remote.forget, self._plan))
        with suppress(TimeoutError):
            client.close(timeout=ANSWER_SECONDS)

    def _send(self, cache_bytes: int) -> None:
        """Give the index to the cluster, once; its workers pass it on to each other."""
        import dask

        file = io.BytesIO()
        self._index.save(file)
        seen = filter(os.path.exists, (str(self._index.root), str(self._index.file(0))))
        plan = {
            "token": uuid.uuid4().hex,
            "recipe": self._recipe.as_dict(),
            "seed": self._seed,
            "cache_bytes": cache_bytes,
            "versions": remote.versions(),
            "seen": list(seen),
        }
        self._plan = json.dumps(plan)
        self._name = f"lasagnette-{plan['token']}"
        # A task, unlike scattered data, is done again when the workers that held its result die.
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TB"}):
            assert self._client is not None
            self._content = self._client.submit(
                remote.keep, file.getvalue(), key=f"{self._name}-index"
            )

    def _seek(self, epoch: int, step: int) -> None:
        self._clear()
        self._steps = minibatches(self._index, self._recipe, self._seed, epoch=epoch, step=step)

    def _clear(self) -> None:
        """Abandon all that is in work: Dask drops what nobody asks for any more."""
        for batch in self._order:
            batch.made.cancel()
        self._order.clear()

    def _take(self, epoch: int, step: int) -> Batch:
        """Begin minibatches ahead, wait for the first, and put it together."""
        if time.monotonic() - self._looked > _LOOK_SECONDS:
            self._look()
        in_work = max(self._batches, 2 + 2 * len(self._workers) // self._groups)
        while len(self._order) < in_work:
            self._order.append(self._begin(*next(self._steps)))
        batch = self._order[0]
        assert (batch.epoch, batch.step) == (epoch, step), "minibatches come in order"
        batch, results = self._wait()
        self._order.popleft()
        side = self._recipe.side
        images = np.empty((self._recipe.batch_size, 3, side, side), np.uint8)
        labels = np.empty(self._recipe.batch_size, np.int32)
        for (places, _), result in zip(batch.pieces, results, strict=True):
            self._note(result)
            images[places[0]], labels[places[0]] = result["images"], result["labels"]
        return Batch(images, labels)

    def _begin(self, epoch: int, step: int, rows: np.ndarray, classes: np.ndarray) -> _Minibatch:
        """Cut a minibatch into pieces by the photographs' homes and give them to Dask."""
        pieces = cut(rows, classes, self._home[rows], self._groups, len(rows))
        return self._submit(epoch, step, list(pieces))

    def _submit(self, epoch: int, step: int, parts: list[tuple[int, np.ndarray]]) -> _Minibatch:
        """Give a minibatch's pieces to Dask, each to its group of workers."""
        client = self._client
        assert client is not None
        pieces = []
        for group, places in parts:
            number = next(self._numbers)
            future = client.submit(
                remote.make_piece,
                *(self._content, self._plan, epoch, step, places),
                key=f"{self._name}-{number}",
                workers=self._workers[group :: self._groups],
                allow_other_workers=True,
                priority=-number,
            )
            pieces.append((places, future))
        futures = [future for _, future in pieces]

        async def results() -> list[dict]:
            return [await future for future in futures]

        return _Minibatch(epoch, step, parts, pieces, begin(client, results()))

    def _wait(self) -> tuple[_Minibatch, list[dict]]:
        """The first minibatch in work and its pieces.

        Dask may cancel a task that it no longer knows all of, without a loss of the connection: the
        minibatch is asked for again.
        """
        client = self._client
        assert client is not None
        for _ in range(_TRIES):
            batch = self._order[0]
            try:
                return batch, self._results(batch)
            except CancelledError:
                if client.status != "running":
                    break
                self._order[0] = self._submit(batch.epoch, batch.step, batch.parts)
        raise ServerError(
            f"the connection to the Dask scheduler {self._scheduler} is lost; the training stops "
            "here and can be resumed"
        )

    def _results(self, batch: _Minibatch) -> list[dict]:
        from distributed.scheduler import KilledWorker

        where = f"the Dask scheduler {self._scheduler}"
        try:
            return batch.made.result(self._silence)
        except CancelledError:
            raise
        except KilledWorker as error:
            raise ServerError(self._blame(batch, error)) from error
        except Exception as error:
            if isinstance(error, TimeoutError) and not batch.made.done():
                self._look()
                raise ServerError(
                    f"no minibatch has come from {where} for {self._silence:.0f} s; it has "
                    f"{len(self._workers)} workers"
                ) from error
            raise ServerError(f"{where} or one of its workers failed: {error!r}") from error

    def _note(self, result: dict) -> None:
        """Take note of what came with a piece, and raise what it failed with."""
        for file, there, text in result["damaged"]:
            if not there and os.path.exists(file):
                raise DataError(remote.missing(file, "a Dask worker"))
            if file not in self._told:
                self._told.add(file)
                self._report(text)
        if "error" in result:
            kind, text = result["error"]
            raise (DataError if kind == "data" else ServerError)(text)
        self._done += 1
        self._hits += result["hits"]
        self._misses += result["misses"]

    def _blame(self, batch: _Minibatch, error: Any) -> str:
        rows = [places[1] for places, future in batch.pieces if future.key == error.task]
        rows = rows or [places[1] for places, _ in batch.pieces]  # it was the index itself
        named = files_in_words(self._index, np.concatenate(rows))
        return (
            f"{error.allowed_failures + 1} Dask workers ended while they held a piece with samples "
            f"of {named}; repair the file that ends them, or give the workers more memory"
        )

    def _look(self) -> None:
        """See which workers there are, and give every photograph its home among them."""
        client = self._client
        assert client is not None
        self._looked = time.monotonic()
        found = ask(client, client.nthreads)
        before, self._workers = self._workers, seats(self._workers, set(found))
        for address in sorted(set(before) - set(found)):
            self._report(f"the Dask worker {address} is gone; its pieces are made again")
        if before and not found:
            self._report("no Dask worker is left; waiting for one to join")
        if not before or len(before) != len(self._workers):
            most = max(1, self._recipe.batch_size // self._piece)
            self._groups = max(1, min(len(self._workers), most))
            self._home = homes(self._photo, self._index.weights, self._groups)[self._photo]
