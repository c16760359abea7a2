"""Protocol Buffers' wire format: messages as fields of numbers and bytes, without a schema."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

__all__ = ["BYTES", "FIXED32", "FIXED64", "VARINT", "Value", "double", "fields", "numbers", "put"]

VARINT: Final = 0
FIXED64: Final = 1
BYTES: Final = 2
FIXED32: Final = 5

Value = int | memoryview
"""A field's content: a number for `VARINT`, otherwise the bytes as they stand."""

_SIZES = {FIXED64: 8, FIXED32: 4}
_VARINT_BYTES = 10


def fields(message: bytes | memoryview) -> Iterator[tuple[int, int, Value]]:
    """Yield number, wire type and content of a message's fields.

    Raises
    ------
    ValueError
        If the bytes are no message.
    """
    view = memoryview(message)
    place, end = 0, len(view)
    while place < end:
        key, place = _varint(view, place)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, place = _varint(view, place)
            yield number, kind, value
            continue
        if kind == BYTES:
            size, place = _varint(view, place)
        elif kind in _SIZES:
            size = _SIZES[kind]
        else:
            raise ValueError(f"a field of the unknown wire type {kind}")
        if size > end - place:
            raise ValueError("a field that reaches past the end of its message")
        yield number, kind, view[place : place + size]
        place += size


def _varint(view: memoryview, place: int) -> tuple[int, int]:
    if place < len(view) and view[place] < 0x80:  # most are short
        return view[place], place + 1
    value = 0
    for shift, byte in enumerate(view[place : place + _VARINT_BYTES]):
        value |= (byte & 0x7F) << (7 * shift)
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, place + shift + 1
    raise ValueError("a number without an end")


def double(kind: int, value: Value) -> float:
    """Return a field of the type double or float.

    Raises
    ------
    ValueError
        If the field is of another wire type.
    """
    if kind == FIXED64:
        return float(struct.unpack("<d", value)[0])  # type: ignore[arg-type]
    if kind == FIXED32:
        return float(struct.unpack("<f", value)[0])  # type: ignore[arg-type]
    raise ValueError(f"a number of the wire type {kind}")


def numbers(value: Value, code: str) -> list[float]:
    """Return a repeated field's numbers of a `struct` code, whether they stand alone or packed.

    Raises
    ------
    ValueError
        If the field holds something else.
    """
    if isinstance(value, int):
        raise ValueError("a whole number where others were expected")
    count, rest = divmod(len(value), struct.calcsize(code))
    if rest:
        raise ValueError("numbers that are cut off")
    return list(struct.unpack(f"<{count}{code}", value))


def put(number: int, value: float | str | bytes, code: str | None = None) -> bytes:
    """Return a field.

    Parameters
    ----------
    number : int
        The field's number.
    value : int, float, str or bytes
        A whole number (not negative), text or bytes; or a number with a `code`.
    code : str, optional
        "d" for double, "f" for float.
    """
    if code is not None:
        kind = FIXED64 if code == "d" else FIXED32
        return _number(number << 3 | kind) + struct.pack(f"<{code}", value)
    if isinstance(value, int):
        return _number(number << 3 | VARINT) + _number(value)
    content = value.encode() if isinstance(value, str) else bytes(value)  # type: ignore[arg-type]
    return _number(number << 3 | BYTES) + _number(len(content)) + content


def _number(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)
