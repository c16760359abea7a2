"""Writing a run that happened elsewhere: rows with the times they had there."""

from __future__ import annotations

import json
import math
import os
import zlib
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import numpy as np

from monitor.checks import media_kind
from monitor.layout import (
    BINS,
    FORMAT,
    NO_RESUME,
    SEGMENT_BYTES,
    TABLES,
    TAG_BYTES,
    TAG_KINDS,
    RunLogError,
    segment_number,
    segment_paths,
)
from monitor.writer import Writer

__all__ = ["RunRows", "fitting_tag", "rebin"]

_TOGETHER = 10_000  # points in one message to the writer
_SUM = 9  # bytes that tell shortened tags apart


class RunRows:
    """A run that is being written in this process; a context manager.

    Parameters
    ----------
    folder : Path
        Made; must not exist.
    facts : dict
        What ``run.json`` says beside the start.
    """

    KINDS: Final = frozenset({"points", "pictures", "histograms", "texts"})

    def __init__(self, folder: Path, facts: dict[str, Any]) -> None:
        folder.mkdir(parents=True)
        self._folder, self._facts = folder, facts
        self._first, self._last = math.inf, -math.inf
        self._points: list[tuple[Any, ...]] = []
        self._begin(NO_RESUME)

    def __enter__(self) -> RunRows:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None and math.isfinite(self._last):
            self._mark()
        self._end()
        if kind is None:
            self._describe()

    def resume(self, step: int) -> None:
        """Go on from this step: what was written before with it, or a later one, is superseded."""
        self._end()
        self._begin(step)

    def scalar(self, tag: str, step: int, time: float, value: float) -> None:
        """Write a point of a curve."""
        self._see(time)
        self._points.append((self._number("scalar", tag), step, math.nan, time, value))
        if len(self._points) >= _TOGETHER:
            self._hand_over()

    def picture(self, tag: str, step: int, time: float, encoded: bytes) -> bool:
        """Write a picture, the bytes of its file; False if it is neither PNG nor JPEG."""
        try:
            media = media_kind("RunRows", encoded)
        except RunLogError:
            return False
        self._see(time)
        header = {
            "kind": "picture",
            "step": step,
            "time": time,
            "tag": self._number("picture", tag),
            "shape": None,
            "media": media,
            "bytes": len(encoded),
            "metadata": "",
        }
        self._writer.take(header, encoded)
        return True

    def histogram(
        self, tag: str, step: int, time: float, edges: np.ndarray, counts: np.ndarray
    ) -> None:
        """Write `counts` ``(bins,)`` between `edges` ``(bins + 1,)``."""
        self._see(time)
        row = (self._number("histogram", tag), step, time, *rebin(edges, counts))
        self._take("hist", [row])

    def words(self, step: int, time: float, text: str) -> None:
        """Write a note."""
        self._see(time)
        self._writer.take({"kind": "text", "step": step, "time": time}, text.encode())

    def _begin(self, start_step: int) -> None:
        paths = segment_paths(self._folder)
        self._numbers: dict[tuple[str, str], int] = {}
        self._writer = Writer(
            folder=os.fspath(self._folder),
            number=segment_number(paths[-1].name) + 1 if paths else 0,
            config="{}",
            start_step=start_step,
            segment_bytes=SEGMENT_BYTES,
        )

    def _end(self) -> None:
        self._hand_over()
        self._writer.close()

    def _mark(self) -> None:
        number = self._number("finished", "finished")
        self._points.append((number, 0, math.nan, self._last, 0.0))

    def _describe(self) -> None:
        """Write ``run.json``, and give the files the age of what they hold."""
        facts = {"format": FORMAT, "config": {}, "command": [], **self._facts}
        if math.isfinite(self._first):
            facts["started"] = self._first
        path = self._folder / "run.json"
        path.write_text(json.dumps(facts, indent=1), encoding="utf-8")
        if math.isfinite(self._last):
            for file in self._folder.iterdir():
                os.utime(file, (self._last, self._last))

    def _see(self, time: float) -> None:
        self._first, self._last = min(self._first, time), max(self._last, time)

    def _number(self, kind: str, tag: str) -> int:
        number = self._numbers.get((kind, tag))
        if number is None:
            number = self._numbers[kind, tag] = len(self._numbers) + 1
            self._take("tags", [(TAG_KINDS[kind], tag.encode())])
        return number

    def _hand_over(self) -> None:
        if self._points:
            self._take("events", self._points)
            self._points = []

    def _take(self, table: str, rows: list[Any]) -> None:
        content = np.array(rows, TABLES[table][0]).tobytes()
        self._writer.take({"kind": "rows", "table": table}, content)


def fitting_tag(tag: str) -> str:
    """Return a tag as a run may have it: printable, not empty, of 128 bytes at most."""
    plain = "".join(c if c.isprintable() else "?" for c in tag) or "unnamed"
    if len(plain.encode()) <= TAG_BYTES:
        return plain
    short = plain.encode()[: TAG_BYTES - _SUM].decode("utf-8", "ignore")
    return f"{short}~{zlib.crc32(tag.encode('utf-8', 'replace')):08x}"


def rebin(edges: np.ndarray, counts: np.ndarray) -> tuple[float, float, np.ndarray]:
    """Return lowest, highest and the counts of equal bins, as the run log keeps histograms.

    Within a bin, values are taken to be spread evenly; the sum of the counts stays, rounded.

    Parameters
    ----------
    edges : numpy.ndarray
        ``(bins + 1,)``, rising.
    counts : numpy.ndarray
        ``(bins,)``.
    """
    nothing = math.nan, math.nan, np.zeros(BINS, np.int64)
    full = np.flatnonzero(counts > 0)
    if not full.size:
        return nothing
    edges, counts = edges[full[0] : full[-1] + 2], counts[full[0] : full[-1] + 1]
    below = np.concatenate([[0.0], np.cumsum(np.maximum(counts, 0))])
    if not np.isfinite(edges).all() or not below[-1] < 2.0**62:
        return nothing
    lowest, highest = float(edges[0]), float(edges[-1])
    if not lowest < highest:
        return lowest, lowest, np.eye(1, BINS, dtype=np.int64)[0] * round(below[-1])
    # From 0 to 1, in halves, so that no width overflows.
    places = (edges / 2 - lowest / 2) / (highest / 2 - lowest / 2)
    at = np.interp(np.linspace(0, 1, BINS + 1), np.maximum.accumulate(places), below)
    at[0], at[-1] = 0, below[-1]  # where bins have no width, too
    return lowest, highest, np.diff(np.round(at).astype(np.int64))
