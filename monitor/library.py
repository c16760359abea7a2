"""All runs of a folder as the server keeps them: found anew, read in the background, put away."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from monitor.answers import RequestError
from monitor.folders import find_runs
from monitor.layout import RunLogError
from monitor.shelf import Shelf
from monitor.status import STALLED_SECONDS, living_writer
from monitor.trash import Trash

__all__ = ["Library"]

_LOGGER = logging.getLogger(__name__)
_REST_SECONDS = 0.4
_WAIT_SECONDS = 0.1
_MEMORY_BYTES = 96 * 1024 * 1024


class Library:
    """The runs of a folder; may be used by many threads.

    Parameters
    ----------
    root : Path
        The folder of runs.
    stalled_after : float
        See `monitor.reader.open_run`.

    Attributes
    ----------
    trash : Trash
        The deleted runs.
    """

    def __init__(self, root: Path, stalled_after: float = STALLED_SECONDS) -> None:
        self.root = root.resolve()
        self.trash = Trash(self.root)
        self._stalled_after = stalled_after
        self._shelves: dict[str, Shelf] = {}
        self._scanned = -1e9
        self._lock = threading.Lock()
        self._waiting: dict[str, Shelf] = {}
        self._reader: threading.Thread | None = None
        self._idle = threading.Event()

    def shelves(self) -> list[Shelf]:
        """Return all runs by name; the folder is searched now and then."""
        with self._lock:
            now = time.monotonic()
            if now - self._scanned > _REST_SECONDS:
                known = {shelf.name: shelf for shelf in self._shelves.values()}
                found = [
                    known.get(name) or Shelf(name, folder, self._stalled_after)
                    for name, folder in find_runs(self.root)
                ]
                self._shelves = {shelf.id: shelf for shelf in found}
                self._scanned = now
            return list(self._shelves.values())

    def shelf(self, id_: str) -> Shelf:
        """Return a run by its id. Ids are looked up, never made into a path.

        Raises
        ------
        RequestError
            If there is no such run.
        """
        if id_ not in self._shelves:
            self.shelves()
        shelf = self._shelves.get(id_)
        if shelf is None or not shelf.glance():
            raise RequestError(404, "There is no such run; it may have been deleted or moved.")
        shelf.used = time.monotonic()
        return shelf

    def rows(self) -> list[dict[str, Any]]:
        """Return what a list says of all runs; those that were not read yet say little."""
        shelves = [shelf for shelf in self.shelves() if shelf.glance()]
        stale = [shelf for shelf in shelves if shelf.stale()]
        if stale:
            self._read_soon(stale)
            if any(shelf.pending for shelf in stale):
                self._idle.wait(_WAIT_SECONDS)
        return [shelf.row() for shelf in shelves]

    def _read_soon(self, shelves: list[Shelf]) -> None:
        """Have runs summarised by a thread, which ends when there is nothing left to do."""
        with self._lock:
            for shelf in shelves:
                self._waiting.setdefault(shelf.id, shelf)
            if self._reader is None and self._waiting:
                self._idle.clear()
                # No daemon: Python could end it inside HDF5, and would then wait for its lock for
                # ever. It ends by itself when the main thread has.
                self._reader = threading.Thread(target=self._read_waiting, name="monitor summaries")
                self._reader.start()

    def _read_waiting(self) -> None:
        while True:
            with self._lock:
                if not (self._waiting and threading.main_thread().is_alive()):
                    self._reader = None
                    self._idle.set()
                    return
                shelf = self._waiting.pop(next(iter(self._waiting)))
            try:
                shelf.summarise()
                self.tidy()
            except Exception as error:  # one strange run may not keep the others from being read
                _LOGGER.warning("The run %s cannot be read.", shelf.title, exc_info=True)
                shelf.give_up(error)

    def tidy(self) -> None:
        """Put runs away that nobody has looked at for long, until the rest fits the memory."""
        shelves = sorted(self._shelves.values(), key=lambda shelf: shelf.used, reverse=True)
        total = 0
        for place, shelf in enumerate(shelves):
            size = shelf.nbytes
            if not (place and size and total + size > _MEMORY_BYTES and shelf.put_away()):
                total += size

    def delete(self, id_: str) -> str:
        """Move a run into the trash and return its key there.

        Raises
        ------
        RequestError
            If there is no such run, it is being written, or it cannot be moved.
        """
        shelf = self.shelf(id_)
        if shelf.name == ".":
            raise RequestError(409, "This run is the folder that is served; delete it by hand.")
        if living_writer(shelf.folder) is not None:
            raise RequestError(409, "The run is being written; stop its training first.")
        with self._changing():
            key = self.trash.put(shelf.folder, shelf.name)
        return key

    def restore(self, key: str) -> str:
        """Bring a run back from the trash and return its name.

        Raises
        ------
        RequestError
            If there is no such run in the trash, or its place is taken.
        """
        with self._changing():
            try:
                return self.trash.restore(key)
            except KeyError:
                raise RequestError(404, "There is no such run in the trash.") from None

    def empty_trash(self) -> int:
        """Delete the runs in the trash for good and return how many there were.

        Raises
        ------
        RequestError
            If they cannot be deleted.
        """
        with self._changing():
            return self.trash.empty()

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        """Change the folder of runs, and search it anew the next time."""
        with self._lock:
            try:
                yield
            except RunLogError as error:
                raise RequestError(409, str(error)) from error
            finally:
                self._scanned = -1e9
