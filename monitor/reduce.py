"""Thinning long curves out for drawing."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["Band", "reduce_minmax"]


class Band(NamedTuple):
    """A curve in buckets, by rising step.

    Attributes
    ----------
    step : numpy.ndarray
        ``(n,)`` the first step of each bucket.
    lowest, highest : numpy.ndarray
        ``(n,)`` float64 extremes of each bucket; NaN where it holds nothing else.
    mean : numpy.ndarray
        ``(n,)`` float64; NaN where the bucket holds nothing else.
    known : numpy.ndarray
        ``(n,)`` how many values of the bucket are not NaN.
    first : numpy.ndarray
        ``(n,)`` place of each bucket's first point among all, by rising step.
    """

    step: np.ndarray
    lowest: np.ndarray
    highest: np.ndarray
    mean: np.ndarray
    known: np.ndarray
    first: np.ndarray


def reduce_minmax(step: np.ndarray, value: np.ndarray, buckets: int) -> Band:
    """Cut a curve into buckets of equal width in `step` and keep the extremes and mean of each.

    Parameters
    ----------
    step : numpy.ndarray
        ``(n,)`` steps, epochs or times, finite, in any order.
    value : numpy.ndarray
        ``(n,)`` values; NaN are passed over.
    buckets : int
        At most so many buckets come back; those without a value are left out.

    Raises
    ------
    ValueError
        If the lengths differ or `buckets` is not positive.
    """
    step, value = np.asarray(step), np.asarray(value, np.float64)
    if step.shape != value.shape or step.ndim != 1:
        raise ValueError(
            f"reduce_minmax takes step and value of one length, not {step.shape} and {value.shape}."
        )
    if buckets < 1:
        raise ValueError(f"reduce_minmax makes at least 1 bucket, not {buckets!r}.")
    if np.any(step[1:] < step[:-1]):
        order = np.argsort(step, kind="stable")
        step, value = step[order], value[order]
    known = ~np.isnan(value)
    if len(step) <= buckets:
        return Band(step, value, value, value, known.astype(np.int64), np.arange(len(step)))
    edges = np.linspace(float(step[0]), float(step[-1]), buckets + 1)[1:-1]
    starts = np.concatenate([[0], np.searchsorted(step, edges)])
    starts = starts[np.append(starts[1:], len(step)) > starts]
    lowest, highest = np.fmin.reduceat(value, starts), np.fmax.reduceat(value, starts)
    count = np.add.reduceat(known, starts, dtype=np.int64)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        mean = np.add.reduceat(value if known.all() else np.where(known, value, 0), starts) / count
        # A sum may be too large for a number where none of its terms is.
        mean = np.clip(mean, lowest, highest)
    return Band(step[starts], lowest, highest, mean, count, starts)
