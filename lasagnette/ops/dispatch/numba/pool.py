"""Numba dispatch of the poolings."""

from __future__ import annotations

import numpy as np
from pytensor.link.numba.dispatch.basic import numba_njit

from lasagnette.ops.dispatch.numba.common import CACHE_VERSION, external

__all__ = ["average_pool", "average_pool_grad", "max_pool", "max_pool_grad"]


def _pooled_length(ignore_border, size, stride, pad):
    @numba_njit
    def pooled_length(length):
        if ignore_border:
            return max(0, (length + 2 * pad - size) // stride + 1)
        if stride >= size:
            return (length + stride - 1) // stride
        return max(0, (length - size + stride - 1) // stride) + 1

    return pooled_length


@numba_njit
def _check_gradient(g, batch, channels, rows, columns):
    n, c, r, v = g.shape
    if n != batch or c != channels or r != rows or v != columns:
        raise ValueError("pool2d: the gradient has another shape than the output")


def _pool_forward(op, function, flag, dtype):
    """Pool `x`; `flag` holds the kernel's last argument, where it has one."""
    (kr, kc), (sr, sc), (pr, pc) = op.size, op.stride, op.pad
    rows_of = _pooled_length(op.ignore_border, kr, sr, pr)
    columns_of = _pooled_length(op.ignore_border, kc, sc, pc)
    call = external(function, dtype)

    @numba_njit
    def run(x):
        n, c, h, v = x.shape
        rows, columns = rows_of(h), columns_of(v)
        y = np.empty((n, c, rows, columns), x.dtype)
        geometry = (n * c, h, v, rows, columns, kr, kc, sr, sc, pr, pc)
        call(x.ctypes.data, y.ctypes.data, *geometry, *flag)
        return y

    @numba_njit
    def pool(x):
        return run(np.ascontiguousarray(x))

    return pool


def max_pool(op, node, **kwargs):
    """Return what runs :class:`MaxPool2d`, and the version for the cache."""
    return _pool_forward(op, "max_pool", (), node.inputs[0].type.dtype), CACHE_VERSION


def average_pool(op, node, **kwargs):
    """Return what runs :class:`AveragePool2d`, and the version for the cache."""
    flag = (int(op.include_pad),)
    return _pool_forward(op, "average_pool", flag, node.inputs[0].type.dtype), CACHE_VERSION


def max_pool_grad(op, node, **kwargs):
    """Return what runs :class:`MaxPool2dGrad`, and the version for the cache."""
    (kr, kc), (sr, sc), (pr, pc) = op.size, op.stride, op.pad
    relu = int(op.relu)
    rows_of = _pooled_length(op.ignore_border, kr, sr, pr)
    columns_of = _pooled_length(op.ignore_border, kc, sc, pc)
    call = external("max_pool_grad", node.inputs[0].type.dtype)

    @numba_njit
    def run(x, y, g):
        n, c, h, v = x.shape
        rows, columns = rows_of(h), columns_of(v)
        _check_gradient(y, n, c, rows, columns)
        _check_gradient(g, n, c, rows, columns)
        gx = np.empty(x.shape, x.dtype)
        geometry = (n * c, h, v, rows, columns, kr, kc, sr, sc, pr, pc)
        call(x.ctypes.data, y.ctypes.data, g.ctypes.data, gx.ctypes.data, *geometry, relu)
        return gx

    @numba_njit
    def max_pool_grad(x, y, g):
        return run(np.ascontiguousarray(x), np.ascontiguousarray(y), np.ascontiguousarray(g))

    return max_pool_grad, CACHE_VERSION


def average_pool_grad(op, node, **kwargs):
    """Return what runs :class:`AveragePool2dGrad`, and the version for the cache."""
    (kr, kc), (sr, sc), (pr, pc) = op.size, op.stride, op.pad
    include_pad = int(op.include_pad)
    rows_of = _pooled_length(op.ignore_border, kr, sr, pr)
    columns_of = _pooled_length(op.ignore_border, kc, sc, pc)
    call = external("average_pool_grad", node.inputs[0].type.dtype)

    @numba_njit
    def run(x, g):
        n, c, h, v = x.shape
        rows, columns = rows_of(h), columns_of(v)
        _check_gradient(g, n, c, rows, columns)
        gx = np.empty(x.shape, g.dtype)
        geometry = (n * c, h, v, rows, columns, kr, kc, sr, sc, pr, pc)
        call(g.ctypes.data, gx.ctypes.data, *geometry, include_pad)
        return gx

    @numba_njit
    def average_pool_grad(x, g):
        return run(x, np.ascontiguousarray(g))

    return average_pool_grad, CACHE_VERSION
