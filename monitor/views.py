"""What a chart draws of a curve: one range of it, in as many buckets as it has pixels."""

from __future__ import annotations

import numpy as np

from monitor.curves import Axis, Curve
from monitor.reduce import reduce_minmax
from monitor.smooth import ema

__all__ = ["view"]


def view(
    curve: Curve,
    axis: Axis,
    low: float | None,
    high: float | None,
    width: int,
    smooth: float,
) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    """Return the part of a curve between two positions.

    One point beyond each end comes, too, so that lines reach the edges of the chart.

    Parameters
    ----------
    curve : Curve
    axis : {"step", "epoch", "time"}
        What positions count.
    low, high : float or None
        Ends of the range; None for those of the curve.
    width : int
        More points than that in the range are put into so many buckets.
    smooth : float
        Weight of the past in the moving average, below 1; 0 for none.

    Returns
    -------
    columns : dict of numpy.ndarray
        ``(n,)`` float64 each: `x` and `value`; `lowest`, `highest`, `count` of buckets; `step`
        unless that is the axis; `smooth` if it is asked for. See ``docs/monitor-api.md``.
    counts : dict of int
        `total` points of the whole curve, and how many of them are `finite`.
    """
    x, points = curve.along(axis)
    finite = np.isfinite(points.value)
    all_finite = bool(finite.all())
    value = points.value if all_finite else np.where(finite, points.value, np.nan)
    begin = 0 if low is None else int(np.searchsorted(x, low, "left"))
    end = len(x) if high is None else int(np.searchsorted(x, high, "right"))
    end = max(begin, end)
    before, after = max(begin - 1, 0), min(end + 1, len(x))
    if end - begin <= width:
        first = np.arange(before, after)
        columns = {"x": x[first], "value": value[first]}
    else:
        band = reduce_minmax(x[begin:end], value[begin:end], width)
        edges = np.arange(before, begin), np.arange(end, after)
        first = np.concatenate([edges[0], begin + band.first, edges[1]])

        def framed(inner: np.ndarray, source: np.ndarray) -> np.ndarray:
            return np.concatenate([source[edges[0]], inner, source[edges[1]]]).astype(np.float64)

        columns = {
            "x": framed(band.step, x),
            "value": framed(band.mean, value),
            "lowest": framed(band.lowest, value),
            "highest": framed(band.highest, value),
            "count": framed(band.known, finite),
        }
    if axis != "step":
        columns["step"] = points.step[first]
    if smooth:
        last = np.append(first[1:], after)[: len(first)] - 1
        columns["smooth"] = ema(value, smooth)[last]
    counted = len(value) if all_finite else int(np.count_nonzero(finite))
    return columns, {"total": len(value), "finite": counted}
