"""A clip's frames as pictures to look at, any of them at once, numbered as they are read."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray

from cascade.video import VideoError, open_video

__all__ = ["ClipPictures", "clip_pictures"]

_LONGEST = 1280  # pixels of a picture's longer side
_QUALITY = 95


class ClipPictures:
    """The frames of a clip as JPEG files in one temporary file; made by `clip_pictures`.

    Seeking in videos is not exact in every format, and a label belongs to one frame. So the clip
    is read once from its beginning, and the pictures are kept.

    Attributes
    ----------
    size : (width, height)
        Of the clip in pixels.
    scale : float
        Pixels of the clip per pixel of a picture.
    rate : float
        Frames per second.
    damage : str
        Why the clip could not be read to its end; empty if it could.
    """

    def __init__(self, file: BinaryIO, rate: float) -> None:
        self.size, self.scale, self.rate, self.damage = (0, 0), 1.0, rate, ""
        self._file, self._lock = file, threading.Lock()
        self._ends = [0]

    def __len__(self) -> int:
        return len(self._ends) - 1

    def add(self, frame: NDArray[np.uint8]) -> None:
        """Keep a further frame, RGB."""
        rows, columns = frame.shape[:2]
        longest = max(rows, columns)
        if not len(self):
            self.size, self.scale = (columns, rows), max(1.0, longest / _LONGEST)
        if longest > _LONGEST:
            shape = (round(columns / self.scale), round(rows / self.scale))
            frame = np.asarray(cv2.resize(frame, shape, interpolation=cv2.INTER_AREA), np.uint8)
        bgr = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
        _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        self._file.write(data.tobytes())
        self._ends.append(self._file.tell())

    def jpeg(self, number: int) -> bytes:
        """Return the picture of a frame as a JPEG file."""
        begin, end = self._ends[number : number + 2]
        with self._lock:
            self._file.seek(begin)
            return self._file.read(end - begin)

    def image(self, number: int) -> NDArray[np.uint8]:
        """Return the picture of a frame, RGB ``(rows, columns, 3)``."""
        bgr = cv2.imdecode(np.frombuffer(self.jpeg(number), np.uint8), cv2.IMREAD_COLOR)
        assert bgr is not None  # it was written by `add`
        return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


@contextmanager
def clip_pictures(
    path: str | os.PathLike[str], advance: Callable[[], None] = lambda: None
) -> Iterator[ClipPictures]:
    """Read a clip.

    Parameters
    ----------
    path : path-like
        The video.
    advance : callable
        Called after each frame.

    Yields
    ------
    ClipPictures
        Of a damaged clip, the frames before the damage.

    Raises
    ------
    VideoError
        If no frame of it can be read.
    """
    with tempfile.TemporaryFile() as file, open_video(path) as video:
        pictures = ClipPictures(file, video.rate)
        try:
            for _, _, frame in video.frames():
                pictures.add(frame)
                advance()
        except VideoError as error:
            if not len(pictures):
                raise
            pictures.damage = str(error)
        yield pictures
