"""Arrays in one binary answer: a JSON header and float64 numbers, as browsers take them."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["MAGIC", "Frame", "unpack"]

MAGIC = b"LSG1"
_LENGTH = struct.Struct("<I")


class Frame:
    """Collects arrays, then packs them behind a header that says where each one is.

    The format is described in ``docs/monitor-api.md``.
    """

    def __init__(self) -> None:
        self._arrays: list[np.ndarray] = []
        self._length = 0

    def add(self, columns: Mapping[str, np.ndarray]) -> dict[str, dict[str, int]]:
        """Take arrays in and return what the header says of each: `at` and `length`."""
        places = {}
        for name, column in columns.items():
            places[name] = {"at": self._length, "length": len(column)}
            self._arrays.append(np.ascontiguousarray(column, "<f8"))
            self._length += len(column)
        return places

    def pack(self, header: Mapping[str, Any]) -> bytes:
        """Return the whole: magic, length of the header, header, numbers."""
        text = json.dumps(header, allow_nan=False, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        return b"".join([MAGIC, _LENGTH.pack(len(text)), text, *map(bytes, self._arrays)])


def unpack(content: bytes) -> tuple[dict[str, Any], np.ndarray]:
    """Return header and numbers, float64 ``(n,)``, of a packed frame.

    Raises
    ------
    ValueError
        If it is none.
    """
    if content[:4] != MAGIC or len(content) < 8:
        raise ValueError(f"A frame begins with {MAGIC!r}, not {content[:4]!r}.")
    begin = 8 + _LENGTH.unpack_from(content, 4)[0]
    return json.loads(content[8:begin]), np.frombuffer(content[begin:], "<f8")
