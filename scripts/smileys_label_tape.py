"""The labels and squares of a clip, with changes that can be undone and made again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augment.datasets.frames import UNLABELLED

__all__ = ["Change", "Labels", "Squares", "Tape"]

Labels = NDArray[np.int32]
Squares = NDArray[np.float32]


@dataclass(frozen=True)
class Change:
    """One change of neighbouring frames, of their labels or of their squares.

    Attributes
    ----------
    first : int
        The first of the frames.
    before, after : numpy.ndarray
        int32 ``(n,)`` labels or float32 ``(n, 3)`` squares.
    came_from, went_to : int
        The frames that were shown before and after it.
    begin : int or None
        Where the range began that was marked before it.
    """

    first: int
    before: NDArray[Any]
    after: NDArray[Any]
    came_from: int
    went_to: int
    begin: int | None

    @property
    def of_labels(self) -> bool:
        """Whether labels were changed, and not squares."""
        return self.after.ndim == 1


class Tape:
    """What is kept of a clip.

    Parameters
    ----------
    labels : int32 array (n,)
        -1 for none.
    squares : float32 array (n, 3)
        x, y, side; NaN where unknown.

    Attributes
    ----------
    labels, squares : numpy.ndarray
        As they stand now.
    done, undone : list of Change
        What can be taken back, and what can be made again.
    saved : bool
        False as soon as something differs from what was saved; whoever saves sets it.
    """

    def __init__(self, labels: Labels, squares: Squares) -> None:
        self.labels: Labels = np.array(labels, np.int32)
        self.squares: Squares = np.array(squares, np.float32)
        self.done: list[Change] = []
        self.undone: list[Change] = []
        self.saved = True
        self._searched: NDArray[np.bool_] = np.isfinite(self.squares).min(axis=1)

    def __len__(self) -> int:
        return len(self.labels)

    def make(self, change: Change) -> None:
        """Make a change; one that changes nothing is forgotten."""
        if not np.array_equal(change.before, change.after):
            self._put(change, change.after)
            self.done.append(change)
            self.undone.clear()

    def undo(self) -> Change | None:
        """Take the last change back and return it; None if there is none."""
        if not self.done:
            return None
        change = self.done.pop()
        self.undone.append(change)
        self._put(change, change.before)
        return change

    def redo(self) -> Change | None:
        """Make the change again that was taken back last, and return it; None if there is none."""
        if not self.undone:
            return None
        change = self.undone.pop()
        self.done.append(change)
        self._put(change, change.after)
        return change

    def runs(self) -> list[tuple[int, int, int]]:
        """The labelled ranges: first frame, last frame, label, in order."""
        edges = (np.flatnonzero(np.diff(self.labels)) + 1).tolist()
        ranges = zip([0, *edges], [*edges, len(self)], strict=True)
        found = [(first, end - 1, int(self.labels[first])) for first, end in ranges]
        return [run for run in found if run[2] != UNLABELLED]

    def labelled(self) -> int:
        """How many frames have a label."""
        return int(np.count_nonzero(self.labels != UNLABELLED))

    def unlabelled_from(self, frame: int) -> int | None:
        """The next beginning of an unlabelled stretch behind a frame, else the clip's first."""
        free: NDArray[np.bool_] = self.labels == UNLABELLED
        return _next(free & ~np.r_[False, free[:-1]], frame + 1)

    def unsearched_from(self, frame: int) -> int | None:
        """The next frame from this one on in which no face was looked for, else the first."""
        return _next(~self._searched, frame)

    def searched(self, frame: int) -> bool:
        """Whether a face was looked for in a frame, or somebody has placed its square."""
        return bool(self._searched[frame])

    def labelled_unsearched(self) -> list[int]:
        """The labelled frames in which no face was looked for."""
        frames: list[int] = np.flatnonzero((self.labels != UNLABELLED) & ~self._searched).tolist()
        return frames

    def found(self, frame: int, square: NDArray[Any] | None) -> None:
        """Keep the square that was found in a frame, unless it has one; None: there is no face."""
        if square is not None and not np.isfinite(self.squares[frame]).all():
            self.squares[frame] = np.round(square, 1)
            self.saved = False
        self._searched[frame] = True

    def nearest_square(self, frame: int) -> Squares | None:
        """The square of the nearest other frame that has one."""
        known = np.flatnonzero(np.isfinite(self.squares).all(axis=1))
        known = known[known != frame]
        return self.squares[known[np.abs(known - frame).argmin()]] if len(known) else None

    def _put(self, change: Change, values: NDArray[Any]) -> None:
        kept: NDArray[Any] = self.labels if change.of_labels else self.squares
        frames = slice(change.first, change.first + len(values))
        kept[frames] = values
        if not change.of_labels:
            self._searched[frames] = True  # what somebody has placed is not looked for
        self.saved = False


def _next(wanted: NDArray[np.bool_], frame: int) -> int | None:
    places = np.flatnonzero(wanted)
    later = places[places >= frame]
    chosen = later if len(later) else places
    return int(chosen[0]) if len(chosen) else None
