"""The frame of TensorBoard's event files: records with their lengths and checksums (TFRecord)."""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

__all__ = ["crc32c", "frame", "read_records"]

_LENGTH = struct.Struct("<Q")
_SUM = struct.Struct("<I")
_OFTEN = 1 << 20  # bytes
_HEAD = _LENGTH.size + _SUM.size
_POLYNOMIAL = 0x82F63B78  # Castagnoli's, bits reversed
_START = 0xFFFFFFFF
_SHORT = 1024  # bytes
_MASK = 0xA282EAD8  # a sum of bytes that hold sums would be weak


def frame(content: bytes) -> bytes:
    """Return the record that holds `content`."""
    length = _LENGTH.pack(len(content))
    return b"".join([length, _SUM.pack(_masked(length)), content, _SUM.pack(_masked(content))])


def read_records(
    path: Path, problems: list[str], advance: Callable[[int], None] = lambda _: None
) -> Iterator[bytes]:
    """Yield the contents of a file's records.

    A record whose content does not fit its checksum is passed over; where a length does not fit,
    or the file ends within a record, reading ends.

    Parameters
    ----------
    path : Path
    problems : list of str
        Takes a sentence about each loss.
    advance : callable
        Called now and then with the number of bytes read since.
    """
    with open(path, "rb") as file:
        left = os.fstat(file.fileno()).st_size
        told = 0
        while left:
            where = file.tell()
            if where - told > _OFTEN:
                advance(where - told)
                told = where
            content, problem = _read_record(file, left)
            if content is not None:
                yield content
            if problem is not None:
                problems.append(f"{path}: the record at byte {where} {problem}.")
                if content is None and not problem.endswith("is left out"):
                    return
            left -= file.tell() - where


def _read_record(file: BinaryIO, left: int) -> tuple[bytes | None, str | None]:
    """Return a record's content and what is wrong with it."""
    head = file.read(_HEAD)
    if len(head) < _HEAD:
        return None, "is cut off"
    (length,), (sum_of_length,) = _LENGTH.unpack_from(head), _SUM.unpack_from(head, _LENGTH.size)
    if sum_of_length != _masked(head[: _LENGTH.size]):
        return None, "is damaged, and what follows cannot be found"
    if length + _SUM.size > left - _HEAD:
        return None, "is cut off"
    content = file.read(length)
    if _SUM.unpack(file.read(_SUM.size))[0] != _masked(content):
        return None, "is damaged and is left out"
    return content, None


def crc32c(content: bytes) -> int:
    """Return the CRC-32C checksum (RFC 3720) of some bytes."""
    if len(content) < _SHORT:
        return _advance(_START, content) ^ _START
    # Bytes change the sum in a linear way (over bits), so it can be found for strips of equal
    # length side by side, and carried from strip to strip: `carry` says what becomes of each bit
    # of a sum on the way along a strip.
    length = math.isqrt(len(content))
    strips = np.frombuffer(content, np.uint8)[: len(content) // length * length]
    strips = strips.reshape(-1, length)
    count = len(strips)
    sums = np.concatenate([np.zeros(count, np.uint32), np.uint32(1) << np.arange(32, dtype="u4")])
    columns = np.zeros((length, count + 32), np.uint32)
    columns[:, :count] = strips.T
    for column in columns:
        sums = _TABLE[(sums ^ column) & 0xFF] ^ (sums >> 8)
    carry = sums[count:].tolist()
    value = _START
    for own in sums[:count].tolist():
        carried = own
        for bit in range(32):
            if value >> bit & 1:
                carried ^= carry[bit]
        value = carried
    return _advance(value, content[count * length :]) ^ _START


def _advance(value: int, content: bytes) -> int:
    for byte in content:
        value = _ENTRIES[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value


def _masked(content: bytes) -> int:
    plain = crc32c(content)
    return (((plain >> 15) | (plain << 17)) + _MASK) & 0xFFFFFFFF


def _table() -> np.ndarray:
    entries: np.ndarray = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        entries = (entries >> 1) ^ (entries & 1) * np.uint32(_POLYNOMIAL)
    return entries


_TABLE = _table()
_ENTRIES = _TABLE.tolist()
