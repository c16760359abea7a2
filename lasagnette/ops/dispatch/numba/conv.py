"""Numba dispatch of the convolutions."""

from __future__ import annotations

import numpy as np
from pytensor.link.numba.dispatch.basic import numba_njit

from lasagnette.ops.dispatch.numba.common import CACHE_VERSION, external
from lasagnette.ops.shapes import MAX_IMAGE

__all__ = [
    "conv2d",
    "conv2d_grad_input",
    "conv2d_grad_weights",
    "conv2d_pool",
    "conv2d_pool_grad_input",
    "conv2d_pool_grad_weights",
]


def _checked_conv(op):
    """Return the check of shapes that :func:`lasagnette.ops.shapes.check_conv` makes elsewhere."""
    top, bottom, left, right = op.pad
    groups, has_bias = op.groups, op.bias

    @numba_njit
    def check(x, w, bias):
        _, c, h, v = x.shape
        if w.shape[1] * groups != c or w.shape[0] % groups:
            raise ValueError("conv2d: the input has another number of channels than the filters")
        if has_bias and bias.size != w.shape[0]:
            raise ValueError("conv2d: the bias has another length than there are filters")
        if max(c, w.shape[0]) * (h + top + bottom) * (v + left + right) > MAX_IMAGE:
            raise ValueError("conv2d: one padded image has too many values; cut it into pieces")

    return check


def _contiguous_conv(run, has_bias):
    """Return the outer function of a forward pass, with or without a bias."""
    if has_bias:

        @numba_njit
        def conv2d(x, w, bias):
            x, w = np.ascontiguousarray(x), np.ascontiguousarray(w)
            return run(x, w, np.ascontiguousarray(bias))

    else:

        @numba_njit
        def conv2d(x, w):
            x, w = np.ascontiguousarray(x), np.ascontiguousarray(w)
            return run(x, w, w)

    return conv2d


def conv2d(op, node, **kwargs):
    """Return what runs :class:`Conv2d`, and the version for the cache."""
    top, bottom, left, right = op.pad
    (sr, sc), (dr, dc), groups = op.stride, op.dilation, op.groups
    has_bias, relu = op.bias, int(op.relu)
    call = external("conv2d", node.inputs[0].type.dtype)
    check = _checked_conv(op)

    @numba_njit
    def run(x, w, bias):
        n, c, h, v = x.shape
        o, _, kr, kc = w.shape
        check(x, w, bias)
        rows = max(0, (h + top + bottom - (kr - 1) * dr - 1) // sr + 1)
        columns = max(0, (v + left + right - (kc - 1) * dc - 1) // sc + 1)
        y = np.empty((n, o, rows, columns), x.dtype)
        bias_address = bias.ctypes.data if has_bias else np.uint64(0)
        call(
            *(x.ctypes.data, w.ctypes.data, bias_address, y.ctypes.data),
            *(n, c, h, v, o, kr, kc, rows, columns, groups, sr, sc, dr, dc, top, left, relu),
        )
        return y

    return _contiguous_conv(run, has_bias), CACHE_VERSION


def conv2d_grad_input(op, node, **kwargs):
    """Return what runs :class:`Conv2dGradInput`, and the version for the cache."""
    top, left = op.pad[0], op.pad[2]
    (sr, sc), (dr, dc), groups = op.stride, op.dilation, op.groups
    call = external("conv2d_grad_input", node.inputs[1].type.dtype)

    @numba_njit
    def run(x, w, g):
        n, c, h, v = x.shape
        o, _, kr, kc = w.shape
        gx = np.empty(x.shape, g.dtype)
        call(
            *(w.ctypes.data, g.ctypes.data, gx.ctypes.data),
            *(n, c, h, v, o, kr, kc, g.shape[2], g.shape[3]),
            *(groups, sr, sc, dr, dc, top, left),
        )
        return gx

    @numba_njit
    def conv2d_grad_input(x, w, g):
        return run(x, np.ascontiguousarray(w), np.ascontiguousarray(g))

    return conv2d_grad_input, CACHE_VERSION


def conv2d_grad_weights(op, node, **kwargs):
    """Return what runs :class:`Conv2dGradWeights`, and the version for the cache."""
    top, left = op.pad[0], op.pad[2]
    (sr, sc), (dr, dc), groups = op.stride, op.dilation, op.groups
    call = external("conv2d_grad_weights", node.inputs[0].type.dtype)

    @numba_njit
    def run(x, w, g):
        n, c, h, v = x.shape
        o, _, kr, kc = w.shape
        gw, gb = np.empty(w.shape, x.dtype), np.empty(o, x.dtype)
        call(
            *(x.ctypes.data, g.ctypes.data, gw.ctypes.data, gb.ctypes.data),
            *(n, c, h, v, o, kr, kc, g.shape[2], g.shape[3]),
            *(groups, sr, sc, dr, dc, top, left),
        )
        return gw, gb

    @numba_njit
    def conv2d_grad_weights(x, w, g):
        return run(np.ascontiguousarray(x), w, np.ascontiguousarray(g))

    return conv2d_grad_weights, CACHE_VERSION


def conv2d_pool(op, node, **kwargs):
    """Return what runs :class:`Conv2dPool`, and the version for the cache."""
    top, bottom, left, right = op.pad
    (sr, sc), (dr, dc), groups = op.stride, op.dilation, op.groups
    has_bias, relu, has_winners = op.conv.bias, int(op.conv.relu), op.winners
    call = external("conv2d_pool", node.inputs[0].type.dtype)
    check = _checked_conv(op.conv)

    @numba_njit
    def run(x, w, bias):
        n, c, h, v = x.shape
        o, _, kr, kc = w.shape
        check(x, w, bias)
        rows = max(0, (h + top + bottom - (kr - 1) * dr - 1) // sr + 1)
        columns = max(0, (v + left + right - (kc - 1) * dc - 1) // sc + 1)
        pooled = np.empty((n, o, rows // 2, columns // 2), x.dtype)
        winners = np.empty(pooled.shape if has_winners else (0, 0, 0, 0), np.uint8)
        bias_address = bias.ctypes.data if has_bias else np.uint64(0)
        winners_address = winners.ctypes.data if has_winners else np.uint64(0)
        call(
            *(x.ctypes.data, w.ctypes.data, bias_address, pooled.ctypes.data, winners_address),
            *(n, c, h, v, o, kr, kc, rows, columns, groups, sr, sc, dr, dc, top, left, relu),
        )
        return pooled, winners

    if has_winners:

        @numba_njit
        def outputs(x, w, bias):
            return run(x, w, bias)

    else:

        @numba_njit
        def outputs(x, w, bias):
            return run(x, w, bias)[0]

    return _contiguous_conv(outputs, has_bias), CACHE_VERSION


def conv2d_pool_grad_input(op, node, **kwargs):
    """Return what runs :class:`Conv2dPoolGradInput`, and the version for the cache."""
    top, bottom, left, right = op.pad
    (sr, sc), (dr, dc), groups = op.stride, op.dilation, op.groups
    call = external("conv2d_pool_grad_input", node.inputs[1].type.dtype)

    @numba_njit
    def run(x, w, g, winners):
        n, c, h, v = x.shape
        o, _, kr, kc = w.shape
        rows = max(0, (h + top + bottom - (kr - 1) * dr - 1) // sr + 1)
        columns = max(0, (v + left + right - (kc - 1) * dc - 1) // sc + 1)
        gx = np.empty(x.shape, g.dtype)
        call(
            *(w.ctypes.data, g.ctypes.data, winners.ctypes.data, gx.ctypes.data),
            *(n, c, h, v, o, kr, kc, rows, columns, groups, sr, sc, dr, dc, top, left),
        )
        return gx

    @numba_njit
    def conv2d_pool_grad_input(x, w, g, winners):
        g, winners = np.ascontiguousarray(g), np.ascontiguousarray(winners)
        return run(x, np.ascontiguousarray(w), g, winners)

    return conv2d_pool_grad_input, CACHE_VERSION


def conv2d_pool_grad_weights(op, node, **kwargs):
    """Return what runs :class:`Conv2dPoolGradWeights`, and the version for the cache."""
    top, bottom, left, right = op.pad
    (sr, sc), (dr, dc), groups = op.stride, op.dilation, op.groups
    call = external("conv2d_pool_grad_weights", node.inputs[0].type.dtype)

    @numba_njit
    def run(x, w, g, winners):
        n, c, h, v = x.shape
        o, _, kr, kc = w.shape
        rows = max(0, (h + top + bottom - (kr - 1) * dr - 1) // sr + 1)
        columns = max(0, (v + left + right - (kc - 1) * dc - 1) // sc + 1)
        gw, gb = np.empty(w.shape, x.dtype), np.empty(o, x.dtype)
        call(
            *(x.ctypes.data, g.ctypes.data, winners.ctypes.data, gw.ctypes.data, gb.ctypes.data),
            *(n, c, h, v, o, kr, kc, rows, columns, groups, sr, sc, dr, dc, top, left),
        )
        return gw, gb

    @numba_njit
    def conv2d_pool_grad_weights(x, w, g, winners):
        g, winners = np.ascontiguousarray(g), np.ascontiguousarray(winners)
        return run(np.ascontiguousarray(x), w, g, winners)

    return conv2d_pool_grad_weights, CACHE_VERSION
