"""The assembler of the augmentation server.

It cuts every minibatch into pieces, gives them to the workers, keeps count of what is done, and
hands whole minibatches to the training in their order. Workers write their samples into the
minibatch's slot of the shared memory themselves; the assembler never touches a pixel.

A photograph has a home: the worker that is given its samples, so that it is decoded, and held,
only once. A worker without work takes pieces of the one that lies furthest behind.

It is the workers' parent. One that dies is started again and its pieces are given out once more;
one that hangs is killed first.
"""

from __future__ import annotations

import os
import selectors
import signal
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from subprocess import TimeoutExpired

import numpy as np

from augment.errors import DataError
from augment.order import Epoch, epoch_order
from augment.server.children import Child, start
from augment.server.plan import Memory, Plan
from augment.server.wire import (
    BATCH,
    CLOSE,
    DONE,
    ERROR,
    FREE,
    GAUGES,
    NOTE,
    PING,
    READY,
    SEEK,
    TASK,
    Inbox,
    pack_json,
    pack_numbers,
    send,
    unpack_json,
    unpack_numbers,
)

__all__ = ["homes", "main"]

_TICK_SECONDS = 0.25
_START_SECONDS = 60.0
_KILL_SECONDS = 10.0
_GAUGE_SECONDS = 1.0
_NAMED = 3  # files named in a message


class _Stop(Exception):
    """The stream cannot go on; the message is for the user."""


@dataclass
class _Minibatch:
    generation: int
    epoch: int
    step: int
    slot: int
    left: int  # pieces not done
    done: int = 0
    given: int = 0  # pieces that a worker holds; the slot is not reused before they are back


@dataclass(eq=False)
class _Piece:
    batch: _Minibatch
    places: np.ndarray  # int32 (3, n): positions, rows, classes
    number: int
    deaths: int = 0


@dataclass(eq=False)
class _Worker:
    number: int
    waiting: deque[_Piece] = field(default_factory=deque)  # pieces of its own photographs
    given: deque[_Piece] = field(default_factory=deque)  # in the order in which they will be done
    child: Child | None = None
    inbox: Inbox | None = None
    ready: bool = False
    since: float = 0.0  # when it was started, or began with the first of `given`
    failed_starts: int = 0
    done: int = 0
    seconds: float = 0.0
    hits: int = 0
    misses: int = 0


def main(arguments: Sequence[str]) -> None:
    """Serve until the training's end of the pipe is closed."""
    requests, answers, shared, parent = (int(number) for number in arguments[:4])
    plan = Plan.parse(arguments[4])
    assembler = _Assembler(plan, shared, requests, answers, parent)
    try:
        assembler.run()
    except (_Stop, DataError) as error:
        kind = "data" if isinstance(error, DataError) else "server"
        with suppress(OSError):
            send(answers, ERROR, pack_json([kind, str(error)]))
    except (EOFError, BrokenPipeError):
        pass  # the training has ended
    finally:
        assembler.kill()


def homes(rows_of: np.ndarray, weights: np.ndarray, workers: int) -> np.ndarray:
    """The home of every photograph: a worker's number, so that all have as much to do.

    Parameters
    ----------
    rows_of : numpy.ndarray
        int ``(n,)``: the photograph of each row.
    weights : numpy.ndarray
        float ``(n,)``: how often a row appears.
    workers : int

    Returns
    -------
    numpy.ndarray
        int32 ``(photographs,)``.
    """
    load = np.bincount(rows_of, weights)
    # dealt like cards, from the heaviest on, there and back
    turns = np.arange(len(load)) % (2 * workers)
    home = np.empty(len(load), np.int32)
    home[np.argsort(-load, kind="stable")] = np.minimum(turns, 2 * workers - 1 - turns)
    return home


class _Assembler:
    def __init__(self, plan: Plan, shared: int, requests: int, answers: int, parent: int):
        self._plan, self._shared, self._answers, self._parent = plan, shared, answers, parent
        self._memory = Memory(plan, shared)
        self._index = self._memory.index()
        _, photo = np.unique(self._index.paths, return_inverse=True)
        self._home = homes(photo, self._index.weights, plan.workers)[photo]
        self._workers = [_Worker(number) for number in range(plan.workers)]
        self._requests = Inbox(requests)
        self._selector = selectors.DefaultSelector()
        self._selector.register(requests, selectors.EVENT_READ, None)
        self._free = list(range(plan.batches))
        self._order: deque[_Minibatch] = deque()  # being made, in the order of the stream
        self._taken: set[int] = set()  # slots that wait for the training
        self._pieces: dict[int, _Piece] = {}  # given to a worker, by number
        self._numbers = count()
        self._generation = 0
        self._steps: Iterator[tuple[int, int, Epoch]] = iter(())
        self._told: set[str] = set()
        self._gauged = self._looked = time.monotonic()
        self._rates = [0] * plan.workers
        self._restarts = 0

    def run(self) -> None:
        for worker in self._workers:
            self._start(worker)
        while True:
            for key, _ in self._selector.select(_TICK_SECONDS):
                if key.data is None:
                    self._listen()
                else:
                    self._hear(key.data)
            self._supervise()
            self._plan_ahead()
            for worker in self._workers:
                self._give(worker)
            self._deliver()

    def kill(self) -> None:
        """End all workers; they have nothing to lose."""
        for worker in self._workers:
            if worker.child is not None:
                worker.child.process.kill()

    # the training

    def _listen(self) -> None:
        for kind, content in self._requests.read():
            if kind == SEEK:
                self._seek(*unpack_numbers(content))
            elif kind == FREE:
                generation, slot = unpack_numbers(content)
                if generation == self._generation:
                    self._taken.remove(slot)
                    self._free.append(slot)
            elif kind == PING:
                self._send_gauges()
            elif kind == CLOSE:
                raise EOFError

    def _seek(self, generation: int, epoch: int, step: int) -> None:
        self._generation = generation
        for worker in self._workers:
            worker.waiting.clear()
        for batch in self._order:
            self._release(batch)
        self._order.clear()
        # also those of minibatches that an interrupted training forgot
        self._free += self._taken
        self._taken.clear()
        self._steps = self._stream(epoch, step)

    def _stream(self, epoch: int, step: int) -> Iterator[tuple[int, int, Epoch]]:
        """All minibatches from one on, through all epochs to come."""
        for number in count(epoch):
            order = epoch_order(self._index, self._plan.recipe, seed=self._plan.seed, epoch=number)
            for at in range(step, len(order.rows)):
                yield number, at, order
            step = 0

    def _release(self, batch: _Minibatch) -> None:
        """Give the slot of an abandoned minibatch back, unless a worker may still write there."""
        if not batch.given:
            self._free.append(batch.slot)

    def _plan_ahead(self) -> None:
        """Cut minibatches into pieces while there are free slots."""
        while self._free and (step := next(self._steps, None)) is not None:
            epoch, number, order = step
            rows, classes = order.rows[number], order.classes[number]
            home = self._home[rows]
            positions = np.argsort(home, kind="stable").astype(np.int32)
            places = np.stack([positions, rows[positions], classes[positions]])
            batch = _Minibatch(self._generation, epoch, number, self._free.pop(), 0)
            ends = np.cumsum(np.bincount(home, minlength=len(self._workers)))
            for worker, begin, end in zip(self._workers, [0, *ends[:-1]], ends, strict=True):
                for at in range(begin, end, self._plan.piece):
                    part = places[:, at : min(at + self._plan.piece, end)]
                    worker.waiting.append(_Piece(batch, part, next(self._numbers)))
                    batch.left += 1
            self._order.append(batch)

    def _deliver(self) -> None:
        """Hand over the minibatches that are whole, in their order."""
        while self._order and not self._order[0].left:
            batch = self._order.popleft()
            self._taken.add(batch.slot)
            if time.monotonic() - self._gauged > _GAUGE_SECONDS:
                self._send_gauges()
            numbers = pack_numbers(batch.generation, batch.epoch, batch.step, batch.slot)
            send(self._answers, BATCH, numbers)

    def _send_gauges(self) -> None:
        now = time.monotonic()
        spent = max(now - self._gauged, 1e-9)
        done = [worker.done for worker in self._workers]
        gauges = {
            "pieces": sum(batch.done for batch in self._order),
            "batches": len(self._taken),
            "rates": [
                (now - before) / spent for now, before in zip(done, self._rates, strict=True)
            ],
            "hits": sum(worker.hits for worker in self._workers),
            "misses": sum(worker.misses for worker in self._workers),
            "restarts": self._restarts,
        }
        self._gauged, self._rates = now, done
        send(self._answers, GAUGES, pack_json(gauges))

    # the workers

    def _start(self, worker: _Worker) -> None:
        module, plan = self._plan.worker, self._plan.dump()
        try:
            worker.child = start(module, plan, self._shared, str(worker.number))
        except OSError as error:
            raise _Stop(
                f"worker {worker.number} of the augmentation server cannot be started "
                f"({error.strerror})"
            ) from error
        worker.inbox = Inbox(worker.child.results)
        worker.ready, worker.since = False, time.monotonic()
        worker.hits = worker.misses = 0
        self._selector.register(worker.child.results, selectors.EVENT_READ, worker)

    def _hear(self, worker: _Worker) -> None:
        assert worker.inbox is not None
        try:
            for kind, content in worker.inbox.read():
                if kind == DONE:
                    self._take(worker, *unpack_numbers(content))
                elif kind == READY:
                    worker.ready, worker.failed_starts = True, 0
                elif kind == NOTE:
                    text = unpack_json(content)
                    if text not in self._told:
                        self._told.add(text)
                        send(self._answers, NOTE, content)
                elif kind == ERROR:
                    blamed, text = unpack_json(content)
                    raise DataError(text) if blamed == "data" else _Stop(text)
        except EOFError:
            self._bury(worker)

    def _take(self, worker: _Worker, number: int, spent: int, hits: int, misses: int) -> None:
        """Count a piece as done."""
        piece = self._pieces.pop(number)
        assert worker.given[0] is piece, "workers do their pieces in order"
        worker.given.popleft()
        worker.since = time.monotonic()
        worker.done += 1
        worker.seconds += spent / 1e6
        worker.hits, worker.misses = hits, misses
        batch = piece.batch
        batch.left -= 1
        batch.done += 1
        batch.given -= 1
        if batch.generation != self._generation:
            self._release(batch)

    def _give(self, worker: _Worker) -> None:
        """Fill up what a worker holds: its own pieces, else those of the one furthest behind."""
        while worker.ready and len(worker.given) < self._plan.ahead:
            source = worker
            if not worker.waiting:
                source = max(self._workers, key=lambda other: len(other.waiting))
                if worker.given or len(source.waiting) <= self._plan.batches // 2:
                    return
            piece = source.waiting.popleft()
            if not worker.given:
                worker.since = time.monotonic()
            worker.given.append(piece)
            self._pieces[piece.number] = piece
            batch = piece.batch
            batch.given += 1
            task = pack_numbers(piece.number, batch.slot, batch.epoch, batch.step)
            assert worker.child is not None
            with suppress(BrokenPipeError):  # its end will be heard of
                send(worker.child.tasks, TASK, task + piece.places.tobytes())

    def _supervise(self) -> None:
        """Kill workers that hang; end when the training is gone."""
        now = time.monotonic()
        if now - self._looked < _TICK_SECONDS:
            return
        self._looked = now
        if os.getppid() != self._parent:
            raise EOFError
        for worker in self._workers:
            assert worker.child is not None
            limit = self._plan.piece_seconds if worker.ready else _START_SECONDS
            if (worker.given or not worker.ready) and now - worker.since > limit:
                worker.child.process.kill()  # its end will be heard of
                worker.since = now

    def _bury(self, worker: _Worker) -> None:
        """See to what a dead worker leaves, and start it again."""
        child = worker.child
        assert child is not None
        self._selector.unregister(child.results)
        os.close(child.results)
        os.close(child.tasks)
        child.process.kill()
        try:
            code = child.process.wait(_KILL_SECONDS)
        except TimeoutExpired as error:
            raise _Stop(
                f"worker {worker.number} of the augmentation server can neither go on nor be "
                "killed; its disk may not answer"
            ) from error
        if not worker.ready:
            worker.failed_starts += 1
            if worker.failed_starts >= self._plan.deaths:
                raise _Stop(
                    f"the workers of the augmentation server end before they are ready "
                    f"({_reason(code)}); what they wrote stands above"
                )
        reading = self._memory.reading(worker.number)
        self._memory.set_reading(worker.number, "")
        for place, piece in enumerate(worker.given):
            if place == 0:  # the one that it was busy with
                piece.deaths += 1
                if piece.deaths >= self._plan.deaths:
                    raise _Stop(self._blame(piece, reading, code))
            del self._pieces[piece.number]
            piece.batch.given -= 1
            if piece.batch.generation != self._generation:
                self._release(piece.batch)
        current = [p for p in worker.given if p.batch.generation == self._generation]
        worker.waiting.extendleft(reversed(current))
        worker.given.clear()
        self._restarts += 1
        note = f"worker {worker.number} of the augmentation server ended ({_reason(code)})"
        send(self._answers, NOTE, pack_json(f"{note}; it is started again, nothing is lost"))
        self._start(worker)

    def _blame(self, piece: _Piece, reading: str, code: int) -> str:
        times = f"{piece.deaths} workers of the augmentation server ended ({_reason(code)})"
        if reading:
            return f"{times} while they were reading {reading!r}; repair the file or remove it"
        files = sorted({self._index.file(row) for row in piece.places[1]})
        named = ", ".join(repr(file) for file in files[:_NAMED])
        more = f" and {len(files) - _NAMED} more files" if len(files) > _NAMED else ""
        return f"{times} while they were making samples of {named}{more}"


def _reason(code: int) -> str:
    """An exit code in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
