"""Smoothing curves so that constants stay constant."""

from __future__ import annotations

import numpy as np

__all__ = ["ema"]

_BLOCK = 16
_LONG = 10_000
_NOTHING = 1e-17  # beside 1, in float64


def ema(value: np.ndarray, weight: float) -> np.ndarray:
    """Return the debiased exponential moving average of a curve.

    The average after n values is ``sum((1 - a) * a ** (n - k) * value[k]) / (1 - a ** n)`` with `a`
    for the weight and k from 1 to n. The division makes up for the values before the first, which
    there are none of (Kingma and Ba, "Adam", 2015, section 3).

    Parameters
    ----------
    value : numpy.ndarray
        ``(n,)`` in the order of the curve. Where it is not finite, the average stands still.
    weight : float
        What is kept of the average at each value, at least 0 and below 1.

    Returns
    -------
    numpy.ndarray
        ``(n,)`` float64; NaN before the first finite value.

    Raises
    ------
    ValueError
        If `value` is not one-dimensional or `weight` is out of range.
    """
    value = np.asarray(value, np.float64)
    if value.ndim != 1:
        raise ValueError(f"ema smooths a curve of one dimension, not {value.shape}.")
    if not 0 <= weight < 1:
        raise ValueError(f"ema takes a weight of at least 0 and below 1, not {weight!r}.")
    finite = np.isfinite(value)
    everything = bool(finite.all())
    taken = _accumulate((1 - weight) * (value if everything else value[finite]), weight)
    young = taken if weight**_LONG > _NOTHING else taken[:_LONG]
    young /= 1 - weight ** np.arange(1.0, len(young) + 1)
    if everything:
        return taken
    before = np.cumsum(finite)  # how many finite values there are up to each place
    return np.concatenate([[np.nan], taken])[before]


def _accumulate(value: np.ndarray, factor: float) -> np.ndarray:
    """Return y with ``y[i] = factor * y[i - 1] + value[i]``.

    Inside blocks it is a product with a triangular matrix; the ends of the blocks follow the same
    rule with a smaller factor.
    """
    count = len(value)
    blocks = np.zeros((max(1, -(-count // _BLOCK)), _BLOCK))
    blocks.flat[:count] = value
    powers = factor ** np.arange(_BLOCK + 1.0)
    distance = np.subtract.outer(np.arange(_BLOCK), np.arange(_BLOCK))
    summed = blocks @ np.where(distance <= 0, powers[-np.minimum(distance, 0)], 0.0)
    if len(blocks) > 1:
        ends = _accumulate(summed[:, -1], float(powers[-1]))
        summed[1:] += ends[:-1, None] * powers[1:]
    return summed.ravel()[:count]
