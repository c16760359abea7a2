"""Numba dispatch of the Ops: compiled functions call the kernels' library directly.

The kernels are found by symbol name when a function is loaded, so PyTensor's and Numba's
on-disk caches stay valid from one process to the next; the interface version is part of the
names, and it and the version of this file are part of the cache key. Without compiled kernels
the Ops run their ``perform`` from object mode.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import llvmlite.binding
import numpy as np
from numba import types
from pytensor.link.numba.dispatch.basic import (
    generate_fallback_impl,
    numba_funcify,
    numba_njit,
    register_funcify_default_op_cache_key,
)

from lasagnette.ops import kernels
from lasagnette.ops.conv import Conv2d, Conv2dGradInput, Conv2dGradWeights
from lasagnette.ops.conv_pool import Conv2dPool, Conv2dPoolGradInput, Conv2dPoolGradWeights
from lasagnette.ops.dropout import DropoutMask
from lasagnette.ops.kernels.native import ABI, ARGUMENTS, symbol
from lasagnette.ops.kernels.reference import mask_threshold
from lasagnette.ops.pool import AveragePool2d, AveragePool2dGrad, MaxPool2d, MaxPool2dGrad
from lasagnette.ops.shapes import MAX_IMAGE

__all__ = ["DISPATCH"]

# Rises with every change of what a dispatch compiles: the caches know nothing else about it.
CACHE_VERSION = 100 * ABI + 1


def _external(function: str, dtype: str) -> Any:
    arrays, integers = ARGUMENTS[function]
    signature = types.void(*[types.uintp] * arrays, *[types.int64] * integers)
    return types.ExternalFunction(symbol(function, dtype), signature)


# Numba frees an array after its last use in a function, and taking its address is such a use. So a
# copy that ascontiguousarray made must belong to a caller while the kernel works on it: every
# dispatch is a pair, the outer function makes the arrays contiguous, the inner one calls.


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


def _conv2d(op, node, **kwargs):
    top, bottom, left, right = op.pad
    (sr, sc), (dr, dc), groups = op.stride, op.dilation, op.groups
    has_bias, relu = op.bias, int(op.relu)
    call = _external("conv2d", node.inputs[0].type.dtype)
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


def _conv2d_grad_input(op, node, **kwargs):
    top, left = op.pad[0], op.pad[2]
    (sr, sc), (dr, dc), groups = op.stride, op.dilation, op.groups
    call = _external("conv2d_grad_input", node.inputs[1].type.dtype)

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


def _conv2d_grad_weights(op, node, **kwargs):
    top, left = op.pad[0], op.pad[2]
    (sr, sc), (dr, dc), groups = op.stride, op.dilation, op.groups
    call = _external("conv2d_grad_weights", node.inputs[0].type.dtype)

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


def _conv2d_pool(op, node, **kwargs):
    top, bottom, left, right = op.pad
    (sr, sc), (dr, dc), groups = op.stride, op.dilation, op.groups
    has_bias, relu, has_winners = op.conv.bias, int(op.conv.relu), op.winners
    call = _external("conv2d_pool", node.inputs[0].type.dtype)
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


def _conv2d_pool_grad_input(op, node, **kwargs):
    top, bottom, left, right = op.pad
    (sr, sc), (dr, dc), groups = op.stride, op.dilation, op.groups
    call = _external("conv2d_pool_grad_input", node.inputs[1].type.dtype)

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


def _conv2d_pool_grad_weights(op, node, **kwargs):
    top, bottom, left, right = op.pad
    (sr, sc), (dr, dc), groups = op.stride, op.dilation, op.groups
    call = _external("conv2d_pool_grad_weights", node.inputs[0].type.dtype)

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


def _pooled_length(ignore_border, size, stride, pad):
    @numba_njit
    def pooled_length(length):
        if ignore_border:
            return max(0, (length + 2 * pad - size) // stride + 1)
        if stride >= size:
            return (length + stride - 1) // stride
        return max(0, (length - size + stride - 1) // stride) + 1

    return pooled_length


def _pool_forward(op, function, flag, dtype):
    """Pool `x`; `flag` holds the kernel's last argument, where it has one."""
    (kr, kc), (sr, sc), (pr, pc) = op.size, op.stride, op.pad
    rows_of = _pooled_length(op.ignore_border, kr, sr, pr)
    columns_of = _pooled_length(op.ignore_border, kc, sc, pc)
    call = _external(function, dtype)

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


def _max_pool(op, node, **kwargs):
    return _pool_forward(op, "max_pool", (), node.inputs[0].type.dtype), CACHE_VERSION


def _average_pool(op, node, **kwargs):
    flag = (int(op.include_pad),)
    return _pool_forward(op, "average_pool", flag, node.inputs[0].type.dtype), CACHE_VERSION


def _max_pool_grad(op, node, **kwargs):
    (kr, kc), (sr, sc), (pr, pc) = op.size, op.stride, op.pad
    relu = int(op.relu)
    call = _external("max_pool_grad", node.inputs[0].type.dtype)

    @numba_njit
    def run(x, y, g):
        n, c, h, v = x.shape
        gx = np.empty(x.shape, x.dtype)
        geometry = (n * c, h, v, y.shape[2], y.shape[3], kr, kc, sr, sc, pr, pc)
        call(x.ctypes.data, y.ctypes.data, g.ctypes.data, gx.ctypes.data, *geometry, relu)
        return gx

    @numba_njit
    def max_pool_grad(x, y, g):
        return run(np.ascontiguousarray(x), np.ascontiguousarray(y), np.ascontiguousarray(g))

    return max_pool_grad, CACHE_VERSION


def _average_pool_grad(op, node, **kwargs):
    (kr, kc), (sr, sc), (pr, pc) = op.size, op.stride, op.pad
    include_pad = int(op.include_pad)
    call = _external("average_pool_grad", node.inputs[0].type.dtype)

    @numba_njit
    def run(x, g):
        n, c, h, v = x.shape
        gx = np.empty(x.shape, g.dtype)
        geometry = (n * c, h, v, g.shape[2], g.shape[3], kr, kc, sr, sc, pr, pc)
        call(g.ctypes.data, gx.ctypes.data, *geometry, include_pad)
        return gx

    @numba_njit
    def average_pool_grad(x, g):
        return run(x, np.ascontiguousarray(g))

    return average_pool_grad, CACHE_VERSION


def _dropout_mask(op, node, **kwargs):
    threshold, scale = mask_threshold(op.p), 1 / (1 - op.p)
    signature = types.void(
        *(types.uintp, types.int64, types.int64, types.float64, types.int64, types.int64)
    )
    call = types.ExternalFunction(symbol("dropout_mask", node.inputs[0].type.dtype), signature)

    @numba_njit
    def dropout_mask(like, state):
        out = np.empty(like.shape, like.dtype)
        call(out.ctypes.data, out.size, threshold, scale, state[0], state[1])
        return out

    return dropout_mask, CACHE_VERSION


def _perform(op, node, **kwargs):
    """Run the Op's ``perform`` from object mode: there is nothing compiled to call."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Numba will use object mode")
        return generate_fallback_impl(op, node, **kwargs)


DISPATCH: dict[Any, Callable[..., Any]] = {
    Conv2d: _conv2d,
    Conv2dGradInput: _conv2d_grad_input,
    Conv2dGradWeights: _conv2d_grad_weights,
    Conv2dPool: _conv2d_pool,
    Conv2dPoolGradInput: _conv2d_pool_grad_input,
    Conv2dPoolGradWeights: _conv2d_pool_grad_weights,
    MaxPool2d: _max_pool,
    MaxPool2dGrad: _max_pool_grad,
    AveragePool2d: _average_pool,
    AveragePool2dGrad: _average_pool_grad,
    DropoutMask: _dropout_mask,
}

_path = kernels.library()
if _path is not None:
    llvmlite.binding.load_library_permanently(str(_path))
for _op, _dispatch in DISPATCH.items():
    if _path is None:
        numba_funcify.register(_op)(_perform)
    else:
        register_funcify_default_op_cache_key(_op)(_dispatch)
