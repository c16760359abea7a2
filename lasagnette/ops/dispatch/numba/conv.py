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


def _geometry_of(op):
    """Return the function that checks shapes of input and filters, and gives the output's.

    As :func:`lasagnette.ops.shapes.check_conv`, with shorter sentences.
    """
    (top, bottom, left, right), (sr, sc) = op.pad, op.stride
    (dr, dc), groups = op.dilation, op.groups

    @numba_njit
    def geometry(x_shape, w_shape):
        _, c, h, v = x_shape
        o, channels, kr, kc = w_shape
        if channels * groups != c or o % groups:
            raise ValueError("conv2d: the input has another number of channels than the filters")
        if kr < 1 or kc < 1:
            raise ValueError("conv2d: the filters must have rows and columns")
        reach_r, reach_c = (kr - 1) * dr, (kc - 1) * dc
        rows = max(0, (h + top + bottom - reach_r - 1) // sr + 1)
        columns = max(0, (v + left + right - reach_c - 1) // sc + 1)
        phases = (rows + reach_r // sr) * (columns + reach_c // sc)
        forward = c // groups * sr * sc * phases
        if max(forward, o // groups * (h + reach_r) * (v + reach_c)) > MAX_IMAGE:
            raise ValueError("conv2d: one padded image has too many values; cut it into pieces")
        return rows, columns

    return geometry


@numba_njit
def _check_gradient(g, batch, filters, rows, columns):
    n, o, r, c = g.shape
    if n != batch or o != filters or r != rows or c != columns:
        raise ValueError("conv2d: the gradient has another shape than the output")


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
    top, left = op.pad[0], op.pad[2]
    (sr, sc), (dr, dc), groups = op.stride, op.dilation, op.groups
    has_bias, relu = op.bias, int(op.relu)
    call = external("conv2d", node.inputs[0].type.dtype)
    geometry = _geometry_of(op)

    @numba_njit
    def run(x, w, bias):
        n, c, h, v = x.shape
        o, _, kr, kc = w.shape
        rows, columns = geometry(x.shape, w.shape)
        if has_bias and bias.size != o:
            raise ValueError("conv2d: the bias has another length than there are filters")
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
    geometry = _geometry_of(op)

    @numba_njit
    def run(x, w, g):
        n, c, h, v = x.shape
        o, _, kr, kc = w.shape
        rows, columns = geometry(x.shape, w.shape)
        _check_gradient(g, n, o, rows, columns)
        gx = np.empty(x.shape, g.dtype)
        call(
            *(w.ctypes.data, g.ctypes.data, gx.ctypes.data),
            *(n, c, h, v, o, kr, kc, rows, columns),
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
    geometry = _geometry_of(op)

    @numba_njit
    def run(x, w, g):
        n, c, h, v = x.shape
        o, _, kr, kc = w.shape
        rows, columns = geometry(x.shape, w.shape)
        _check_gradient(g, n, o, rows, columns)
        gw, gb = np.empty(w.shape, x.dtype), np.empty(o, x.dtype)
        call(
            *(x.ctypes.data, g.ctypes.data, gw.ctypes.data, gb.ctypes.data),
            *(n, c, h, v, o, kr, kc, rows, columns),
            *(groups, sr, sc, dr, dc, top, left),
        )
        return gw, gb

    @numba_njit
    def conv2d_grad_weights(x, w, g):
        return run(np.ascontiguousarray(x), w, np.ascontiguousarray(g))

    return conv2d_grad_weights, CACHE_VERSION


def conv2d_pool(op, node, **kwargs):
    """Return what runs :class:`Conv2dPool`, and the version for the cache."""
    top, left = op.pad[0], op.pad[2]
    (sr, sc), (dr, dc), groups = op.stride, op.dilation, op.groups
    has_bias, relu, has_winners = op.conv.bias, int(op.conv.relu), op.winners
    call = external("conv2d_pool", node.inputs[0].type.dtype)
    geometry = _geometry_of(op.conv)

    @numba_njit
    def run(x, w, bias):
        n, c, h, v = x.shape
        o, _, kr, kc = w.shape
        rows, columns = geometry(x.shape, w.shape)
        if has_bias and bias.size != o:
            raise ValueError("conv2d: the bias has another length than there are filters")
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
    top, left = op.pad[0], op.pad[2]
    (sr, sc), (dr, dc), groups = op.stride, op.dilation, op.groups
    call = external("conv2d_pool_grad_input", node.inputs[1].type.dtype)
    geometry = _geometry_of(op)

    @numba_njit
    def run(x, w, g, winners):
        n, c, h, v = x.shape
        o, _, kr, kc = w.shape
        rows, columns = geometry(x.shape, w.shape)
        _check_gradient(g, n, o, rows // 2, columns // 2)
        _check_gradient(winners, n, o, rows // 2, columns // 2)
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
    top, left = op.pad[0], op.pad[2]
    (sr, sc), (dr, dc), groups = op.stride, op.dilation, op.groups
    call = external("conv2d_pool_grad_weights", node.inputs[0].type.dtype)
    geometry = _geometry_of(op)

    @numba_njit
    def run(x, w, g, winners):
        n, c, h, v = x.shape
        o, _, kr, kc = w.shape
        rows, columns = geometry(x.shape, w.shape)
        _check_gradient(g, n, o, rows // 2, columns // 2)
        _check_gradient(winners, n, o, rows // 2, columns // 2)
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
