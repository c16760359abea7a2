"""Faces followed through a video, each with a number of its own and letters that do not flicker.

Squares of neighbouring frames belong to one face where they overlap: of all ways to pair faces
with squares the one with the greatest total overlap is taken. Where a face is expected goes on
with the speed that it had, so that two that cross keep their numbers, and one that is not found for
a moment is taken up again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

__all__ = ["Letters", "Track", "Tracker", "overlaps", "smoothed"]

_SPEED_SECONDS = 0.15  # over which a face's speed is averaged


@dataclass(eq=False)
class Track:
    """One face.

    Attributes
    ----------
    number : int
        From 1 on, in the order of appearance; never given twice.
    box : float64 array (4,)
        Where it was seen last: x, y, width, height in pixels.
    score : float
        The detector's, when it was seen last.
    born, seen : float
        When it was seen first and last, seconds.
    speed : float64 array (2,)
        Of its centre, pixels per second.
    """

    number: int
    box: NDArray[np.float64]
    score: float
    born: float
    seen: float
    speed: NDArray[np.float64] = field(default_factory=lambda: np.zeros(2))

    def expected(self, time: float) -> NDArray[np.float64]:
        """Its box at a later time, if it goes on as it did."""
        return self.box + np.concatenate([self.speed * (time - self.seen), np.zeros(2)])

    def move(self, time: float, box: NDArray[np.float64], score: float) -> None:
        """Note where it is now."""
        elapsed = time - self.seen
        if elapsed > 0:
            centres = [one[:2] + one[2:] / 2 for one in (self.box, box)]
            now = (centres[1] - centres[0]) / elapsed
            weight = 1 if self.seen == self.born else 1 - np.exp(-elapsed / _SPEED_SECONDS)
            self.speed = self.speed + weight * (now - self.speed)
        self.box, self.score, self.seen = box, score, time


class Tracker:
    """Gives the faces of a video their numbers.

    Parameters
    ----------
    patience : float
        Seconds for which a face that is not found is remembered.
    least : float
        Smallest intersection over union of a face's expected box and its next one.

    Attributes
    ----------
    tracks : list of Track
        The faces that are remembered, by number.

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    def __init__(self, *, patience: float = 0.5, least: float = 0.2) -> None:
        if not (patience >= 0 and 0 < least < 1):
            raise ValueError(
                "Tracker's patience must be at least 0 seconds and its least overlap between 0 "
                f"and 1; got {patience!r} and {least!r}"
            )
        self.patience, self.least = patience, least
        self.tracks: list[Track] = []
        self._last = 0

    def update(self, time: float, boxes: ArrayLike, scores: ArrayLike) -> list[Track]:
        """Take the squares found in the next frame.

        Parameters
        ----------
        time : float
            Seconds; not smaller than before.
        boxes : float array (n, 4)
            x, y, width, height in pixels.
        scores : float array (n,)

        Returns
        -------
        list of Track
            That of each square, in their order. The faces that were not found stay in `tracks`
            until the patience is over.
        """
        boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
        scores = np.asarray(scores, np.float64)
        self.tracks = [one for one in self.tracks if time - one.seen <= self.patience]
        expected = [one.expected(time) for one in self.tracks]
        overlap = overlaps(expected, boxes)
        # What overlaps too little is worth nothing, so that no pair is made at another's expense.
        rows, columns = linear_sum_assignment(
            np.where(overlap >= self.least, overlap, 0), maximize=True
        )
        owners: dict[int, Track] = {}
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            if overlap[row, column] >= self.least:
                self.tracks[row].move(time, boxes[column], float(scores[column]))
                owners[column] = self.tracks[row]
        for column in range(len(boxes)):
            if column not in owners:
                self._last += 1
                new = Track(self._last, boxes[column], float(scores[column]), time, time)
                self.tracks.append(new)
                owners[column] = new
        return [owners[column] for column in range(len(boxes))]


class Letters:
    """Which smiley is shown of one face: another one only after it has won for a moment.

    Parameters
    ----------
    hold : float
        Seconds for which another class must win without a break.

    Attributes
    ----------
    shown : int or None
        The class; None until the first update.
    since : float
        From when on it has won: `hold` seconds before it was shown.

    Raises
    ------
    ValueError
        If `hold` is below 0.
    """

    def __init__(self, hold: float) -> None:
        if not hold >= 0:
            raise ValueError(f"Letters' hold must be at least 0 seconds; got {hold!r}")
        self.hold = hold
        self.shown: int | None = None
        self.since = 0.0
        self._rival: tuple[int, float] | None = None

    def update(self, time: float, winner: int) -> int:
        """Take the winner of the next frame; the class to be shown.

        Parameters
        ----------
        time : float
            Seconds; not smaller than before.
        winner : int
        """
        if self.shown is None:
            self.shown, self.since = winner, time
        elif winner == self.shown:
            self._rival = None
        else:
            if self._rival is None or self._rival[0] != winner:
                self._rival = winner, time
            # Times are sums of fractions: a hair less than the hold is the hold.
            if time - self._rival[1] >= self.hold - 1e-6:
                self.shown, self.since, self._rival = *self._rival, None
        return self.shown


def overlaps(first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    """Intersection over union of every two boxes.

    Parameters
    ----------
    first, second : float array (n, 4), (m, 4)
        x, y, width, height.

    Returns
    -------
    float64 array (n, m)
    """
    a = np.asarray(first, np.float64).reshape(-1, 1, 4)
    b = np.asarray(second, np.float64).reshape(1, -1, 4)
    low = np.maximum(a[..., :2], b[..., :2])
    high = np.minimum(a[..., :2] + a[..., 2:], b[..., :2] + b[..., 2:])
    common = np.clip(high - low, 0, None).prod(axis=-1)
    union = a[..., 2:].prod(axis=-1) + b[..., 2:].prod(axis=-1) - common
    return common / np.where(union > 0, union, 1)


def smoothed(
    before: NDArray | None, now: NDArray, elapsed: float, seconds: float
) -> NDArray[np.float64]:
    """Exponential average of probabilities.

    Parameters
    ----------
    before : float array (classes,), or None
        The average so far; None at first.
    now : float array (classes,)
    elapsed : float
        Seconds since `before`.
    seconds : float
        After which what was before counts 1/e; 0 for no average.

    Returns
    -------
    float64 array (classes,)
    """
    now = np.asarray(now, np.float64)
    if before is None or seconds <= 0:
        return now
    return now + np.exp(-elapsed / seconds) * (before - now)
