"""Videos and cameras in, videos out, by OpenCV.

Frames are uint8 RGB arrays ``(rows, columns, 3)``, turned upright where the file says how.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Frame",
    "Video",
    "VideoError",
    "VideoWriter",
    "is_video",
    "keep_pace",
    "open_camera",
    "open_video",
    "why_no_windows",
]

USUAL_RATE = 25.0
"""Frames per second where neither file nor camera says how many there are."""

_COMPLETE = 0.9  # of the frames announced; some formats only estimate their number
_PICTURES_IN_BOXES = (b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis")
_QUICKTIME = (b"moov", b"mdat", b"wide", b"free", b"skip")


class VideoError(ValueError):
    """A video, a camera or a window that cannot be used."""


Frame = tuple[int, float, NDArray[np.uint8]]
"""Its number from 0 on, its time in seconds from the beginning, its pixels."""


def is_video(path: str | os.PathLike[str]) -> bool:
    """Whether a file begins as a video does: MP4, QuickTime, AVI, Matroska or WebM.

    The content counts, not the name. A missing or unreadable file is none.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(12)
    except OSError:
        return False
    kind = head[4:8]
    if kind == b"ftyp":
        return head[8:12] not in _PICTURES_IN_BOXES
    avi = head[:4] == b"RIFF" and head[8:12] == b"AVI "
    return avi or kind in _QUICKTIME or head[:4] == b"\x1a\x45\xdf\xa3"


class Video:
    """An open video file or camera; made by `open_video` or `open_camera`.

    Attributes
    ----------
    name : str
        As in messages.
    rate : float
        Frames per second.
    count : int or None
        Number of frames that the file announces; None for a camera.
    """

    def __init__(self, name: str, capture: cv2.VideoCapture, *, live: bool = False) -> None:
        self.name = name
        self._capture, self._live = capture, live
        rate, count = (capture.get(p) for p in (cv2.CAP_PROP_FPS, cv2.CAP_PROP_FRAME_COUNT))
        self.rate = rate if 0 < rate < 1000 else USUAL_RATE
        self.count = None if live or not count >= 1 else int(count)

    def __enter__(self) -> Video:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._capture.release()

    def frames(self, *, every: int = 1, first: int = 0) -> Iterator[Frame]:
        """Read on to the end; of a camera there is none.

        Parameters
        ----------
        every : int
            Only frames whose number this divides; the others are not even decoded into pixels.
        first : int
            Frames before this number are passed over.

        Yields
        ------
        Frame

        Raises
        ------
        VideoError
            If a file has no frame or ends long before the number it announces, or a camera stops.
        """
        number, begun = 0, time.monotonic()
        while self._capture.grab():
            if number >= first and number % every == 0:
                good, pixels = self._capture.retrieve()
                if not good:
                    break
                seconds = time.monotonic() - begun if self._live else self._time(number)
                rgb = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8)
                yield number, seconds, rgb
            number += 1
        if self._live:
            raise VideoError(f"{self.name}: it gives no more pictures")
        if number == 0:
            raise VideoError(f"{self.name}: no frame of it can be read")
        if self.count is not None and number < _COMPLETE * self.count:
            raise VideoError(
                f"{self.name}: damaged, only {number} of its {self.count} frames can be read"
            )

    def _time(self, number: int) -> float:
        seconds = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        return seconds if seconds > 0 else number / self.rate


def open_video(path: str | os.PathLike[str]) -> Video:
    """Open a video file.

    Raises
    ------
    VideoError
        If OpenCV cannot read it.
    """
    name = os.fspath(path)
    known = cv2.CAP_FFMPEG in cv2.videoio_registry.getBackends()
    with _silence():
        # FFmpeg alone where it is there: other readers look for numbered pictures, or write to
        # stderr. An absolute path is no address on the net.
        reader = cv2.CAP_FFMPEG if known else cv2.CAP_ANY
        capture = cv2.VideoCapture(os.path.abspath(name), reader)
    if not capture.isOpened():
        raise VideoError(f"{name}: a video that cannot be read, damaged or of an unknown kind")
    return Video(name, capture)


def open_camera(number: int) -> Video:
    """Open a camera by its number, 0 for the first.

    Raises
    ------
    VideoError
        If there is none, or it gives no picture.
    """
    with _silence():
        capture = cv2.VideoCapture(number)
        found = capture.isOpened() and capture.grab()
    if not found:
        capture.release()
        raise VideoError(
            f"camera {number}: there is none, this user may not use it, or another program does"
        )
    return Video(f"camera {number}", capture, live=True)


class VideoWriter:
    """Write frames into an MP4 (MPEG-4 part 2), under a temporary name until it is complete.

    Used as a context manager: however the block ends, the frames written so far make a whole
    file. A side of an odd number of pixels grows by one, because the format has even sides only.

    Parameters
    ----------
    path : path
        Its name ends in .mp4.
    rate : float
        Frames per second.
    """

    def __init__(self, path: str | os.PathLike[str], rate: float) -> None:
        self.path, self.rate = Path(path), rate
        self._draft = self.path.with_name(f".{self.path.stem}.part.mp4")
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def write(self, frame: NDArray[np.uint8]) -> None:
        """Add a frame, RGB; one of another size than the first is resized to it.

        Raises
        ------
        VideoError
            If the file cannot be written.
        """
        rows, columns = frame.shape[:2]
        if self._writer is None:
            self._size = (columns, rows)
            even = (columns + columns % 2, rows + rows % 2)
            fourcc = cv2.VideoWriter.fourcc(*"mp4v")
            with _silence():
                self._writer = cv2.VideoWriter(str(self._draft), fourcc, self.rate, even)
            if not self._writer.isOpened():
                self._writer = None
                raise VideoError(f"{self.path}: the video cannot be written")
        if (columns, rows) != self._size:
            resized = cv2.resize(frame, self._size, interpolation=cv2.INTER_AREA)
            frame = np.asarray(resized, np.uint8)
        pixels = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
        right, below = (side % 2 for side in self._size)
        if right or below:
            pixels = cv2.copyMakeBorder(pixels, 0, below, 0, right, cv2.BORDER_REPLICATE)
        self._writer.write(pixels)

    def close(self) -> None:
        """Complete the file and give it its name; without a frame there is no file."""
        if self._writer is not None:
            self._writer.release()
            self._writer = None
            os.replace(self._draft, self.path)


def keep_pace(seconds: float, rate: float, written: int) -> int:
    """How often a camera's frame is written, so that the video plays as fast as what was seen.

    A camera gives fewer frames than it announces where each is worked on for longer, or in the
    dark. A video that is less than a frame ahead or behind is left so: frames come a little early
    or late even if none is missing.

    Parameters
    ----------
    seconds : float
        The frame's time since the first one.
    rate : float
        Frames per second of the video that is written.
    written : int
        Number of frames written so far.

    Returns
    -------
    int
        0 where the frame is left out.

    Examples
    --------
    >>> keep_pace(0, 10, 0), keep_pace(0.1, 10, 1), keep_pace(0.5, 10, 2), keep_pace(0.51, 10, 7)
    (1, 1, 4, 0)
    """
    behind = seconds * rate - written
    return 1 if abs(behind) < 1 else max(0, round(behind) + 1)


def why_no_windows() -> str:
    """Why OpenCV can open no window here, in a sentence; empty where it can."""
    toolkit = next(
        (
            line.partition(":")[2].strip()
            for line in cv2.getBuildInformation().splitlines()
            if line.strip().startswith("GUI:")
        ),
        "NONE",
    )
    if toolkit == "NONE":
        return (
            "this OpenCV is a headless build, which opens no windows; install opencv-python in the "
            "place of opencv-python-headless"
        )
    # Without a display Qt ends the whole process instead of raising.
    if sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        return "there is no display here: neither DISPLAY nor WAYLAND_DISPLAY is set"
    return ""


@contextmanager
def _silence() -> Iterator[None]:
    """Keep OpenCV's own lines off stderr: what fails is told in a sentence instead."""
    logging = cv2.utils.logging
    level = logging.setLogLevel(logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        logging.setLogLevel(level)
