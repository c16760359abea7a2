"""What is marked on a run's curves: checkpoints, resumes, and values that are no numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from monitor import selection
from monitor.curves import Curve, Curves
from monitor.layout import NO_RESUME
from monitor.segment_reader import SegmentReader
from monitor.selection import Cursor
from monitor.summary import finite_or_none

__all__ = ["checkpoint_marks", "marks", "not_finite"]

_CHECKPOINTS = 1000
_STRETCHES = 200


def marks(segments: Sequence[SegmentReader], curves: Curves) -> dict[str, list[dict[str, Any]]]:
    """Return the marks of a run, as `docs/monitor-api.md` describes them.

    Parameters
    ----------
    segments : sequence of SegmentReader
        Of the run, oldest first.
    curves : Curves
        Of the run.
    """
    return {
        "checkpoints": checkpoint_marks(segments, curves, Cursor()),
        "resumes": _resumes(segments, curves),
        "not_finite": [
            {"tag": tag, **stretch}
            for tag, curve in curves.items()
            for stretch in not_finite(curve)
        ],
    }


def checkpoint_marks(
    segments: Sequence[SegmentReader], curves: Curves, since: Cursor
) -> list[dict[str, Any]]:
    """Return the marks of checkpoints after a cursor, at most 1000 of them, the last ones."""
    found = selection.checkpoints(segments, since)[-_CHECKPOINTS:]
    return [
        {
            "step": mark.step,
            "epoch": _epoch_at(curves, mark.step),
            "time": finite_or_none(mark.time),
            "name": mark.name,
        }
        for mark in found
    ]


def not_finite(curve: Curve) -> list[dict[str, Any]]:
    """Return the stretches of a curve that are NaN or infinite: first point and length."""
    points = curve.points()
    strange = ~np.isfinite(points.value)
    if not strange.any():
        return []
    edges = np.diff(strange.astype(np.int8), prepend=0, append=0)
    begins, ends = np.flatnonzero(edges > 0), np.flatnonzero(edges < 0)
    return [
        {
            "step": int(points.step[begin]),
            "epoch": finite_or_none(points.epoch[begin]),
            "time": finite_or_none(points.time[begin]),
            "count": int(end - begin),
        }
        for begin, end in zip(begins[:_STRETCHES], ends[:_STRETCHES], strict=True)
    ]


def _resumes(segments: Sequence[SegmentReader], curves: Curves) -> list[dict[str, Any]]:
    found = []
    for segment in segments[1:]:
        if segment.start_step != NO_RESUME:
            times = segment.rows("events")["time"]
            times = times[times > 0]
            found.append(
                {
                    "step": segment.start_step,
                    "epoch": _epoch_at(curves, segment.start_step),
                    "time": finite_or_none(times[0]) if times.size else None,
                }
            )
    return found


def _epoch_at(curves: Curves, step: int) -> float | None:
    """Return the epoch of the last point up to a step, on the longest curve."""
    if not curves:
        return None
    x, points = max(curves.values(), key=len).along("step")
    place = int(np.searchsorted(x, step, "right")) - 1
    return finite_or_none(points.epoch[max(place, 0)])
