"""One segment as the reader sees it: rows in memory, whatever the state of the file."""

from __future__ import annotations

import time
from pathlib import Path

import h5py
import numpy as np

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
from monitor.tables import read_blob, read_new, start_step

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
        self._blob: bytes | None = None
        self._names: list[tuple[str, str]] = []
        self._final = False
        self._seen: tuple[int, int] | None = None

    def rows(self, table: str) -> np.ndarray:
        """Return all rows of a table, those not written (see `monitor.layout`) among them."""
        return self._rows[table]

    def tag(self, number: int) -> tuple[str, str] | None:
        """Return kind and name of a tag by the number that rows hold, or None."""
        return self._names[number - 1] if 0 < number <= len(self._names) else None

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
        content = b""
        if self._blob is not None:
            content = self._blob[offset : offset + length]
        elif segment_state(self.path) != "dead":
            live = segment_state(self.path) == "live"
            try:
                with h5py.File(self.path, "r", swmr=live, locking=False) as file:
                    content = read_blob(file, offset, offset + length)[0]
            except Exception as error:
                raise RunLogError(f"{self.path} is damaged: {error}.") from error
        if len(content) != length:
            raise RunLogError(f"{self.path} holds {len(content)} of {length} bytes asked for.")
        return content

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
            with h5py.File(self.path, "r", swmr=live, locking=False) as file:
                self.start_step = start_step(file)
                for name, rows, losses in read_new(file, counts):
                    self._rows[name] = np.concatenate(
                        [self._rows[name], _written(name, rows) if live else rows]
                    )
                    problems += [f"{self.path.name}: {loss}." for loss in losses]
        except Exception as error:  # HDF5 has many words for damage
            problems.append(f"{self.path.name} was not read to its end: {error}.")
        if not live:
            self.problems += problems
        return not problems

    def _salvage(self) -> None:
        messages, failure = salvage(self.path)
        for header, payload in messages:
            if "start_step" in header:
                self.start_step = header["start_step"]
                continue
            name = header["table"]
            self.problems += [f"{self.path.name}: {text}." for text in header["problems"]]
            if name == "blob":
                self._blob = payload
            else:
                self._rows[name] = np.frombuffer(payload, TABLES[name][0])
        if failure is not None:
            self.problems.append(f"{self.path.name} was not read to its end: {failure}.")


def _written(name: str, rows: np.ndarray) -> np.ndarray:
    """Return the rows without those at the end whose content is still to come."""
    written = np.flatnonzero(rows[NEVER_ZERO[name]])
    return rows[: written[-1] + 1] if written.size else rows[:0]
