"""One run as the server keeps it: what a list says of it, and its curves while they are used."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from monitor import summary
from monitor.answers import RequestError
from monitor.curves import Curves
from monitor.folders import is_run, run_id
from monitor.layout import USER_BLOCK, segment_paths
from monitor.notes import read_notes
from monitor.reader import Run, Status
from monitor.segment_reader import SegmentReader
from monitor.status import age, segment_state
from monitor.trash import size_of

__all__ = ["Opened", "Shelf"]

_REST_SECONDS = 0.4
_SETTLED_SECONDS = 1.0
_SUMMARY_SECONDS = 2.0
_PATIENCE_SECONDS = 10.0
_UNREAD: dict[str, Any] = {
    **dict.fromkeys(("status", "resumed", "step", "epoch", "progress", "eta", "best", "spark")),
    "last": {},
    "problems": [],
}


class Opened(NamedTuple):
    """A run at one moment.

    Attributes
    ----------
    run : Run
    status : str
    segments : list of SegmentReader
        With all rows read, oldest first.
    curves : Curves
        Of the same rows.
    faces : dict
        What was read of rejected windows: by segment and row of the picture, whether it was a
        face, and its score (NaN if unknown).
    cursor : str
        Names this moment: position, number of tags, status and identity of the run, with dashes.
    """

    run: Run
    status: Status
    segments: list[SegmentReader]
    curves: Curves
    faces: dict[tuple[int, int], tuple[bool, float]]
    cursor: str


class Shelf:
    """A run and what is remembered of it; may be used by many threads.

    Parameters
    ----------
    name : str
        Path of the run relative to the folder of runs.
    folder : Path
        The run's folder.
    stalled_after : float
        See `monitor.reader.open_run`.

    Attributes
    ----------
    id, title : str
        The run's name in addresses, and as people read it.
    used : float
        When somebody last looked at the run, on the monotonic clock.
    """

    def __init__(self, name: str, folder: Path, stalled_after: float) -> None:
        self.name, self.folder = name, folder
        self.id = run_id(name)
        self.title = os.fsencode(folder.name if name == "." else name).decode("utf-8", "replace")
        self.used = 0.0
        self.info: dict[str, Any] = {}
        self.identity = ""
        self._stalled_after = stalled_after
        self._lock = threading.RLock()  # for what reads HDF5; it may take seconds
        self._run: Run | None = None
        self._run_identity = ""
        self._curves = Curves()
        self._faces: dict[tuple[int, int], tuple[bool, float]] = {}
        self._glance_lock = threading.Lock()  # for what reads directories and small files
        self._glanced = 0.0
        self._folder_time = 0
        self._last: Path | None = None
        self._state = "dead"
        self._updated: float | None = None
        self._bytes = 0
        self._notes: dict[str, Any] = {}
        self._summary: dict[str, Any] | None = None
        self._summary_of: object = None
        self._summarised = 0.0

    @property
    def live(self) -> bool:
        """Whether a living process writes the run."""
        return self._state == "live"

    @property
    def updated(self) -> float | None:
        """When the log was last written to, in seconds since 1970."""
        return self._updated

    @property
    def nbytes(self) -> int:
        """The memory that the run takes, in bytes."""
        if self._run is None:
            return 0
        return self._run.nbytes + self._curves.nbytes

    def glance(self) -> bool:
        """Look at the folder without opening its segments; False if the run is gone."""
        with self._glance_lock:
            now = time.monotonic()
            if now - self._glanced < _REST_SECONDS:
                return True
            try:
                changed = os.stat(self.folder).st_mtime_ns
                # Time stamps are coarse: a folder changed a moment ago may change again unseen.
                settled = time.time() - changed / 1e9 > _SETTLED_SECONDS
                if changed != self._folder_time or not settled:
                    if not is_run(self.folder):
                        return False
                    self._read_folder()
                    self._folder_time = changed
                elif self.live:
                    self._read_state()
            except OSError:
                return False
            self._glanced = now
            return True

    def _read_folder(self) -> None:
        paths = segment_paths(self.folder)
        self._last = paths[-1] if paths else None
        identity = _identity(paths[0] if paths else None, self.folder)
        if identity != self.identity:  # the run was deleted and another one begun
            self.identity, self._summary = identity, None
        self.info, self._notes = Run(self.folder, self._stalled_after).info, read_notes(self.folder)
        self._read_state()

    def _read_state(self) -> None:
        self._bytes = size_of(self.folder)
        if self._last is None:
            self._state, self._updated = "dead", self.folder.stat().st_mtime
            return
        self._state = segment_state(self._last)
        self._updated = self._last.stat().st_mtime

    def stale(self) -> bool:
        """Tell whether the log has gone on since it was last summarised."""
        if self._summary is None:
            return True
        rested = time.monotonic() - self._summarised > _SUMMARY_SECONDS
        return rested and self._summary_of != self._fingerprint()

    @property
    def pending(self) -> bool:
        """Whether the log has not been read yet."""
        return self._summary is None

    def _fingerprint(self) -> object:
        return self.identity, self._last, self._state, self._updated

    def row(self) -> dict[str, Any]:
        """Return what a list says of the run; see RUN in ``docs/monitor-api.md``."""
        read = self._summary or _UNREAD
        status = read["status"]
        if self.live:
            stalled = self._last is not None and age(self._last) > self._stalled_after
            status = "stalled" if stalled else "running"
        elif self._state == "dead":
            status = "crashed"
        return {
            "id": self.id,
            "name": self.title,
            "pending": self.pending,
            "started": summary.started(self.info),
            "updated": self._updated,
            "net": summary.net(self.info),
            **summary.plan(self.info)._asdict(),
            **read,
            "status": status,
            **self._notes,
            "bytes": self._bytes,
        }

    def notice(self, notes: dict[str, Any]) -> None:
        """Take in notes that were just written."""
        self._notes = notes

    def summarise(self) -> None:
        """Read the log on and remember what a list says of it."""
        with self.opened() as run:
            self._summarise(run)

    def give_up(self, error: Exception) -> None:
        """Remember that the run could not be read, until it changes."""
        if isinstance(error, RequestError):  # somebody else is reading it
            return
        self._remember({"problems": [f"The run cannot be read: {error!r}."]})

    def _summarise(self, run: Opened) -> None:
        planned = summary.plan(self.info)
        self._remember(
            {
                "status": run.status,
                "resumed": sum(segment.start_step >= 0 for segment in run.segments[1:]),
                **summary.figures(run.curves, planned, running=run.status == "running"),
                "problems": [text for segment in run.segments for text in segment.problems],
            }
        )

    def _remember(self, read: dict[str, Any]) -> None:
        self._summary = {**_UNREAD, **read}
        self._summary_of, self._summarised = self._fingerprint(), time.monotonic()

    def full_row(self, run: Opened) -> dict[str, Any]:
        """Return `row` as of this moment."""
        self._summarise(run)
        return {**self.row(), "status": run.status}

    @contextlib.contextmanager
    def opened(self) -> Iterator[Opened]:
        """Have the run read up to this moment; other threads wait meanwhile.

        Raises
        ------
        RequestError
            If it takes long: another thread is still reading it.
        """
        if not self._lock.acquire(timeout=_PATIENCE_SECONDS):
            raise RequestError(503, f"{self.title} is still being read; ask again.")
        try:
            if self._run is None or self._run_identity != self.identity:
                self._run = Run(self.folder, self._stalled_after, _REST_SECONDS)
                self._run_identity, self._curves, self._faces = self.identity, Curves(), {}
            status, segments = self._run.look()
            self._curves.read_on(segments)
            tags = {name for segment in segments for name in segment.tag_names()}
            cursor = f"{self._curves.cursor}-{len(tags)}-{status}-{self._run_identity}"
            yield Opened(self._run, status, segments, self._curves, self._faces, cursor)
        finally:
            self._lock.release()

    def put_away(self) -> bool:
        """Forget the curves, unless somebody uses them now."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            self._run, self._curves = None, Curves()
        finally:
            self._lock.release()
        return True


def _identity(segment: Path | None, folder: Path) -> str:
    """Return a short text that differs for a run begun anew in the same place."""
    facts = b""
    if segment is not None:
        with open(segment, "rb") as file:
            facts = file.read(USER_BLOCK) + str(os.fstat(file.fileno()).st_ino).encode()
    with contextlib.suppress(OSError):
        facts += str(os.lstat(folder / "run.json").st_mtime_ns).encode()
    return hashlib.blake2b(facts, digest_size=6).hexdigest()
