"""Reading runs: finished, crashed, and while they are being written."""

from __future__ import annotations

import json
import math
import os
import threading
import time
from pathlib import Path
from typing import Any, Literal

from monitor import selection
from monitor.checks import Boxes, media_kind
from monitor.files import read_json
from monitor.folders import is_run
from monitor.layout import RunLogError, segment_paths
from monitor.pictures import boxes_of
from monitor.records import Checkpoint, Delta, Funnel, Histograms, Media, Picture, Series, Text
from monitor.segment_reader import SegmentReader
from monitor.selection import Cursor
from monitor.status import STALLED_SECONDS, age, segment_state

__all__ = ["Run", "Status", "list_runs", "open_run"]

Status = Literal["running", "stalled", "crashed", "finished"]

_START = Cursor()


class Run:
    """A run on disk; every call answers with what is there at that moment.

    Steps that a later resume has superseded are left out, unless ghosts are asked for. Use
    `open_run` to get one. It may be shared between threads, and needs no closing.
    """

    def __init__(self, folder: Path, stalled_after: float, rest: float = 0.0) -> None:
        self.folder = folder
        self._stalled_after = stalled_after
        self._rest = rest
        self._segments: dict[str, SegmentReader] = {}
        self._looked = -math.inf
        self._status: Status = "crashed"
        self._lock = threading.RLock()

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def nbytes(self) -> int:
        """The memory that the rows read so far take, in bytes."""
        return sum(segment.nbytes for segment in list(self._segments.values()))

    @property
    def info(self) -> dict[str, Any]:
        """The content of ``run.json``: command, config, versions, git, host, folder, started."""
        content = read_json(self.folder / "run.json")
        return content if isinstance(content, dict) else {}

    @property
    def architecture(self) -> list[dict[str, Any]]:
        """The content of ``architecture.json``; empty without one."""
        content = read_json(self.folder / "architecture.json")
        layers = content if isinstance(content, list) else []
        return [layer for layer in layers if isinstance(layer, dict)]

    @property
    def status(self) -> Status:
        """What the run does.

        "running" and "stalled" runs have a living writer; it has written nothing for a while if
        the run is stalled. The others are "finished" if they were closed normally, else "crashed".
        """
        return self.look()[0]

    @property
    def problems(self) -> list[str]:
        """A sentence about everything that could not be read."""
        return [problem for segment in self._refresh() for problem in segment.problems]

    @property
    def tags(self) -> list[str]:
        """Names of the curves, in order of first use."""
        return self._tags("scalar")

    @property
    def picture_tags(self) -> list[str]:
        """Names of the series of pictures, in order of first use."""
        return self._tags("picture")

    @property
    def histogram_tags(self) -> list[str]:
        """Names of the series of histograms, in order of first use."""
        return self._tags("histogram")

    def scalars(self, tag: str, ghosts: bool = False) -> Series:
        """Return a curve.

        Parameters
        ----------
        tag : str
            One of `tags`.
        ghosts : bool
            Return instead the points that a later resume has superseded.

        Raises
        ------
        RunLogError
            If there is no such curve.
        """
        segments = self._require("scalar", tag)
        found = selection.by_tag(segments, "scalar", "events", _START, tag=tag, ghosts=ghosts)
        return selection.series(found[tag])

    def pictures(self, tag: str) -> list[Picture]:
        """Return the pictures of a series, without their bytes (see `media`).

        Raises
        ------
        RunLogError
            If there is no such series.
        """
        segments = self._require("picture", tag)
        return [one for one in selection.pictures(segments, _START) if one.tag == tag]

    def media(self, media: str) -> Media:
        """Return a picture.

        Parameters
        ----------
        media : str
            The field `media` of a `Picture`.

        Raises
        ------
        RunLogError
            If there is no such picture, or its file is damaged.
        """
        segment, number = self._media_row(media)
        row = segment.rows("media")[number]
        length, kind = int(row["length"]), selection.MEDIA_NAMES.get(int(row["kind"]), "")
        content = segment.blob(int(row["offset"]), length + int(row["metadata"]))
        try:
            media_kind("Run.media", content)  # a lost chunk of the blob reads as zeros
            metadata = json.loads(content[length:] or b"{}")
        except (ValueError, RecursionError) as error:
            raise RunLogError(f"{segment.path} is damaged: picture {media!r} is lost.") from error
        return Media(content[:length], kind, metadata)

    def boxes(self, media: str) -> Boxes:
        """Return the boxes of a picture, one row each in all four fields.

        Parameters
        ----------
        media : str
            The field `media` of a `Picture`.

        Raises
        ------
        RunLogError
            If there is no such picture.
        """
        segment, number = self._media_row(media)
        rows = segment.rows("boxes")
        return boxes_of(rows[(rows["media"] == number) & (rows["role"] > 0)])

    def histograms(self, tag: str) -> Histograms:
        """Return the histograms of a series.

        Raises
        ------
        RunLogError
            If there is no such series.
        """
        segments = self._require("histogram", tag)
        found = selection.by_tag(segments, "histogram", "hist", _START, tag=tag)
        return selection.histograms(found[tag])

    def funnel(self) -> Funnel:
        """Return what every cascade stage let pass."""
        return selection.funnel(self._refresh(), _START)

    def texts(self) -> list[Text]:
        """Return the notes."""
        return selection.texts(self._refresh(), _START)

    def checkpoints(self) -> list[Checkpoint]:
        """Return the marks of saved checkpoints."""
        return selection.checkpoints(self._refresh(), _START)

    def delta(self, cursor: str | None = None) -> Delta:
        """Return what has come since an earlier delta, everything without one.

        Parameters
        ----------
        cursor : str, optional
            The field `cursor` of the earlier delta.

        Raises
        ------
        RunLogError
            If it is no cursor.
        """
        since = _START if cursor is None else Cursor.parse(cursor)
        with self._lock:
            return self._delta(since, *self.look())

    def _delta(self, since: Cursor, status: Status, segments: list[SegmentReader]) -> Delta:
        end = Cursor.at_end(segments)
        if not since.within(end):  # of a run that was deleted and begun anew
            since = _START
        masked_from = 0 if since == _START else selection.resumed_from(segments, since)
        spreads = selection.by_tag(segments, "histogram", "hist", since)
        return Delta(
            cursor=str(end),
            status=status,
            masked_from=masked_from,
            scalars=selection.curves(segments, since),
            histograms={tag: selection.histograms(rows) for tag, rows in spreads.items()},
            pictures=selection.pictures(segments, since),
            texts=selection.texts(segments, since),
            checkpoints=selection.checkpoints(segments, since),
            funnel=selection.funnel(segments, since),
        )

    def look(self) -> tuple[Status, list[SegmentReader]]:
        """Return the status, and the segments with all rows that led to it, oldest first."""
        with self._lock:
            now = time.monotonic()
            if now - self._looked < self._rest:
                return self._status, list(self._segments.values())
            paths = segment_paths(self.folder)
            # The state comes first: whoever learns that a run is finished has all its rows.
            state = segment_state(paths[-1]) if paths else "dead"
            for path in paths:
                if path.name not in self._segments:
                    self._segments[path.name] = SegmentReader(path)
                self._segments[path.name].refresh()
            segments = list(self._segments.values())
            self._status = "crashed"
            if state == "live":
                stalled = age(paths[-1]) > self._stalled_after
                self._status = "stalled" if stalled else "running"
            elif state == "clean" and segments[-1].tag_numbers("finished"):
                self._status = "finished"
            self._looked = now
            return self._status, segments

    def _refresh(self) -> list[SegmentReader]:
        return self.look()[1]

    def _tags(self, kind: str) -> list[str]:
        return list(
            dict.fromkeys(tag for segment in self._refresh() for tag in segment.tag_numbers(kind))
        )

    def _require(self, kind: str, tag: str) -> list[SegmentReader]:
        """Return the segments, if one of them knows the tag."""
        segments = self._refresh()
        if not any(tag in segment.tag_numbers(kind) for segment in segments):
            known = ", ".join(map(repr, self._tags(kind))) or "none"
            raise RunLogError(f"Run {self.name!r} has no {kind} {tag!r}; it has {known}.")
        return segments

    def _media_row(self, media: str) -> tuple[SegmentReader, int]:
        """Return the segment and the row that a name of a picture stands for."""
        try:
            segment_number, row = map(int, media.split("-"))
        except (ValueError, AttributeError):
            segment_number = row = -1
        for segment in self._refresh():
            if segment.number == segment_number and 0 <= row < len(segment.rows("media")):
                return segment, row
        raise RunLogError(f"Run {self.name!r} has no picture {media!r}; see Run.pictures.")


def open_run(
    folder: str | os.PathLike[str], *, stalled_after: float = STALLED_SECONDS, rest: float = 0.0
) -> Run:
    """Open a run for reading.

    Parameters
    ----------
    folder : path-like
        The run's folder.
    stalled_after : float
        Seconds without a write after which a living run counts as stalled.
    rest : float
        Seconds after a look at the files during which what was seen there is told again.

    Raises
    ------
    RunLogError
        If the folder holds no run.
    """
    path = Path(folder)
    if not is_run(path):
        raise RunLogError(
            f"open_run takes a folder with run.json or seg-000.h5, not {os.fspath(folder)!r}."
        )
    return Run(path, stalled_after, rest)


def list_runs(
    folder: str | os.PathLike[str], *, stalled_after: float = STALLED_SECONDS
) -> list[Run]:
    """Return the runs that lie in a folder, by name; none if there is no such folder."""
    path = Path(folder)
    if not path.is_dir():
        return []
    return [Run(child, stalled_after) for child in sorted(path.iterdir()) if is_run(child)]
