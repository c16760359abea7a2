"""The workers, as their parent sees them: started, given pieces, heard, watched and replaced."""

from __future__ import annotations

import os
import selectors
import signal
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from subprocess import TimeoutExpired

from augment.errors import DataError, ServerError
from augment.index import Index
from augment.server.children import Child, start
from augment.server.pieces import Piece, files_in_words
from augment.server.plan import Memory, Plan
from augment.server.wire import (
    DONE,
    ERROR,
    NOTE,
    READY,
    TASK,
    Inbox,
    pack_numbers,
    send,
    unpack_json,
    unpack_numbers,
)

__all__ = ["Crew", "Worker"]

_START_SECONDS = 60.0
_KILL_SECONDS = 10.0


@dataclass(eq=False)
class Worker:
    """A worker and what it has to do.

    Attributes
    ----------
    number : int
    waiting : deque of Piece
        Pieces of the photographs whose home it is.
    given : deque of Piece
        What it holds, in the order in which it will be done.
    child, inbox
        The process that works at present.
    ready : bool
        Whether it has said that it can begin.
    since : float
        When it was started, given something to do, or last seen to have got on.
    doing : (int, str)
        The piece and file it was last seen with.
    failed_starts : int
        In a row.
    done, hits, misses : int
        Pieces, and counts of its cache.
    """

    number: int
    waiting: deque[Piece] = field(default_factory=deque)
    given: deque[Piece] = field(default_factory=deque)
    child: Child | None = None
    inbox: Inbox | None = None
    ready: bool = False
    since: float = 0.0
    doing: tuple[int, str] = (0, "")
    failed_starts: int = 0
    done: int = 0
    hits: int = 0
    misses: int = 0


class Crew:
    """All workers of a server.

    Parameters
    ----------
    plan : Plan
    shared : int
        Descriptor of the shared memory.
    index : Index
        For the names of files in messages.
    selector : selectors.BaseSelector
        Where the pipes from the workers are registered, each with its `Worker` as data.
    done : callable
        Told of each finished piece.
    returned : callable
        Told of each piece that a dead worker held; says whether it is still wanted.
    note : callable
        Takes a sentence for the user.
    """

    def __init__(
        self,
        plan: Plan,
        shared: int,
        index: Index,
        selector: selectors.BaseSelector,
        *,
        done: Callable[[Piece], None],
        returned: Callable[[Piece], bool],
        note: Callable[[str], None],
    ):
        self.workers = [Worker(number) for number in range(plan.workers)]
        self.restarts = 0
        self._told: set[str] = set()
        self._plan, self._shared, self._index = plan, shared, index
        self._memory = Memory(plan, shared)
        self._selector = selector
        self._done, self._returned, self._note = done, returned, note

    def start(self) -> None:
        """Start all workers."""
        for worker in self.workers:
            self._start(worker)

    def kill(self) -> None:
        """End all workers; they have nothing to lose."""
        for worker in self.workers:
            if worker.child is not None:
                worker.child.process.kill()

    def give(self) -> None:
        """Fill up what the workers hold: their own pieces, else those of the one furthest behind.

        It must lie behind a good deal: another worker has to decode its photographs anew.
        """
        for worker in self.workers:
            # Several at a time: being woken costs both sides.
            if not worker.ready or len(worker.given) > self._plan.ahead // 2:
                continue
            source = worker
            if not worker.waiting:
                source = max(self.workers, key=lambda other: len(other.waiting))
                if worker.given or len(source.waiting) <= self._plan.batches // 2:
                    continue
            count = min(self._plan.ahead - len(worker.given), len(source.waiting))
            if source is not worker:
                count = min(count, 1)
            if count:
                self._give(worker, [source.waiting.popleft() for _ in range(count)])

    def hear(self, worker: Worker) -> None:
        """Take note of what a worker says, or see to its end.

        Raises
        ------
        DataError, ServerError
            What a worker, or the absence of one, makes impossible.
        """
        assert worker.inbox is not None
        try:
            for kind, content in worker.inbox.read():
                if kind == DONE:
                    self._take(worker, *unpack_numbers(content))
                elif kind == READY:
                    worker.ready, worker.failed_starts = True, 0
                elif kind == NOTE:
                    text = unpack_json(content)
                    if text not in self._told:  # several may meet the same damaged picture
                        self._told.add(text)
                        self._note(text)
                elif kind == ERROR:
                    blamed, text = unpack_json(content)
                    raise (DataError if blamed == "data" else ServerError)(text)
        except EOFError:
            self._bury(worker)

    def supervise(self) -> None:
        """Kill workers that hang: over one file, or over the samples of a piece."""
        now = time.monotonic()
        for worker in self.workers:
            assert worker.child is not None
            doing = self._memory.doing(worker.number)
            if doing != worker.doing:
                worker.doing, worker.since = doing, now
            limit = self._plan.piece_seconds if worker.ready else _START_SECONDS
            if (worker.given or not worker.ready) and now - worker.since > limit:
                worker.child.process.kill()  # its end will be heard of
                worker.since = now

    def _start(self, worker: Worker) -> None:
        module, plan = self._plan.worker, self._plan.dump()
        try:
            worker.child = start(module, plan, self._shared, str(worker.number))
        except OSError as error:
            raise ServerError(
                f"worker {worker.number} of the augmentation server cannot be started "
                f"({error.strerror})"
            ) from error
        worker.inbox = Inbox(worker.child.results)
        worker.ready, worker.since = False, time.monotonic()
        worker.hits = worker.misses = 0
        self._selector.register(worker.child.results, selectors.EVENT_READ, worker)

    def _give(self, worker: Worker, pieces: list[Piece]) -> None:
        if not worker.given:
            worker.since = time.monotonic()
        tasks = []
        for piece in pieces:
            batch = piece.batch
            batch.given += 1
            numbers = pack_numbers(piece.number, batch.slot, batch.epoch, batch.step)
            tasks.append(numbers + piece.places.tobytes())
        worker.given += pieces
        assert worker.child is not None
        with suppress(BrokenPipeError):  # its end will be heard of
            send(worker.child.tasks, TASK, *tasks)

    def _take(self, worker: Worker, number: int, hits: int, misses: int) -> None:
        """Count a piece as done."""
        piece = worker.given.popleft()
        assert piece.number == number, "workers do their pieces in order"
        piece.batch.given -= 1
        worker.since = time.monotonic()
        worker.done += 1
        worker.hits, worker.misses = hits, misses
        self._done(piece)

    def _bury(self, worker: Worker) -> None:
        """See to what a dead worker leaves, and start it again."""
        code = self._end(worker)
        if not worker.ready:
            worker.failed_starts += 1
            if worker.failed_starts >= self._plan.deaths:
                raise ServerError(
                    f"the workers of the augmentation server end before they are ready "
                    f"({_reason(code)}); what they wrote stands above"
                )
        busy, reading = self._memory.doing(worker.number)
        self._memory.set_reading(worker.number, "")
        wanted = []
        while worker.given:
            piece = worker.given.popleft()
            if piece.number == busy:
                piece.deaths += 1
                if piece.deaths >= self._plan.deaths:
                    raise ServerError(self._blame(piece, reading, code))
            piece.batch.given -= 1
            if self._returned(piece):
                wanted.append(piece)
        worker.waiting.extendleft(reversed(wanted))
        self.restarts += 1
        self._note(
            f"worker {worker.number} of the augmentation server ended ({_reason(code)}); it is "
            "started again, nothing is lost"
        )
        self._start(worker)

    def _end(self, worker: Worker) -> int:
        """Close the pipes of a worker that has closed its own; return its exit code."""
        child = worker.child
        assert child is not None
        self._selector.unregister(child.results)
        os.close(child.results)
        os.close(child.tasks)
        child.process.kill()
        try:
            return child.process.wait(_KILL_SECONDS)
        except TimeoutExpired as error:
            raise ServerError(
                f"worker {worker.number} of the augmentation server can neither go on nor be "
                "killed; its disk may not answer"
            ) from error

    def _blame(self, piece: Piece, reading: str, code: int) -> str:
        times = f"{piece.deaths} workers of the augmentation server ended ({_reason(code)})"
        if reading:
            return f"{times} while they were reading {reading!r}; repair the file or remove it"
        named = files_in_words(self._index, piece.places[1])
        return f"{times} while they were making samples of {named}"


def _reason(code: int) -> str:
    """An exit code in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
