"""What TensorBoard's event files hold: scalars, pictures, histograms and texts.

Both generations are read: TensorFlow 1's, also of PyTorch's writer, in which a value says by its
field what it is, and TensorFlow 2's, in which it is a tensor and the name of a plugin says what it
is. The fields are those of event.proto, summary.proto and tensor.proto in TensorBoard's source,
tensorboard/compat/proto.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from scripts.tensorboard_records import read_records
from scripts.tensorboard_wire import BYTES, VARINT, Value, double, fields, numbers

__all__ = ["Entry", "Histogram", "LeftOut", "Picture", "Restart", "Scalar", "Words", "read_events"]


class Scalar(NamedTuple):
    """A point of a curve."""

    tag: str
    step: int
    time: float
    value: float


class Picture(NamedTuple):
    """A picture: the bytes of its file."""

    tag: str
    step: int
    time: float
    encoded: bytes


class Histogram(NamedTuple):
    """A histogram: `counts` ``(bins,)`` between `edges` ``(bins + 1,)``, float64."""

    tag: str
    step: int
    time: float
    edges: np.ndarray
    counts: np.ndarray


class Words(NamedTuple):
    """A text."""

    tag: str
    step: int
    time: float
    text: str


class Restart(NamedTuple):
    """From here on the writer goes on from an earlier step; what it had written from it is void."""

    step: int


class LeftOut(NamedTuple):
    """Something that has no place in a run: what it is, in a word."""

    what: str


Entry = Scalar | Picture | Histogram | Words | Restart | LeftOut

_MARK = tuple[int, float]  # step and time

_FIELDS = {2: "scalar", 4: "images", 5: "histograms", 6: "audio", 8: "tensor"}
_OTHERS = {4: "graphs", 8: "run metadata", 9: "graphs"}
_STARTED = 1  # SessionLog.START
_STRING = 7
_TYPES = {1: "<f4", 2: "<f8", 3: "<i4", 4: "u1", 5: "<i2", 6: "i1", 9: "<i8", 10: "?", 19: "<f2"}
_FLOATS = {5: "f", 6: "d"}  # float_val, double_val
_WHOLE = {7, 10, 11}  # int_val, int64_val, bool_val


def read_events(
    path: Path, problems: list[str], advance: Callable[[int], None] = lambda _: None
) -> Iterator[Entry]:
    """Yield what an event file holds, in its order.

    Parameters
    ----------
    path : Path
    problems : list of str
        Takes a sentence about each loss.
    advance : callable
        Called now and then with the number of bytes read since.
    """
    plugins: dict[str, str] = {}  # by tag: only its first value needs to name it
    broken = 0
    for record in read_records(path, problems, advance):
        try:
            found = list(_event(record, plugins))
        except (ValueError, OverflowError):
            broken += 1
            continue
        yield from found
    if broken:
        problems.append(f"{path}: {broken} records hold no events and are left out.")


def _event(record: bytes, plugins: dict[str, str]) -> Iterator[Entry]:
    step, time = 0, math.nan
    parts: list[tuple[int, memoryview]] = []
    for number, kind, value in fields(record):
        if number == 1:
            time = double(kind, value)
        elif number == 2 and isinstance(value, int):
            step = _signed(value)
        elif not isinstance(value, int):
            parts.append((number, value))
    for number, part in parts:
        if number == 5:
            for inner, kind, value in fields(part):
                if inner == 1 and kind == BYTES:
                    yield from _value(_bytes(value), (step, time), plugins)
        elif number == 7 and (1, VARINT, _STARTED) in fields(part):
            yield Restart(step)
        elif number in _OTHERS:
            yield LeftOut(_OTHERS[number])


def _value(message: memoryview, mark: _MARK, plugins: dict[str, str]) -> Iterator[Entry]:
    tag, plugin, what = "", "", ""
    content: tuple[int, Value] = (BYTES, memoryview(b""))
    for number, kind, value in fields(message):
        if number in (1, 7) and not tag:
            tag = str(_bytes(value), "utf-8", "replace")
        elif number == 9:
            plugin = _plugin(_bytes(value))
        elif number in _FIELDS:
            what, content = _FIELDS[number], (kind, value)
    if plugin:
        plugins.setdefault(tag, plugin)
    if what == "tensor":
        yield from _tensor_value(plugins.get(tag, ""), tag, mark, _tensor(_bytes(content[1])))
    elif what == "scalar":
        yield Scalar(tag, *mark, double(*content))
    elif what == "images":
        pictures = [value for number, _, value in fields(_bytes(content[1])) if number == 4]
        yield from (Picture(tag, *mark, bytes(_bytes(one))) for one in pictures)
    elif what == "histograms":
        yield Histogram(tag, *mark, *_histogram(_bytes(content[1])))
    elif what or plugin:
        yield LeftOut(what or plugin)


def _tensor_value(
    plugin: str, tag: str, mark: _MARK, tensor: np.ndarray | list[bytes]
) -> Iterator[Entry]:
    if isinstance(tensor, list):
        if plugin == "images":  # two strings before them are width and height
            yield from (Picture(tag, *mark, one) for one in tensor[2:])
        elif plugin == "text":
            yield Words(tag, *mark, "\n".join(one.decode("utf-8", "replace") for one in tensor))
        else:
            yield LeftOut(plugin or "tensors")
    elif plugin == "histograms":
        bins = tensor.reshape(-1, 3)  # left, right, count
        yield Histogram(tag, *mark, np.append(bins[:1, 0], bins[:, 1]), bins[:, 2])
    elif plugin == "scalars" and tensor.size == 1:
        yield Scalar(tag, *mark, float(tensor[0]))
    else:
        yield LeftOut(plugin or "tensors")


def _plugin(metadata: memoryview) -> str:
    for number, _, value in fields(metadata):
        if number == 1:
            for inner, _, name in fields(_bytes(value)):
                if inner == 1:
                    return str(_bytes(name), "utf-8", "replace")
    return ""


def _histogram(message: memoryview) -> tuple[np.ndarray, np.ndarray]:
    """Return edges and counts; the outermost bins, open in the file, end at lowest and highest."""
    ends: dict[int, float] = {}
    columns: dict[int, list[float]] = {6: [], 7: []}
    for number, kind, value in fields(message):
        if number in (1, 2):
            ends[number] = double(kind, value)
        elif number in columns:
            columns[number] += numbers(value, "d")
    right, counts = np.array(columns[6]), np.array(columns[7])
    if len(right) != len(counts):
        raise ValueError("a histogram with bins of another number than its counts")
    lowest, highest = ends.get(1, 0.0), ends.get(2, 0.0)
    return np.clip(np.concatenate([[lowest], right]), lowest, highest), counts


def _tensor(message: memoryview) -> np.ndarray | list[bytes]:
    """Return a tensor's numbers as ``(n,)`` float64, or its strings."""
    kind, content, strings = 0, memoryview(b""), []
    found: list[float] = []
    for number, wire, value in fields(message):
        if number == 1 and isinstance(value, int):
            kind = value
        elif number == 4:
            content = _bytes(value)
        elif number == 8:
            strings.append(bytes(_bytes(value)))
        elif number in _FLOATS:
            found += numbers(value, _FLOATS[number])
        elif number in _WHOLE:
            found += [value] if wire == VARINT else _packed(_bytes(value))  # type: ignore[list-item]
    if kind == _STRING:
        return strings
    if content:
        if kind not in _TYPES:
            return np.zeros(0)
        return np.frombuffer(content, _TYPES[kind]).astype(float)
    return np.array(found, float)


def _packed(content: memoryview) -> list[float]:
    """Return whole numbers that stand one behind the other."""
    values, value, shift = [], 0, 0
    for byte in content:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            values.append(float(_signed(value)))
            value, shift = 0, 0
    return values


def _signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value


def _bytes(value: Value) -> memoryview:
    if isinstance(value, int):
        raise ValueError("a whole number where bytes were expected")
    return value
