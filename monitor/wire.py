"""Messages through a pipe: a JSON header and raw bytes, with their lengths in front. No pickle."""

from __future__ import annotations

import json
import os
import select
import struct
from typing import Any

__all__ = ["Inbox", "pack"]

_LENGTHS = struct.Struct("<IQ")
_PIECE = 1 << 20


def pack(header: dict[str, Any], payload: bytes = b"") -> bytes:
    """Return the bytes of one message."""
    text = json.dumps(header).encode()
    return _LENGTHS.pack(len(text), len(payload)) + text + payload


class Inbox:
    """The receiving end of a pipe.

    Parameters
    ----------
    descriptor : int
        File descriptor to read from; it stays the caller's to close.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._buffer = bytearray()
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)

    def receive(self, timeout: float | None) -> tuple[dict[str, Any], bytes] | None:
        """Return the next message, or None when nothing came for `timeout` seconds.

        Raises
        ------
        EOFError
            If the other end is closed and no whole message is left.
        """
        while True:
            message = self._next()
            if message is not None:
                return message
            if not self._poll.poll(None if timeout is None else 1000 * timeout):
                return None
            piece = os.read(self._descriptor, _PIECE)
            if not piece:
                raise EOFError("The other end of the pipe is closed.")
            self._buffer += piece

    def _next(self) -> tuple[dict[str, Any], bytes] | None:
        if len(self._buffer) < _LENGTHS.size:
            return None
        text, payload = _LENGTHS.unpack_from(self._buffer)
        begin, end = _LENGTHS.size + text, _LENGTHS.size + text + payload
        if len(self._buffer) < end:
            return None
        header = json.loads(self._buffer[_LENGTHS.size : begin])
        with memoryview(self._buffer) as view:
            content = bytes(view[begin:end])
        del self._buffer[:end]
        return header, content
