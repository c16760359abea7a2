"""Face squares of a clip's frames from the detector, found when they are wanted, and smoothed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scripts.smileys_label_session import Session

__all__ = ["FaceSquares", "best_face", "search_in_background", "search_labelled"]

Square = NDArray[np.float64]

_CENTRE, _SIDE = 5, 9  # frames of the running medians
_LARGE = 6  # a face is at least this part of the picture's shorter side
_SMALLEST = 40  # pixels

# The detector's square ends above the chin. Those of the smiley frames hold the face from the brows
# to the chin: their medians over 99 frames of its 15 clips, in parts of the detector's side.
_SCALE, _DOWN = 1.13, 0.0925


def best_face(image: Callable[[int], NDArray[np.uint8]], scale: float) -> Callable[[int], Square]:
    """Return what finds the best face of a frame, as a square like those of the smiley frames.

    Parameters
    ----------
    image : callable
        Returns the pixels of a frame, uint8 RGB ``(rows, columns, 3)``.
    scale : float
        Pixels of the clip per pixel of these.

    Returns
    -------
    callable
        Of a frame's number; it returns x, y, side in pixels of the clip, NaN where no face is.
    """
    from augment.boxes import to_squares
    from cascade.detector import Detector

    short = min(image(0).shape[:2])
    detector = Detector(min_face=max(_SMALLEST, short // _LARGE))

    def find(frame: int) -> Square:
        boxes = detector.detect(image(frame)).boxes[:1]
        if not len(boxes):
            return np.full(3, np.nan)
        x, y, side, _ = to_squares(boxes)[0].tolist()
        more = (_SCALE - 1) / 2 * side
        return scale * np.array([x - more, y - more + _DOWN * side, _SCALE * side])

    return find


class FaceSquares:
    """The squares of a clip, each found once; threads may share it.

    Smoothed as those of the smiley frames: the centre is the median over 5 frames, the side over 9.

    Parameters
    ----------
    count : int
        Number of frames.
    find : callable
        Returns x, y, side of a frame's best face, NaN where there is none.
    """

    def __init__(self, count: int, find: Callable[[int], NDArray[Any]]) -> None:
        self._find, self._lock = find, threading.Lock()
        self._raw = np.full((count, 3), np.nan)
        self._known = np.zeros(count, bool)

    def square(self, frame: int) -> Square | None:
        """Return x, y, side in a frame; None if neither it nor the frames around have a face."""
        middles = self._around(frame, _CENTRE)
        sides = self._around(frame, _SIDE)
        if not len(middles):
            return None
        x, y = np.median(middles[:, :2] + middles[:, 2:] / 2, axis=0)
        side = np.median(sides[:, 2])
        return np.array([x - side / 2, y - side / 2, side])

    def _around(self, frame: int, width: int) -> NDArray[np.float64]:
        """The squares ``(n, 3)`` found in so many frames around one."""
        frames = range(max(0, frame - width // 2), min(len(self._raw), frame + width // 2 + 1))
        for one in frames:
            with self._lock:  # per frame, so that nobody waits for more than one
                if not self._known[one]:
                    self._raw[one] = self._find(one)
                    self._known[one] = True
        found = self._raw[frames.start : frames.stop]
        return found[np.isfinite(found).all(axis=1)]


def search_labelled(
    session: Session, squares: FaceSquares, advance: Callable[[], None] = lambda: None
) -> None:
    """Look for the squares that labelled frames lack; `advance` is called after each frame."""
    for frame in session.labelled_unsearched():
        session.found(frame, squares.square(frame))
        advance()
    session.flush()


def search_in_background(session: Session, squares: FaceSquares) -> Callable[[], None]:
    """Give a session the squares that it lacks, those near the frame shown first.

    Returns
    -------
    callable
        Ends the search and waits until it has ended.
    """
    ending = threading.Event()

    def search() -> None:
        while not ending.is_set() and (frame := session.unsearched()) is not None:
            session.found(frame, squares.square(frame))
        session.flush()

    thread = threading.Thread(target=search, name="faces", daemon=True)
    thread.start()

    def end() -> None:
        ending.set()
        thread.join()

    return end
