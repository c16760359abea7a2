"""The training's side of the augmentation server."""

from __future__ import annotations

import io
import os
import select
import signal
import sys
import time
import warnings
import weakref
from contextlib import suppress
from subprocess import TimeoutExpired

import numpy as np

from augment.cache import DEFAULT_BYTES
from augment.errors import DataError, ServerError
from augment.index import Index
from augment.recipe import Recipe
from augment.samples import Batch
from augment.server.children import Child, start
from augment.server.plan import Memory, Plan, create
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
    pack_numbers,
    send,
    unpack_json,
    unpack_numbers,
)
from augment.stream import Report, Stream, share

__all__ = ["Server"]

_PING_SECONDS = 5.0
_SILENT_SECONDS = 60.0  # an assembler that does not answer for so long has failed
_CLOSE_SECONDS = 5.0


class Server(Stream):
    """Minibatches made by worker processes; a context manager.

    The bytes are those of `augment.stream.InProcess`, for any number of workers. Between epochs the
    workers go on with the next one. If this process ends, however it ends, so do the others, and
    the shared memory is freed.

    Parameters
    ----------
    index, recipe, seed
        See `augment.stream.InProcess`.
    workers : int
        Worker processes, at least 1.
    batches : int
        Minibatches that are in work or wait for the training, at least 2.
    piece : int
        Most samples of a minibatch that a worker makes at a time, 1 to 1024.
    ahead : int
        Pieces that a worker is given at a time, 1 to 4.
    cache_bytes : int
        Bytes of decoded photographs to hold, by all workers together: each photograph has a worker
        of its own.
    piece_seconds : float
        Time after which a worker that is busy with one file, or with what a piece takes besides
        its files, is killed and replaced.
    deaths : int
        Workers that one piece may cost; then its files are named in an error. A worker may fail to
        start as often.
    silence : float
        Seconds without a minibatch after which the stream counts as broken.
    report : callable
        Told of each picture that cannot be read, and of each worker that had to be replaced.
    worker : str
        Module whose ``main`` the worker processes run.

    Raises
    ------
    ServerError
        If an argument is not as said or there is too little shared memory; while the stream is
        read, if it cannot go on.
    DataError
        If the index has no row that the recipe asks for.
    """

    def __init__(
        self,
        index: Index,
        recipe: Recipe,
        seed: int,
        *,
        workers: int,
        batches: int = 8,
        piece: int = 256,
        ahead: int = 4,
        cache_bytes: int = DEFAULT_BYTES,
        piece_seconds: float = 120.0,
        deaths: int = 3,
        silence: float = 300.0,
        report: Report = warnings.warn,
        worker: str = "augment.server.worker",
    ) -> None:
        for name, value, low, high in (
            ("workers", workers, 1, 1024),
            ("batches", batches, 2, 1024),
            ("piece", piece, 1, 1024),
            ("ahead", ahead, 1, 4),
            ("deaths", deaths, 1, 1000),
            ("cache_bytes", cache_bytes, 0, sys.maxsize),
            ("seed", seed, 0, 2**32 - 1),
        ):
            if not isinstance(value, int) or not low <= value <= high:
                raise ServerError(
                    f"Server: {name} must be a whole number in [{low}, {high}]; got {value!r}"
                )
        for name, seconds in (("piece_seconds", piece_seconds), ("silence", silence)):
            if not seconds > 0:
                raise ServerError(
                    f"Server: {name} must be a number of seconds above 0; got {seconds!r}"
                )
        if os.name != "posix":
            raise ServerError("the augmentation server needs a POSIX system; use no workers here")
        super().__init__(index, recipe)
        file = io.BytesIO()
        index.save(file)
        content = file.getvalue()
        plan = Plan(
            recipe=recipe,
            seed=seed,
            workers=workers,
            batches=batches,
            piece=piece,
            ahead=ahead,
            cache_bytes=cache_bytes,
            index_bytes=len(content),
            piece_seconds=piece_seconds,
            deaths=deaths,
            worker=worker,
        )
        fd = create(plan)
        try:
            self._memory = Memory(plan, fd)
            self._memory.put_index(content)
            self._child = start("augment.server.assembler", plan.dump(), fd, new_session=True)
        except OSError as error:
            raise ServerError(
                f"the augmentation server cannot be started ({error.strerror})"
            ) from error
        finally:
            os.close(fd)
        self._end = weakref.finalize(self, _end, self._child, os.getpid())
        self._inbox = Inbox(self._child.results)
        self._poll = select.poll()  # select() takes no descriptor above 1023
        self._poll.register(self._child.results, select.POLLIN)
        self._received: list[tuple[int, ...]] = []
        self._freed: list[int] = []
        self._free_at = max(1, batches // 4)
        self._generation = 0
        self._silence, self._report = silence, report
        self._gauges: dict[str, float] = {}
        self._counts = (0, 0)

    @property
    def pid(self) -> int:
        """The assembler's process number; the workers are its children."""
        return self._child.process.pid

    def _seek(self, epoch: int, step: int) -> None:
        self._generation += 1
        self._freed.clear()  # all slots are free then
        self._ask(SEEK, pack_numbers(self._generation, epoch, step))

    def gauges(self) -> dict[str, float]:
        """Numbers to watch, as of about the last second.

        ``queue/pieces`` and ``queue/batches`` are the depths of the two queues,
        ``queue/waited`` the share of time since the last call that the training waited,
        ``cache/hits`` the share of photographs that were held, ``worker/restarts`` a count,
        ``worker/0`` and so on the pieces each worker made per second.
        """
        return {**self._gauges, "queue/waited": self._clock.share()}

    def close(self) -> None:
        """End all processes and free the shared memory."""
        super().close()
        self._end()
        vars(self).pop("_memory", None)  # unmapped with the last array that lies in it

    def _take(self, epoch: int, step: int) -> Batch:
        """Wait for a minibatch and copy it out of its slot."""
        now = time.monotonic()
        given_up, silent = now + self._silence, now + _SILENT_SECONDS
        while True:
            while self._received:
                generation, *place, slot = self._received.pop(0)
                if generation != self._generation:
                    continue  # its slot is free since the stream was begun anew
                assert place == [epoch, step], "minibatches come in order"
                images, labels = self._memory.images[slot], self._memory.labels[slot]
                batch = Batch(np.array(images), np.array(labels))
                self._freed.append(slot)
                if len(self._freed) >= self._free_at:
                    self._free()
                return batch
            self._free()
            if self._poll.poll(1000 * min(_PING_SECONDS, self._silence)):
                self._read()
                silent = time.monotonic() + _SILENT_SECONDS
            else:
                self._ask(PING)
            if not self._received and time.monotonic() > min(given_up, silent):
                raise self._failure(
                    "the assembler of the augmentation server has not answered for "
                    f"{_SILENT_SECONDS:.0f} s"
                    if silent < given_up
                    else f"the augmentation server has made no minibatch for {self._silence:.0f} s"
                )

    def _read(self) -> None:
        try:
            for kind, content in self._inbox.read():
                if kind == BATCH:
                    self._received.append(unpack_numbers(content))
                elif kind == NOTE:
                    self._report(unpack_json(content))
                elif kind == ERROR:
                    kind_of, text = unpack_json(content)
                    self.close()
                    raise (DataError if kind_of == "data" else ServerError)(text)
                elif kind == GAUGES:
                    self._keep(unpack_json(content))
        except EOFError:
            with suppress(TimeoutExpired):
                self._child.process.wait(_CLOSE_SECONDS)  # for the exit code
            raise self._failure("the assembler of the augmentation server has ended") from None

    def _keep(self, told: dict) -> None:
        hits = max(0, told["hits"] - self._counts[0])
        misses = max(0, told["misses"] - self._counts[1])
        self._counts = told["hits"], told["misses"]
        self._gauges = {
            "queue/pieces": told["pieces"],
            "queue/batches": told["batches"],
            "cache/hits": share(hits, hits + misses),
            "worker/restarts": told["restarts"],
            **{f"worker/{number}": rate for number, rate in enumerate(told["rates"])},
        }

    def _free(self) -> None:
        """Give slots back; several at a time, because each message costs the assembler a turn."""
        if self._freed:
            self._ask(FREE, pack_numbers(self._generation, *self._freed))
            self._freed.clear()

    def _ask(self, kind: int, content: bytes = b"") -> None:
        # An assembler that is gone may have said why: reading will tell.
        with suppress(BrokenPipeError):
            send(self._child.tasks, kind, content)

    def _failure(self, text: str) -> ServerError:
        code = self._child.process.poll()
        self.close()
        how = "" if code is None else f" ({_ended(code)})"
        return ServerError(f"{text}{how}; the training stops here and can be resumed")


def _ended(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"


def _end(child: Child, owner: int) -> None:
    """Close the pipes, which ends the assembler, and see that all processes are gone."""
    original = os.getpid() == owner
    if original:
        # A forked copy of the training may hold the pipes open.
        with suppress(BrokenPipeError):
            send(child.tasks, CLOSE)
    os.close(child.tasks)
    os.close(child.results)
    if not original:
        return
    with suppress(TimeoutExpired):
        child.process.wait(_CLOSE_SECONDS)
    if child.process.returncode != 0:
        # It has not seen to its workers, and one that is stopped does not see that it is gone.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.process.pid, signal.SIGKILL)
        child.process.wait(_CLOSE_SECONDS)
