"""Numba dispatch of the normalisations."""

from __future__ import annotations

import numpy as np
from pytensor.link.numba.dispatch.basic import numba_njit

from lasagnette.ops.dispatch.numba.common import CACHE_VERSION, external

__all__ = [
    "batch_norm_grad",
    "batch_norm_pool_grad",
    "batch_statistics",
    "normalize",
    "normalize_pool",
]


def batch_statistics(op, node, **kwargs):
    """Return what runs :class:`BatchStatistics`, and the version for the cache."""
    call = external("batch_statistics", node.inputs[0].type.dtype)

    @numba_njit
    def run(x):
        n, c = x.shape[0], x.shape[1]
        mean, variance = np.empty(c, x.dtype), np.empty(c, x.dtype)
        positions = x.size // max(1, n * c)
        call(x.ctypes.data, mean.ctypes.data, variance.ctypes.data, n, c, positions)
        return mean, variance

    @numba_njit
    def statistics(x):
        return run(np.ascontiguousarray(x))

    return statistics, CACHE_VERSION


@numba_njit
def _check(x, gamma, beta, mean, inv_std):
    c = x.shape[1]
    if gamma.size != c or beta.size != c or mean.size != c or inv_std.size != c:
        raise ValueError("normalize: the parameters need one number for each channel")


def normalize(op, node, **kwargs):
    """Return what runs :class:`Normalize`, and the version for the cache."""
    relu = int(op.relu)
    call = external("normalize", node.inputs[0].type.dtype)

    @numba_njit
    def run(x, mean, scale, beta):
        n, c = x.shape[0], x.shape[1]
        y = np.empty(x.shape, x.dtype)
        call(
            *(x.ctypes.data, mean.ctypes.data, scale.ctypes.data, beta.ctypes.data),
            *(y.ctypes.data, n, c, x.size // max(1, n * c), relu),
        )
        return y

    @numba_njit
    def normalize(x, gamma, beta, mean, inv_std):
        _check(x, gamma, beta, mean, inv_std)
        mean, beta = np.ascontiguousarray(mean), np.ascontiguousarray(beta)
        return run(np.ascontiguousarray(x), mean, gamma * inv_std, beta)

    return normalize, CACHE_VERSION


def normalize_pool(op, node, **kwargs):
    """Return what runs :class:`NormalizePool`, and the version for the cache."""
    relu, has_winners = int(op.relu), op.winners
    call = external("normalize_pool", node.inputs[0].type.dtype)

    @numba_njit
    def run(x, mean, scale, beta):
        n, c, h, v = x.shape
        pooled = np.empty((n, c, h // 2, v // 2), x.dtype)
        winners = np.empty(pooled.shape if has_winners else (0, 0, 0, 0), np.uint8)
        winners_address = winners.ctypes.data if has_winners else np.uint64(0)
        call(
            *(x.ctypes.data, mean.ctypes.data, scale.ctypes.data, beta.ctypes.data),
            *(pooled.ctypes.data, winners_address, n, c, h, v, relu),
        )
        return pooled, winners

    @numba_njit
    def both(x, gamma, beta, mean, inv_std):
        _check(x, gamma, beta, mean, inv_std)
        mean, beta = np.ascontiguousarray(mean), np.ascontiguousarray(beta)
        return run(np.ascontiguousarray(x), mean, gamma * inv_std, beta)

    @numba_njit
    def pooled_only(x, gamma, beta, mean, inv_std):
        return both(x, gamma, beta, mean, inv_std)[0]

    return both if has_winners else pooled_only, CACHE_VERSION


def batch_norm_grad(op, node, **kwargs):
    """Return what runs :class:`BatchNormGrad`, and the version for the cache."""
    relu = int(op.relu)
    call = external("batch_norm_grad", node.inputs[0].type.dtype)

    @numba_njit
    def run(x, g, scale, beta, mean, inv_std):
        n, c = x.shape[0], x.shape[1]
        gx, g_gamma, g_beta = np.empty(x.shape, x.dtype), np.empty(c, x.dtype), np.empty(c, x.dtype)
        call(
            *(x.ctypes.data, g.ctypes.data, mean.ctypes.data, scale.ctypes.data),
            *(beta.ctypes.data, inv_std.ctypes.data),
            *(gx.ctypes.data, g_gamma.ctypes.data, g_beta.ctypes.data),
            *(n, c, x.size // max(1, n * c), relu),
        )
        return gx, g_gamma, g_beta

    @numba_njit
    def batch_norm_grad(x, g, gamma, beta, mean, inv_std):
        _check(x, gamma, beta, mean, inv_std)
        if g.shape != x.shape:
            raise ValueError("normalize: the gradient has another shape than the output")
        x, g = np.ascontiguousarray(x), np.ascontiguousarray(g)
        mean, beta = np.ascontiguousarray(mean), np.ascontiguousarray(beta)
        inv_std = np.ascontiguousarray(inv_std)
        return run(x, g, gamma * inv_std, beta, mean, inv_std)

    return batch_norm_grad, CACHE_VERSION


def batch_norm_pool_grad(op, node, **kwargs):
    """Return what runs :class:`BatchNormPoolGrad`, and the version for the cache."""
    call = external("batch_norm_pool_grad", node.inputs[0].type.dtype)

    @numba_njit
    def run(x, g, winners, scale, beta, mean, inv_std):
        n, c, h, v = x.shape
        gx, g_gamma, g_beta = np.empty(x.shape, x.dtype), np.empty(c, x.dtype), np.empty(c, x.dtype)
        call(
            *(x.ctypes.data, g.ctypes.data, winners.ctypes.data, mean.ctypes.data),
            *(scale.ctypes.data, beta.ctypes.data, inv_std.ctypes.data),
            *(gx.ctypes.data, g_gamma.ctypes.data, g_beta.ctypes.data),
            *(n, c, h, v),
        )
        return gx, g_gamma, g_beta

    @numba_njit
    def batch_norm_pool_grad(x, g, winners, gamma, beta, mean, inv_std):
        _check(x, gamma, beta, mean, inv_std)
        pooled = (x.shape[0], x.shape[1], x.shape[2] // 2, x.shape[3] // 2)
        if g.shape != pooled or winners.shape != pooled:
            raise ValueError("normalize: the gradient has another shape than the output")
        x, g, winners = (
            np.ascontiguousarray(x),
            np.ascontiguousarray(g),
            np.ascontiguousarray(winners),
        )
        mean, beta = np.ascontiguousarray(mean), np.ascontiguousarray(beta)
        inv_std = np.ascontiguousarray(inv_std)
        return run(x, g, winners, gamma * inv_std, beta, mean, inv_std)

    return batch_norm_pool_grad, CACHE_VERSION
