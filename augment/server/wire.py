"""Frames on a pipe: a kind, a length, and so many bytes. Nothing is pickled."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator
from typing import Any

__all__ = [
    "BATCH",
    "CLOSE",
    "DONE",
    "ERROR",
    "FREE",
    "GAUGES",
    "NOTE",
    "PING",
    "READY",
    "SEEK",
    "TASK",
    "Inbox",
    "pack_json",
    "pack_numbers",
    "send",
    "unpack_json",
    "unpack_numbers",
]

# assembler to worker: piece, slot, epoch, step, then positions, rows and classes (int32)
TASK = 1
# worker to assembler: nothing; piece, hits, misses
READY, DONE = 2, 3
# both ways up: a sentence for the user; a sentence that ends the stream
NOTE, ERROR = 4, 5
# trainer to assembler: generation, epoch, step; generation, slots; nothing; nothing
SEEK, FREE, PING, CLOSE = 6, 7, 8, 9
# assembler to trainer: generation, epoch, step, slot; JSON
BATCH, GAUGES = 10, 11

_HEADER = struct.Struct("<BI")
_CHUNK = 1 << 16


class Inbox:
    """Cuts what comes out of a pipe into frames.

    Parameters
    ----------
    fd : int
        The pipe's reading end.
    """

    def __init__(self, fd: int):
        self.fd = fd
        self._rest = b""

    def read(self) -> Iterator[tuple[int, bytes]]:
        """Wait for bytes and give the frames that are complete.

        Raises
        ------
        EOFError
            If the other end is closed.
        """
        got = os.read(self.fd, _CHUNK)
        if not got:
            raise EOFError
        return self._frames(got)

    def _frames(self, got: bytes) -> Iterator[tuple[int, bytes]]:
        data = self._rest + got
        at = 0
        while len(data) - at >= _HEADER.size:
            kind, length = _HEADER.unpack_from(data, at)
            end = at + _HEADER.size + length
            if end > len(data):
                break
            self._rest = data[end:]  # kept even if the caller stops here
            yield kind, data[at + _HEADER.size : end]
            at = end
        self._rest = data[at:]


def send(fd: int, kind: int, *contents: bytes) -> None:
    """Write a frame for each of the contents (an empty one if there are none), in one piece.

    Every write wakes the reader, so what goes together is written together.

    Raises
    ------
    OSError
        If the other end is closed.
    """
    frames = [_HEADER.pack(kind, len(content)) + content for content in contents or (b"",)]
    data = memoryview(b"".join(frames))
    while data:
        data = data[os.write(fd, data) :]


def pack_numbers(*numbers: int) -> bytes:
    """Whole numbers that are not negative, 8 bytes each."""
    return struct.pack(f"<{len(numbers)}Q", *numbers)


def unpack_numbers(content: bytes) -> tuple[int, ...]:
    """What `pack_numbers` packed."""
    return struct.unpack(f"<{len(content) // 8}Q", content)


def pack_json(value: Any) -> bytes:
    """A value that JSON can hold."""
    return json.dumps(value).encode()


def unpack_json(content: bytes) -> Any:
    """What `pack_json` packed."""
    return json.loads(content)
