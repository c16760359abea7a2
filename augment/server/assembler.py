"""The assembler of the augmentation server.

It cuts every minibatch into pieces, has the workers make them, keeps count of what is done, and
hands whole minibatches to the training in their order. Workers write their samples into the
minibatch's slot of the shared memory themselves; the assembler never touches a pixel.

A photograph has a home: the worker that is given its samples, so that it is decoded, and held,
only once.
"""

from __future__ import annotations

import os
import selectors
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import count

import numpy as np

from augment.errors import DataError, ServerError
from augment.order import minibatches
from augment.server.crew import Crew
from augment.server.pieces import Minibatch, Piece, cut, homes
from augment.server.plan import Memory, Plan
from augment.server.wire import (
    BATCH,
    CLOSE,
    ERROR,
    FREE,
    GAUGES,
    NOTE,
    PING,
    SEEK,
    Inbox,
    pack_json,
    pack_numbers,
    send,
    unpack_numbers,
)

__all__ = ["main"]

_TICK_SECONDS = 0.25
_GAUGE_SECONDS = 1.0


def main(arguments: Sequence[str]) -> None:
    """Serve until the training's end of the pipe is closed."""
    requests, answers, shared, parent = (int(number) for number in arguments[:4])
    plan = Plan.parse(arguments[4])
    assembler = _Assembler(plan, shared, requests, answers, parent)
    try:
        assembler.run()
    except (ServerError, DataError) as error:
        kind = "data" if isinstance(error, DataError) else "server"
        with suppress(OSError):
            send(answers, ERROR, pack_json([kind, str(error)]))
    except (EOFError, BrokenPipeError):
        pass  # the training has ended
    finally:
        assembler.crew.kill()


class _Assembler:
    def __init__(self, plan: Plan, shared: int, requests: int, answers: int, parent: int):
        self._plan, self._answers, self._parent = plan, answers, parent
        self._index = Memory(plan, shared).index()
        _, photo = np.unique(self._index.paths, return_inverse=True)
        self._home = homes(photo, self._index.weights, plan.workers)[photo]
        self._requests = Inbox(requests)
        self._selector = selectors.DefaultSelector()
        self._selector.register(requests, selectors.EVENT_READ, None)
        self.crew = Crew(
            plan,
            shared,
            self._index,
            self._selector,
            done=self._count,
            returned=self._wants,
            note=self._tell,
        )
        self._free = list(range(plan.batches))
        self._order: deque[Minibatch] = deque()  # being made, in the order of the stream
        self._taken: set[int] = set()  # slots that wait for the training
        self._numbers = count()
        self._generation = 0
        self._steps: Iterator[tuple[int, int, np.ndarray, np.ndarray]] = iter(())
        self._gauged = self._looked = time.monotonic()
        self._rates = [0] * plan.workers

    def run(self) -> None:
        self.crew.start()
        while True:
            for key, _ in self._selector.select(_TICK_SECONDS):
                if key.data is None:
                    self._listen()
                else:
                    self.crew.hear(key.data)
            if time.monotonic() - self._looked > _TICK_SECONDS:
                self._looked = time.monotonic()
                if os.getppid() != self._parent:
                    return
                self.crew.supervise()
            self._plan_ahead()
            self.crew.give()
            self._deliver()

    def _listen(self) -> None:
        """Do what the training asks for."""
        for kind, content in self._requests.read():
            if kind == SEEK:
                self._seek(*unpack_numbers(content))
            elif kind == FREE:
                generation, *slots = unpack_numbers(content)
                if generation == self._generation:
                    self._taken.difference_update(slots)
                    self._free += slots
            elif kind == PING:
                self._send_gauges()
            elif kind == CLOSE:
                raise EOFError

    def _seek(self, generation: int, epoch: int, step: int) -> None:
        """Abandon what is in work and begin elsewhere."""
        self._generation = generation
        for worker in self.crew.workers:
            worker.waiting.clear()
        for batch in self._order:
            self._release(batch)
        self._order.clear()
        # also those of minibatches that an interrupted training forgot
        self._free += self._taken
        self._taken.clear()
        self._steps = minibatches(
            self._index, self._plan.recipe, self._plan.seed, epoch=epoch, step=step
        )

    def _plan_ahead(self) -> None:
        """Cut minibatches into pieces while there are free slots."""
        workers = self.crew.workers
        while self._free and (place := next(self._steps, None)) is not None:
            epoch, step, rows, classes = place
            batch = Minibatch(self._generation, epoch, step, self._free.pop())
            for home, places in cut(
                rows, classes, self._home[rows], len(workers), self._plan.piece
            ):
                workers[home].waiting.append(Piece(batch, places, next(self._numbers)))
                batch.left += 1
            self._order.append(batch)

    def _count(self, piece: Piece) -> None:
        batch = piece.batch
        batch.left -= 1
        batch.done += 1
        if batch.generation != self._generation:
            self._release(batch)

    def _wants(self, piece: Piece) -> bool:
        wanted = piece.batch.generation == self._generation
        if not wanted:
            self._release(piece.batch)
        return wanted

    def _release(self, batch: Minibatch) -> None:
        """Take the slot of an abandoned minibatch back, unless a worker may still write there."""
        if not batch.given:
            self._free.append(batch.slot)

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
        workers = self.crew.workers
        now = time.monotonic()
        spent = max(now - self._gauged, 1e-9)
        done = [worker.done for worker in workers]
        gauges = {
            "pieces": sum(batch.done for batch in self._order),
            "batches": len(self._taken),
            "rates": [(a - b) / spent for a, b in zip(done, self._rates, strict=True)],
            "hits": sum(worker.hits for worker in workers),
            "misses": sum(worker.misses for worker in workers),
            "restarts": self.crew.restarts,
        }
        self._gauged, self._rates = now, done
        send(self._answers, GAUGES, pack_json(gauges))

    def _tell(self, text: str) -> None:
        send(self._answers, NOTE, pack_json(text))
