"""JAX dispatch of the normalisations; sums are taken in float64, as in the other kernels."""

from __future__ import annotations

import jax.numpy as jnp

from lasagnette.ops.dispatch.jax.pool import pool_pairs, spread_winners
from lasagnette.ops.shapes import check_channels

__all__ = [
    "batch_norm_grad",
    "batch_norm_pool_grad",
    "batch_statistics",
    "normalize",
    "normalize_pool",
]


def _over_channels(x):
    return (0, *range(2, x.ndim))


def _along_channels(parameter, x):
    return parameter.reshape(-1, *(1,) * (x.ndim - 2))


def batch_statistics(op, node, **kwargs):
    """Take mean and variance of every channel."""

    def statistics(x):
        axes = _over_channels(x)
        mean, variance = x.mean(axes, dtype=jnp.float64), x.var(axes, dtype=jnp.float64)
        return mean.astype(x.dtype), variance.astype(x.dtype)

    return statistics


def _normalized(x, gamma, beta, mean, inv_std):
    check_channels(x.shape, gamma.shape, beta.shape, mean.shape, inv_std.shape)
    scale = _along_channels(gamma * inv_std, x)
    return (x - _along_channels(mean, x)) * scale + _along_channels(beta, x)


def normalize(op, node, **kwargs):
    """Subtract the mean, scale, shift, cut at zero."""

    def normalize(*inputs):
        y = _normalized(*inputs)
        return jnp.maximum(y, 0) if op.relu else y

    return normalize


def normalize_pool(op, node, **kwargs):
    """Normalise and pool."""
    normalized = normalize(op, node)

    def normalize_and_pool(*inputs):
        return pool_pairs(normalized(*inputs), op.relu, op.winners)

    return normalize_and_pool


def _gradients(x, g, gamma, beta, mean, inv_std):
    """For x, gamma and beta, through the batch's own statistics."""
    axes, count = _over_channels(x), x.size // max(1, x.shape[1])
    centred = x - _along_channels(mean, x)
    g_beta = g.sum(axes, dtype=jnp.float64).astype(x.dtype)
    g_gamma = (g * centred).sum(axes, dtype=jnp.float64).astype(x.dtype) * inv_std
    middle = _along_channels(g_beta / count, x)
    slope = _along_channels(g_gamma * inv_std / count, x)
    gx = _along_channels(gamma * inv_std, x) * (g - middle - centred * slope)
    return gx, g_gamma, g_beta


def batch_norm_grad(op, node, **kwargs):
    """Take the gradients for x, gamma and beta through the statistics."""

    def gradients(x, g, *parameters):
        if op.relu:
            g = jnp.where(_normalized(x, *parameters) > 0, g, 0)
        return _gradients(x, g, *parameters)

    return gradients


def batch_norm_pool_grad(op, node, **kwargs):
    """Take them from the gradient of the pooled values."""

    def gradients(x, g, winners, *parameters):
        return _gradients(x, spread_winners(g, winners, x.shape), *parameters)

    return gradients
