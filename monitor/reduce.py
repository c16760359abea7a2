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
    """

    step: np.ndarray
    lowest: np.ndarray
    highest: np.ndarray


def reduce_minmax(step: np.ndarray, value: np.ndarray, buckets: int) -> Band:
    """Cut a curve into buckets of equal width in `step` and keep the extremes of each.

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
    if len(step) <= buckets:
        return Band(step, value, value)
    edges = np.linspace(float(step[0]), float(step[-1]), buckets + 1)[1:-1]
    starts = np.unique(np.concatenate([[0], np.searchsorted(step, edges)]))
    starts = starts[starts < len(step)]
    return Band(step[starts], np.fmin.reduceat(value, starts), np.fmax.reduceat(value, starts))
