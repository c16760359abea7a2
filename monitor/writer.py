"""The process that writes a run's segments: it receives rows from `RunLog` and puts them on disk.

HDF5 lives in this process and not in the training's, because it can crash on a full disk. The
process ends when it is told to, when the training process is gone (after having written all that
it received) or when a write fails.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np

from monitor.layout import (
    FLUSH_ORDER,
    MEDIA_KINDS,
    NO_RESUME,
    TABLES,
    TAG_KINDS,
)
from monitor.segment_writer import SegmentWriter
from monitor.wire import Inbox, pack

__all__ = ["Writer", "main"]

_PARENT_CHECK_SECONDS = 1.0
_BUFFERED_BYTES = 16 * 1024 * 1024
_LOSSLESS_PIXELS = 256 * 256
_DURABLE = (TAG_KINDS["checkpoint"], TAG_KINDS["finished"])


class Writer:
    """Collects messages and commits them to segments.

    Parameters
    ----------
    folder : str
        The run's folder.
    number : int
        Number of the first segment to write.
    config : str
        The run's settings as JSON.
    start_step : int
        Start step of the first segment.
    segment_bytes : int
        A new segment begins when one has grown to this size.
    """

    def __init__(
        self, *, folder: str, number: int, config: str, start_step: int, segment_bytes: int
    ) -> None:
        self._folder = Path(folder)
        self._number = number
        self._config = config
        self._segment_bytes = segment_bytes
        self._segment = SegmentWriter(self._folder, number, config=config, start_step=start_step)
        for leftover in self._folder.glob(".seg-*.tmp"):  # of writers killed while they started
            leftover.unlink(missing_ok=True)
        self._tags = np.empty(0, TABLES["tags"][0])
        self._durable: set[int] = set()
        self._epoch = -math.inf
        self._sync = False
        self._forget()

    def _forget(self) -> None:
        self._pieces: dict[str, list[np.ndarray]] = {name: [] for name in FLUSH_ORDER}
        self._media = self._segment.count("media")
        self._blob = self._segment.count("blob")
        self._bytes = 0

    def take(self, header: dict[str, Any], payload: bytes) -> None:
        """Receive one message of the kinds "rows", "text" and "picture"."""
        match header["kind"]:
            case "rows":
                rows = np.frombuffer(payload, TABLES[header["table"]][0])
                self._pieces[header["table"]].append(rows)
                if header["table"] == "tags":
                    self._note_tags(rows)
                elif header["table"] == "events":
                    self._note_epochs(rows)
            case "text":
                row = (header["step"], header["time"], self._blob, len(payload))
                self._add("texts", row)
                self._add_bytes(payload)
            case "picture":
                self._take_picture(header, payload)
        self._bytes += len(payload)
        if self._bytes >= _BUFFERED_BYTES:
            self.commit()

    def _note_tags(self, rows: np.ndarray) -> None:
        self._tags = np.concatenate([self._tags, rows])
        self._durable.update(np.flatnonzero(np.isin(self._tags["kind"], _DURABLE)) + 1)

    def _note_epochs(self, rows: np.ndarray) -> None:
        """Ask for an fsync when an epoch, a checkpoint or the run has ended with these rows."""
        epochs = rows["epoch"][np.isfinite(rows["epoch"])]
        if epochs.size and math.floor(epochs.max()) > self._epoch:
            self._epoch = math.floor(epochs.max())
            self._sync = True
        if self._durable and np.isin(rows["tag"], list(self._durable)).any():
            self._sync = True

    def _take_picture(self, header: dict[str, Any], payload: bytes) -> None:
        size = header["bytes"]
        picture, kind = payload[:size], header["media"]
        if header["shape"] is not None:
            pixels = np.frombuffer(picture, np.uint8).reshape(header["shape"])
            picture, kind = _encode(pixels)
        metadata = header["metadata"].encode()
        boxes = np.frombuffer(payload[size:], TABLES["boxes"][0]).copy()
        boxes["media"] = self._media
        place = (self._blob, len(picture), len(metadata), MEDIA_KINDS[kind])
        self._add("media", (header["tag"], header["step"], header["time"], *place))
        self._add_bytes(picture + metadata)
        self._pieces["boxes"].append(boxes)
        self._media += 1

    def _add(self, table: str, row: tuple[Any, ...]) -> None:
        self._pieces[table].append(np.array([row], TABLES[table][0]))

    def _add_bytes(self, content: bytes) -> None:
        self._pieces["blob"].append(np.frombuffer(content, np.uint8))
        self._blob += len(content)

    def commit(self) -> None:
        """Write what was received; begin a new segment when this one is full."""
        self._segment.append(self._pieces)
        if self._sync:
            self._segment.sync()
            self._sync = False
        if len(self._segment) >= self._segment_bytes:
            self._rotate()
        self._forget()

    def _rotate(self) -> None:
        full = self._segment
        # The next one stands before this one is closed, so that a living run always has a segment
        # with a living writer at its end.
        self._number += 1
        self._segment = SegmentWriter(
            self._folder, self._number, config=self._config, start_step=NO_RESUME
        )
        self._segment.append({"tags": [self._tags]})
        full.close()

    def close(self) -> None:
        """Write what was received and close the segment."""
        self.commit()
        self._segment.sync()
        self._segment.close()


def _encode(pixels: np.ndarray) -> tuple[bytes, str]:
    """Return a picture as PNG, or as JPEG where it is larger than a crop."""
    from PIL import Image  # only logs with unencoded pictures pay for the import

    kind = "png" if pixels.shape[0] * pixels.shape[1] <= _LOSSLESS_PIXELS else "jpeg"
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **({"quality": 90} if kind == "jpeg" else {}))
    return stream.getvalue(), kind


def _serve(inbox: Inbox, parent: int) -> None:
    """Receive and write until the training process says so or is gone."""
    started = inbox.receive(None)
    assert started is not None
    writer = Writer(**started[0])
    _answer({"ready": True})
    with contextlib.suppress(EOFError):
        while True:
            message = inbox.receive(_PARENT_CHECK_SECONDS)
            if message is None:
                # A process forked off the training may hold the pipe open: look for the parent.
                if os.getppid() != parent:
                    break
            elif message[0]["kind"] == "flush":
                writer.commit()
                _answer({"flushed": True})
            else:
                writer.take(*message)
    writer.close()


def _answer(header: dict[str, Any]) -> None:
    with contextlib.suppress(BrokenPipeError):
        os.write(sys.stdout.fileno(), pack(header))


def _reason(error: Exception) -> str:
    """Return what an error says, without the state of HDF5 around it."""
    found = re.search(r"error message = '([^']*)'", str(error))
    return found[1] if found else " ".join(str(error).split()) or repr(error)


def main(arguments: list[str]) -> None:
    """Write the run that the messages on standard input describe.

    Parameters
    ----------
    arguments : list of str
        The process number of the parent.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the training, which ends us
    try:
        _serve(Inbox(sys.stdin.fileno()), int(arguments[0]))
    except Exception as error:
        _answer({"error": _reason(error)})
        os._exit(1)  # HDF5 can crash when it closes a file that it could not write
