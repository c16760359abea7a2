"""The curves of a run in memory, by name, growing with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from monitor import selection
from monitor.records import Series
from monitor.segment_reader import SegmentReader
from monitor.selection import Cursor

__all__ = ["AXES", "Axis", "Curve", "Curves"]

Axis = Literal["step", "epoch", "time"]
AXES: tuple[Axis, ...] = ("step", "epoch", "time")

_START = Cursor()


class Curve:
    """The points of one curve, in the order in which they were logged."""

    def __init__(self, points: Series) -> None:
        self._columns = list(points)
        self._count = len(points.step)

    def __len__(self) -> int:
        return self._count

    @property
    def nbytes(self) -> int:
        """The memory that the points take, in bytes."""
        return sum(column.nbytes for column in self._columns)

    def points(self) -> Series:
        """Return all points; do not write to them."""
        return Series(*(column[: self._count] for column in self._columns))

    def append(self, points: Series) -> None:
        """Add points at the end."""
        count = self._count + len(points.step)
        for place, (column, more) in enumerate(zip(self._columns, points, strict=True)):
            if count > len(column):
                # Grown by half, so that a point is moved a few times at most.
                larger = np.empty(count + count // 2, column.dtype)
                larger[: self._count] = column[: self._count]
                self._columns[place] = column = larger
            column[self._count : count] = more
        self._count = count

    def along(self, axis: Axis) -> tuple[np.ndarray, Series]:
        """Return positions on an axis, rising, and the points there.

        Points without a position are left out; equal positions keep their order.
        """
        points = self.points()
        place: np.ndarray = getattr(points, axis)
        if axis == "epoch" and not (known := np.isfinite(place)).all():
            points = Series(*(column[known] for column in points))
            place = points.epoch
        if np.any(place[1:] < place[:-1]):  # several resumes, or a clock that was put back
            order = np.argsort(place, kind="stable")
            points = Series(*(column[order] for column in points))
            place = place[order]
        return place, points


class Curves(dict[str, Curve]):
    """All curves of a run by name, in order of first use; superseded points are left out.

    Attributes
    ----------
    cursor : Cursor
        How far the run was read.
    """

    def __init__(self) -> None:
        super().__init__()
        self.cursor = _START
        self._ghosts: tuple[int, dict[str, Curve]] = 0, {}

    @property
    def nbytes(self) -> int:
        """The memory that the points take, in bytes."""
        kept = [*self.values(), *self._ghosts[1].values()]
        return sum(curve.nbytes for curve in kept)

    def read_on(self, segments: Sequence[SegmentReader]) -> None:
        """Take in what the run has gained."""
        end = Cursor.at_end(segments)
        if end == self.cursor:
            return
        resumed = selection.resumed_from(segments, self.cursor) is not None
        if self.cursor != _START and (resumed or not self.cursor.within(end)):
            self.clear()
            self.cursor = _START
        for tag, points in selection.curves(segments, self.cursor).items():
            if tag in self:
                self[tag].append(points)
            else:
                self[tag] = Curve(points)
        self.cursor = end

    def ghosts(self, segments: Sequence[SegmentReader]) -> dict[str, Curve]:
        """Return the points that a resume has superseded; only a new segment can change them."""
        if self._ghosts[0] != len(segments):
            found = selection.curves(segments, _START, ghosts=True)
            self._ghosts = len(segments), {tag: Curve(points) for tag, points in found.items()}
        return self._ghosts[1]
