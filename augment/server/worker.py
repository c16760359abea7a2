"""A worker of the augmentation server: takes pieces of minibatches, cuts them, says so.

It ends when the assembler's end of its pipe is closed, whatever it is doing then.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue

import numpy as np

from augment.cache import PhotoCache
from augment.errors import DataError
from augment.functional import Levels
from augment.photos import Photos
from augment.samples import Batch, Sampler
from augment.server.plan import Memory, Plan
from augment.server.wire import (
    DONE,
    ERROR,
    NOTE,
    READY,
    Inbox,
    pack_json,
    pack_numbers,
    send,
    unpack_numbers,
)

__all__ = ["Make", "main", "serve"]

Make = Callable[[int, int, np.ndarray, np.ndarray, np.ndarray], Batch]
"""What makes samples: epoch, step, positions, rows, classes; see `augment.samples.Sampler.make`."""

_PR_SET_PDEATHSIG = 1
_PATIENCE_SECONDS = 2.0
_TOLD = 2  # pieces that are told of at once
_TELL_SECONDS = 0.02
_NUMBERS = 4 * 8  # bytes before a task's arrays


def main(arguments: Sequence[str]) -> None:
    """Work until the assembler closes the pipe."""

    def prepare(plan: Plan, memory: Memory, number: int, note: Callable[[str], None]):
        cache = _WatchedCache(plan.cache_bytes // plan.workers, memory, number)
        photos = Photos(memory.index(), cache, note)
        return Sampler(photos, plan.recipe, plan.seed, reuse=True).make, cache

    serve(arguments, prepare)


class _WatchedCache(PhotoCache):
    """Says in the shared memory which file is being decoded."""

    def __init__(self, limit: int, memory: Memory, number: int):
        super().__init__(limit)
        self._memory, self._number = memory, number

    def read(self, key: str) -> Levels:
        self._memory.set_reading(self._number, key)
        try:
            return super().read(key)
        finally:
            self._memory.set_reading(self._number, "")


def serve(
    arguments: Sequence[str],
    prepare: Callable[[Plan, Memory, int, Callable[[str], None]], tuple[Make, PhotoCache]],
) -> None:
    """Take tasks, do them with what `prepare` gives, and write samples to the shared memory.

    Parameters
    ----------
    arguments : sequence of str
        Those of the process; see `augment.server.children.start`.
    prepare : callable
        ``prepare(plan, memory, number, note)`` gives what makes samples and the cache whose counts
        are reported; `note` takes a sentence for the user.
    """
    tasks, results, shared, parent = (int(number) for number in arguments[:4])
    plan, number = Plan.parse(arguments[4]), int(arguments[5])
    _end_with_parent()
    waiting: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_listen, args=(tasks, waiting), daemon=True).start()
    try:
        memory = Memory(plan, shared)
        make, cache = prepare(
            plan, memory, number, lambda text: send(results, NOTE, pack_json(text))
        )
        send(results, READY)
        done: list[bytes] = []
        told = time.monotonic()
        while True:
            try:
                task = waiting.get(timeout=_PATIENCE_SECONDS)
            except Empty:
                if os.getppid() != parent:
                    return
                continue
            piece, slot, epoch, step = unpack_numbers(task[:_NUMBERS])
            positions, rows, classes = np.frombuffer(task[_NUMBERS:], np.int32).reshape(3, -1)
            memory.set_busy(number, piece)
            images, labels = make(epoch, step, positions, rows, classes)
            memory.images[slot, positions] = images
            memory.labels[slot, positions] = labels
            done.append(pack_numbers(piece, cache.hits, cache.misses))
            # Several at a time, while there is more to do: being told costs the assembler a turn.
            now = time.monotonic()
            if len(done) >= _TOLD or now - told > _TELL_SECONDS or waiting.empty():
                send(results, DONE, *done)
                done.clear()
                told = now
    except BrokenPipeError:
        return
    except DataError as error:
        send(results, ERROR, pack_json(["data", str(error)]))
    except Exception as error:
        text = f"a worker of the augmentation server failed: {error!r}"
        send(results, ERROR, pack_json(["server", text]))
        raise


def _end_with_parent() -> None:
    """Have Linux kill this process when the assembler ends, even one that is stopped."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _listen(tasks: int, waiting: SimpleQueue[bytes]) -> None:
    """Pass tasks on; end the process at once when there will be no more."""
    inbox = Inbox(tasks)
    try:
        while True:
            for _, content in inbox.read():
                waiting.put(content)
    except EOFError:
        os._exit(0)
