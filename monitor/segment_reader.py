"""One segment as the reader sees it: rows in memory, whatever the state of the file."""

from __future__ import annotations

import os
import tempfile
import time
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from monitor.hdf5 import open_segment
from monitor.layout import (
    FLUSH_ORDER,
    NEVER_ZERO,
    NO_RESUME,
    TABLES,
    TAG_KINDS,
    RunLogError,
    segment_number,
)
from monitor.salvage import salvage
from monitor.status import segment_state
from monitor.tables import Blob, read_new, start_step

__all__ = ["SegmentReader"]

_SETTLED_SECONDS = 1.0
_KIND_NAMES = {code: name for name, code in TAG_KINDS.items()}


class SegmentReader:
    """Rows of a segment, read as they come.

    Parameters
    ----------
    path : Path
        The segment's file.

    Attributes
    ----------
    number : int
        Number of the segment.
    start_step : int
        See `monitor.layout.ATTRIBUTES`.
    problems : list of str
        A sentence about each loss.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.number = segment_number(path.name)
        self.start_step = NO_RESUME
        self.problems: list[str] = []
        self._rows = {name: np.zeros(0, dtype) for name, (dtype, _) in TABLES.items()}
        self._blob: int | None = None  # of a dead writer: an unnamed file that holds it
        self._names: list[tuple[str, str]] = []
        self._final = False
        self._seen: tuple[int, int] | None = None

    @property
    def nbytes(self) -> int:
        """The memory that the rows take, in bytes."""
        return sum(rows.nbytes for rows in self._rows.values())

    def rows(self, table: str) -> np.ndarray:
        """Return all rows of a table, those not written (see `monitor.layout`) among them."""
        return self._rows[table]

    def tag(self, number: int) -> tuple[str, str] | None:
        """Return kind and name of a tag by the number that rows hold, or None."""
        return self._names[number - 1] if 0 < number <= len(self._names) else None

    def tag_names(self) -> list[tuple[str, str]]:
        """Return kind and name of all tags."""
        return self._names

    def tag_numbers(self, kind: str) -> dict[str, int]:
        """Return the numbers of all tags of a kind, in order of first use."""
        return {name: n for n, (other, name) in enumerate(self._names, 1) if other == kind}

    def blob(self, offset: int, length: int) -> bytes:
        """Return a range of the blob.

        Raises
        ------
        RunLogError
            If it cannot be read, or the file does not reach so far.
        """
        (content,) = self.blobs([(offset, length)])
        if isinstance(content, RunLogError):
            raise content
        return content

    def blobs(self, ranges: Iterable[tuple[int, int]]) -> Iterator[bytes | RunLogError]:
        """Yield many ranges of the blob, given as offset and length, or why one cannot be read."""
        state = segment_state(self.path) if self._blob is None else "dead"
        if state == "dead":
            for offset, length in ranges:
                yield self._checked(self._salvaged(offset, length), length)
            return
        waiting, answered = iter(ranges), True
        try:
            with open_segment(self.path, live=state == "live") as file:
                blob = Blob(file)
                for offset, length in waiting:
                    answered = False
                    inside = offset >= 0 and length >= 0  # a damaged row may say anything
                    content, losses = blob.read(offset, offset + length) if inside else (b"", [])
                    if state == "clean":  # a writer at work looks like damage in moments
                        self._name(losses)
                    answered = True
                    yield self._checked(content, length)
        except Exception as error:  # of opening, of reading, or of closing after all was read
            if state == "clean":
                self._name([f"blob cannot be read ({error})"])
            if not answered:
                yield RunLogError(f"{self.path} is damaged: {error}.")
            for _ in waiting:
                yield RunLogError(f"{self.path} is damaged: {error}.")

    def _name(self, losses: list[str]) -> None:
        """Add to the problems what is not among them yet."""
        for loss in losses:
            if (problem := f"{self.path.name}: {loss}.") not in self.problems:
                self.problems.append(problem)

    def _salvaged(self, offset: int, length: int) -> bytes:
        """Return a range of what was saved of a dead writer's blob, as far as it reaches."""
        if self._blob is None:
            return b""
        size = os.fstat(self._blob).st_size
        if not 0 <= offset <= size or length < 0:  # a damaged row may say anything
            return b""
        return os.pread(self._blob, min(length, size - offset), offset)

    def _checked(self, content: bytes, length: int) -> bytes | RunLogError:
        if len(content) == length:
            return content
        return RunLogError(f"{self.path} holds {len(content)} of {length} bytes asked for.")

    def refresh(self) -> None:
        """Read what has come since the last time."""
        if self._final:
            return
        state = segment_state(self.path)
        if state == "dead":
            self._salvage()
        elif state == "clean":
            self._read(live=False)
        else:
            stat = self.path.stat()
            seen = (stat.st_size, stat.st_mtime_ns)
            # Time stamps are coarse: a file written to a moment ago may have changed unseen.
            if seen == self._seen and time.time() - stat.st_mtime > _SETTLED_SECONDS:
                return
            self._seen = seen if self._read(live=True) else None
        self._final = state != "live"
        tags = self._rows["tags"]
        self._names = [
            (_KIND_NAMES.get(int(kind), ""), name.split(b"\0")[0].decode("utf-8", "replace"))
            for kind, name in zip(tags["kind"], tags["name"], strict=True)
        ]

    def _read(self, *, live: bool) -> bool:
        """Read on; tell whether all went well. A writer at work looks like damage in moments."""
        problems: list[str] = []
        counts = {name: len(self._rows[name]) for name in reversed(FLUSH_ORDER) if name != "blob"}
        try:
            with open_segment(self.path, live=live) as file:
                self.start_step = start_step(file)
                for name, rows, losses in read_new(file, counts):
                    rows = _written(name, rows) if live else rows
                    old = self._rows[name]
                    self._rows[name] = np.concatenate([old, rows]) if len(old) else rows
                    problems += [f"{self.path.name}: {loss}." for loss in losses]
        except Exception as error:  # HDF5 has many words for damage
            problems.append(f"{self.path.name} was not read to its end: {error}.")
        if not live:
            self.problems += problems
        return not problems

    def _salvage(self) -> None:
        for header, payload in salvage(self.path):
            if "start_step" in header:
                self.start_step = header["start_step"]
            elif "table" in header:
                self.problems += [f"{self.path.name}: {text}." for text in header["problems"]]
                if header["table"] == "blob":
                    self._keep_blob(payload)
                else:
                    dtype = TABLES[header["table"]][0]
                    self._rows[header["table"]] = np.frombuffer(payload, dtype)
            elif header["end"] is not None:
                self.problems.append(f"{self.path.name} was not read to its end: {header['end']}.")

    def _keep_blob(self, piece: bytes) -> None:
        """Append to the copy of the blob, which may be too large for memory."""
        if self._blob is None:
            with tempfile.TemporaryFile() as file:
                self._blob = os.dup(file.fileno())
            weakref.finalize(self, os.close, self._blob)
        os.pwrite(self._blob, piece, os.fstat(self._blob).st_size)


def _written(name: str, rows: np.ndarray) -> np.ndarray:
    """Return the rows without those at the end whose content is still to come."""
    written = np.flatnonzero(rows[NEVER_ZERO[name]])
    return rows[: written[-1] + 1] if written.size else rows[:0]
