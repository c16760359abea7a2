"""TensorBoard event files, written for its reader: scalars, pictures, histograms and texts."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from types import TracebackType

import numpy as np

from scripts.tensorboard_records import frame
from scripts.tensorboard_wire import put

__all__ = ["EventFile"]

_COLOURS = 3  # of an RGB picture


class EventFile:
    """An event file that is being written; a context manager.

    It stands under its name when the block ends well.

    Parameters
    ----------
    folder : Path
        Made if it is missing.
    started : float
        When the first of its events happened, in seconds since 1970: part of the file's name, by
        which TensorBoard orders files.
    host : str
        Where, also part of the name.
    """

    def __init__(self, folder: Path, started: float, host: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        safe = "".join(c if c.isalnum() or c in "-." else "_" for c in host) or "host"
        self.path = folder / f"events.out.tfevents.{int(started)}.{safe}"
        self._draft = folder / f".{self.path.name[-100:]}.part"
        self._described: set[str] = set()
        self._file = open(self._draft, "wb")  # noqa: SIM115 (closed by `__exit__`)
        self._write(started, 0, put(3, "brain.Event:2"))

    def __enter__(self) -> EventFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        if kind is None:
            os.replace(self._draft, self.path)
        else:
            self._draft.unlink()

    def scalar(self, tag: str, step: int, time: float, value: float) -> None:
        """Write a point of a curve; TensorBoard keeps 24 bits of it."""
        with np.errstate(over="ignore"):  # becomes infinite
            single = float(np.float32(value)) if abs(value) > 3e38 else value
        self._value(tag, step, time, put(2, single, "f"))

    def picture(
        self, tag: str, step: int, time: float, encoded: bytes, size: tuple[int, int]
    ) -> None:
        """Write a picture of ``(width, height)`` pixels: the bytes of a PNG or JPEG file."""
        width, height = size
        image = put(1, height) + put(2, width) + put(3, _COLOURS) + put(4, encoded)
        self._value(tag, step, time, put(4, image))

    def histogram(
        self, tag: str, step: int, time: float, edges: np.ndarray, counts: np.ndarray
    ) -> None:
        """Write `counts` ``(bins,)`` between `edges` ``(bins + 1,)``, rising."""
        middles = edges[:-1] / 2 + edges[1:] / 2
        with np.errstate(over="ignore", invalid="ignore"):
            sums = [np.sum(counts), np.sum(counts * middles), np.sum(counts * middles**2)]
        ends = [edges[0], edges[-1], *sums]
        message = b"".join(put(number, end, "d") for number, end in enumerate(ends, 1))
        message += put(6, _doubles(edges[1:])) + put(7, _doubles(counts))
        self._value(tag, step, time, put(5, message))

    def words(self, tag: str, step: int, time: float, text: str) -> None:
        """Write a text."""
        shape = put(2, put(2, put(1, 1)))  # one dimension of one element
        tensor = put(1, 7) + shape + put(8, text)
        value = put(8, tensor)
        if tag not in self._described:
            self._described.add(tag)
            value += put(9, put(1, put(1, "text")))
        self._value(tag, step, time, value)

    def _value(self, tag: str, step: int, time: float, content: bytes) -> None:
        self._write(time, step, put(5, put(1, put(1, tag) + content)))

    def _write(self, time: float, step: int, content: bytes) -> None:
        self._file.write(frame(put(1, time, "d") + put(2, step) + content))


def _doubles(values: np.ndarray) -> bytes:
    return struct.pack(f"<{len(values)}d", *values.tolist())
