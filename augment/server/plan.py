"""What all processes of a server agree on, and where things lie in the shared memory."""

from __future__ import annotations

import json
import mmap
import os
from dataclasses import asdict, dataclass
from io import BytesIO
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory

import numpy as np

from augment.errors import ServerError
from augment.index import Index, load
from augment.recipe import Recipe
from augment.server.children import above_standard

__all__ = ["Memory", "Plan", "create"]

_STATUS = 1024  # bytes in which a worker says what it is doing:
_PIECE = 8  # the number of its piece,
_PATH = slice(_PIECE + 2, _STATUS)  # and, after its length, the path of the file it is reading
_ALIGNED = 64


@dataclass(frozen=True)
class Plan:
    """The settings of a server, passed to each of its processes on the command line.

    Attributes
    ----------
    recipe : Recipe
    seed : int
    workers : int
        Worker processes.
    batches : int
        Minibatches that are in work or wait for the training: the slots of the shared memory, and
        so the bound of both queues.
    piece : int
        Most samples of a piece.
    ahead : int
        Pieces that a worker is given at a time, so that it never waits for the next.
    cache_bytes : int
        Decoded photographs held by all workers together.
    index_bytes : int
        Length of the index in the shared memory.
    piece_seconds : float
        Time a worker may take for one file, or for all else of a piece, before it counts as hung.
    deaths : int
        Workers that a piece may cost before its files are blamed, and failed starts in a row.
    worker : str
        The module whose ``main`` a worker process runs.
    """

    recipe: Recipe
    seed: int
    workers: int
    batches: int
    piece: int
    ahead: int
    cache_bytes: int
    index_bytes: int
    piece_seconds: float
    deaths: int
    worker: str

    def dump(self) -> str:
        """The settings as JSON."""
        return json.dumps({**asdict(self), "recipe": self.recipe.as_dict()})

    @classmethod
    def parse(cls, text: str) -> Plan:
        """The settings that `dump` wrote."""
        values = json.loads(text)
        return cls(**{**values, "recipe": Recipe.from_dict(values["recipe"])})

    @property
    def offsets(self) -> tuple[int, int, int, int]:
        """Where labels, images and index begin in the memory, and its length."""
        samples = self.batches * self.recipe.batch_size
        labels = _STATUS * self.workers
        images = labels + 4 * samples
        images += -images % _ALIGNED
        index = images + samples * 3 * self.recipe.side**2
        return labels, images, index, index + self.index_bytes


class Memory:
    """A server's shared memory, as a process sees it.

    Parameters
    ----------
    plan : Plan
    fd : int
        The open memory, inherited from the parent.

    Attributes
    ----------
    images : numpy.ndarray
        uint8 ``(slots, batch, 3, side, side)``.
    labels : numpy.ndarray
        int32 ``(slots, batch)``.
    """

    def __init__(self, plan: Plan, fd: int):
        labels, images, index, length = plan.offsets
        batch, side = plan.recipe.batch_size, plan.recipe.side
        self._map = mmap.mmap(fd, length)
        self._index = slice(index, length)
        self.labels = np.frombuffer(self._map, np.int32, plan.batches * batch, labels).reshape(
            plan.batches, batch
        )
        self.images = np.frombuffer(self._map, np.uint8, index - images, images).reshape(
            plan.batches, batch, 3, side, side
        )

    def index(self) -> Index:
        """The index that the server works from."""
        return load(BytesIO(self._map[self._index]))

    def put_index(self, content: bytes) -> None:
        """Store the file image of the index."""
        self._map[self._index] = content

    def set_busy(self, worker: int, piece: int) -> None:
        """Say which piece a worker begins with, so that the right one is blamed for its death."""
        start = worker * _STATUS
        self._map[start : start + _PIECE] = piece.to_bytes(_PIECE, "little")

    def set_reading(self, worker: int, path: str) -> None:
        """Say which file a worker is about to decode; empty if it is done."""
        content = os.fsencode(path)[: _STATUS - _PATH.start]
        start = worker * _STATUS + _PIECE
        self._map[start : start + 2 + len(content)] = len(content).to_bytes(2, "little") + content

    def doing(self, worker: int) -> tuple[int, str]:
        """The piece that a worker began with last, and the file that it is decoding, if any."""
        status = self._map[worker * _STATUS : (worker + 1) * _STATUS]
        length = int.from_bytes(status[_PIECE : _PATH.start], "little")
        path = status[_PATH][:length]
        return int.from_bytes(status[:_PIECE], "little"), os.fsdecode(path)


def create(plan: Plan) -> int:
    """Make the shared memory of a server and return an open descriptor of it.

    Its name is gone when this returns: children inherit the descriptor, and however they and this
    process end, the system frees the memory with the last of them.

    Raises
    ------
    ServerError
        If there is not enough shared memory.
    """
    length = plan.offsets[-1]
    try:
        # Its start would take place while the memory has a name, and who kills this process then
        # leaves the name behind.
        resource_tracker.ensure_running()
        shared = SharedMemory(create=True, size=length)
        try:
            fd = above_standard(os.dup(shared._fd))  # type: ignore[attr-defined]
        finally:
            shared.unlink()
            shared.close()
        if hasattr(os, "posix_fallocate"):
            # Without this, a full /dev/shm kills the process that touches the missing page.
            try:
                os.posix_fallocate(fd, 0, length)
            except BaseException:
                os.close(fd)
                raise
    except OSError as error:
        raise ServerError(
            f"the augmentation server needs {length / 1e6:.0f} MB of shared memory "
            f"({error.strerror}); give it more (containers: --shm-size), fewer minibatches ahead "
            "or no workers"
        ) from error
    return fd
