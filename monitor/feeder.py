"""The thread that hands what a training logs over to the process that writes it."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

import numpy as np

from monitor import checks
from monitor.layout import TABLES, TAG_KINDS, RunLogError
from monitor.pipe import WriterProcess
from monitor.wire import pack

__all__ = ["Feeder", "TagNumbers", "packed_rows"]

_LOGGER = logging.getLogger(__name__)
_FLUSH_SECONDS = 0.5
_PATIENCE_SECONDS = 30.0


class Feeder:
    """Collects rows and messages and commits them every half second.

    When the writing process fails, a warning is logged once and everything after is dropped.

    Parameters
    ----------
    writer : WriterProcess
        Ready to receive.
    folder : Path
        The run's folder, for messages.

    Attributes
    ----------
    events : list of tuple
        Rows of the table ``events``; append to it.
    messages : list of bytes
        Other messages to the writer; append to it.
    tags : dict
        `TagNumbers` by kind of tag.
    last_step : int
        The last step committed.
    """

    def __init__(self, writer: WriterProcess, folder: Path) -> None:
        # Lists that only grow at the end in the training and shrink at the front here need no lock.
        self.events: list[tuple[int, int, float, float, float]] = []
        self.messages: list[bytes] = []
        self.tags = {kind: TagNumbers(self, kind) for kind in TAG_KINDS}
        self.last_step = 0
        self._new_tags: list[tuple[int, bytes]] = []
        self._tickets: list[threading.Event] = []
        self._count = 0
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._writer = writer
        self._folder = folder
        self._closed = False
        self._failed = False
        self._thread = threading.Thread(target=self._run, name="run log", daemon=True)
        self._thread.start()

    @property
    def closed(self) -> bool:
        """Whether `end` was called."""
        return self._closed

    def require_open(self) -> None:
        """Raise RunLogError if the log is closed."""
        if self._closed:
            raise RunLogError(f"RunLog {str(self._folder)!r} is closed; log before closing it.")

    def flush(self) -> bool:
        """Wait until everything collected is in the file; False if that has failed."""
        if not self._closed:
            ticket = threading.Event()
            self._tickets.append(ticket)
            self._wake.set()
            if not ticket.wait(_PATIENCE_SECONDS):
                return False
        return not self._failed

    def end(self) -> None:
        """Commit what is left and end the thread and the writing process."""
        self._closed = True
        for numbers in self.tags.values():
            numbers.clear()  # the next call looks its tag up again, and learns that we are closed
        self._wake.set()
        self._thread.join(_PATIENCE_SECONDS)
        if self._thread.is_alive():
            self._fail(f"nothing could be written for {_PATIENCE_SECONDS:g} s")
            self._writer.kill()
            self._thread.join()
        self._writer.end(_PATIENCE_SECONDS)
        for ticket in _take(self._tickets):  # of threads that came late
            ticket.set()

    def register(self, kind: str, tag: object) -> int:
        """Number a tag that was not used before.

        Raises
        ------
        RunLogError
            If it is no tag, or the log is closed.
        """
        self.require_open()
        name = checks.encoded_tag("RunLog", tag)
        with self._lock:
            if tag not in self.tags[kind]:
                self._count += 1
                self._new_tags.append((TAG_KINDS[kind], name))
                self.tags[kind][tag] = self._count
            return self.tags[kind][tag]

    def _run(self) -> None:
        closed = False
        while not closed:
            self._wake.wait(_FLUSH_SECONDS)
            self._wake.clear()
            closed = self._closed  # before taking, so that nothing logged before it is left
            tickets = _take(self._tickets)
            try:
                self._commit()
            except Exception as error:
                self._fail(str(error))
            for ticket in tickets:
                ticket.set()

    def _commit(self) -> None:
        events, messages = _take(self.events), _take(self.messages)
        tags = _take(self._new_tags)  # last: a tag is there before the rows that use it
        if self._failed or not (tags or events or messages):
            return
        batch = [packed_rows("tags", tags)] if tags else []
        batch += messages
        if events:
            batch.append(packed_rows("events", events))
            self.last_step = events[-1][1]
        self._writer.commit(batch)

    def _fail(self, reason: str) -> None:
        if not self._failed:
            self._failed = True
            _LOGGER.warning(
                "The run log %s is no longer written (%s); the training goes on without it.",
                self._folder,
                reason,
            )


class TagNumbers(dict[Any, int]):
    """Tag numbers of one kind; a missing one registers itself, so that known ones cost a lookup."""

    def __init__(self, feeder: Feeder, kind: str) -> None:
        super().__init__()
        self._feeder, self._kind = feeder, kind

    def __missing__(self, tag: object) -> int:
        return self._feeder.register(self._kind, tag)


def packed_rows(table: str, rows: list[Any]) -> bytes:
    """Return the message that appends rows to a table."""
    return pack({"kind": "rows", "table": table}, np.array(rows, TABLES[table][0]).tobytes())


def _take(rows: list[Any]) -> list[Any]:
    """Remove and return what a list holds, while others append to it."""
    count = len(rows)
    taken = rows[:count]
    del rows[:count]
    return taken
