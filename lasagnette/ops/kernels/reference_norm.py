"""Batch normalisation in NumPy; see :mod:`lasagnette.ops.kernels.reference`.

Arrays are ``(batch, channels, ...)``; statistics and parameters have one number per channel.
"""

from __future__ import annotations

import numpy as np

from lasagnette.ops.kernels.reference_pool import max_pool, pool_winners, spread_winners
from lasagnette.ops.shapes import check_channels, check_shapes

__all__ = [
    "batch_norm_grad",
    "batch_norm_pool_grad",
    "batch_statistics",
    "normalize",
    "normalize_pool",
]


def _over_channels(x: np.ndarray) -> tuple[int, ...]:
    return (0, *range(2, x.ndim))


def _spread(parameter: np.ndarray, x: np.ndarray) -> np.ndarray:
    return parameter.reshape(-1, *(1,) * (x.ndim - 2))


def batch_statistics(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of every channel; NaN for an empty batch."""
    if x.size == 0:
        nothing = np.full(x.shape[1], np.nan, x.dtype)
        return nothing, nothing.copy()
    axes = _over_channels(x)
    return x.mean(axes, dtype="float64").astype(x.dtype), x.var(axes, dtype="float64").astype(
        x.dtype
    )


def normalize(x, mean, scale, shift, *, relu=False):
    """Return ``(x - mean) * scale + shift``, with `relu` cut at zero."""
    check_channels(x.shape, mean.shape, scale.shape, shift.shape)
    y = (x - _spread(mean, x)) * _spread(scale, x) + _spread(shift, x)
    return np.maximum(y, 0, out=y) if relu else y


def normalize_pool(x, mean, scale, shift, *, relu=False, winners=False):
    """Pool 2 x 2 windows of :func:`normalize`; see :func:`lasagnette.ops.kernels.conv2d_pool`."""
    y = normalize(x, mean, scale, shift, relu=relu)
    pooled = max_pool(y, (2, 2), (2, 2))
    return pooled, pool_winners(y, pooled, relu) if winners else None


def batch_norm_grad(x, g, mean, scale, shift, inv_std, *, relu=False):
    """Gradients for x, scale over `inv_std`, and shift, through the batch's own statistics."""
    if relu:
        g = np.where(normalize(x, mean, scale, shift) > 0, g, 0)
    check_shapes("batch_norm_grad", x.shape, g.shape)
    check_channels(x.shape, *(v.shape for v in (mean, scale, shift, inv_std)))
    axes, count = _over_channels(x), x.size // max(1, x.shape[1])
    centred = x - _spread(mean, x)
    g_shift = g.sum(axes, dtype="float64").astype(x.dtype)
    g_scale = (g * centred).sum(axes, dtype="float64").astype(x.dtype) * inv_std
    middle, slope = g_shift / x.dtype.type(count), g_scale * inv_std / x.dtype.type(count)
    gx = _spread(scale, x) * (g - _spread(middle, x) - centred * _spread(slope, x))
    return gx, g_scale, g_shift


def batch_norm_pool_grad(x, g, winners, mean, scale, shift, inv_std):
    """Gradients of :func:`normalize_pool`, as :func:`batch_norm_grad`."""
    spread = spread_winners(g, winners, *x.shape[2:])
    return batch_norm_grad(x, spread, mean, scale, shift, inv_std)
