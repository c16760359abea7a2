"""What is found, written line by line and made into pictures as it comes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from scripts.detect_outputs import sentence
from scripts.progress import Progress

if TYPE_CHECKING:
    from scripts.detect_pictures import Pictures
    from scripts.detect_sources import Shot, Source

__all__ = ["BROKEN_PIPE", "Report", "forget_output", "to_stdout"]

BROKEN_PIPE = 141  # what shells report for a program whose reader went away


class Report:
    """Writes the lines and makes the pictures of what is found.

    Parameters
    ----------
    lines : callable
        The text of a photograph or frame, whole lines, given what was found or why it failed.
    write : callable
        Where the text goes.
    pictures : sequence of Pictures
    progress : Progress
        Messages go through it.
    by_frame : bool
        Count frames in `progress`, not only photographs and videos.

    Attributes
    ----------
    failed : bool
        Whether anything failed.
    """

    def __init__(
        self,
        lines: Callable[[Shot, Any], str],
        write: Callable[[str], None],
        pictures: Sequence[Pictures],
        progress: Progress,
        *,
        by_frame: bool = False,
    ) -> None:
        self.failed = False
        self._lines, self._write = lines, write
        self._pictures, self._progress = pictures, progress
        self._by_frame = by_frame
        self._last: Source | None = None

    def take(self, shot: Shot, found: Any) -> None:
        """Make the pictures of a photograph or frame, then write its lines.

        In this order, so that what has a line has its pictures, whenever the process is killed.
        """
        if self._by_frame or (self._last is not None and self._last is not shot.source):
            self._progress.advance()
        self._last = shot.source
        if isinstance(found, Exception):
            self._fail(sentence(shot, found))
        else:
            self._draw(shot, found)
        self._write(self._lines(shot, found))

    def close(self) -> None:
        """Complete the pictures and say on stderr where they lie."""
        if self._last is not None and not self._by_frame:
            self._progress.advance()
        for one in self._pictures:
            one.close()
            if one.summary():
                self._progress.note(one.summary())

    def _draw(self, shot: Shot, found: Any) -> None:
        from augment.errors import ImageError
        from cascade.video import VideoError

        for one in self._pictures:
            try:
                one.take(shot, found)
            except (ImageError, VideoError, OSError) as error:
                name = shot.source.name
                self._fail(f"{name}: a picture of it cannot be written ({error})")

    def _fail(self, sentence: str) -> None:
        self.failed = True
        self._progress.note(sentence)


def to_stdout(progress: Progress) -> Callable[[str], None]:
    """A writer of whole lines to stdout, above the bar."""

    def write(text: str) -> None:
        if text:
            progress.line(text.removesuffix("\n"))

    return write


def forget_output() -> None:
    """Let Python's last flush of streams nobody reads any more go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())
