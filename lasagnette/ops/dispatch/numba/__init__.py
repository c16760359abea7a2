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
from lasagnette.ops.batch_norm import (
    BatchNormGrad,
    BatchNormPoolGrad,
    BatchStatistics,
    Normalize,
    NormalizePool,
)
from lasagnette.ops.conv import Conv2d, Conv2dGradInput, Conv2dGradWeights
from lasagnette.ops.conv_pool import Conv2dPool, Conv2dPoolGradInput, Conv2dPoolGradWeights
from lasagnette.ops.dispatch.numba import conv, norm, pool
from lasagnette.ops.dispatch.numba.common import CACHE_VERSION
from lasagnette.ops.dot import TransposedDot
from lasagnette.ops.dropout import DropoutMask
from lasagnette.ops.kernels.native import symbol
from lasagnette.ops.kernels.reference import mask_threshold
from lasagnette.ops.pool import AveragePool2d, AveragePool2dGrad, MaxPool2d, MaxPool2dGrad
from lasagnette.ops.rectification import Relu, ReluGrad

__all__ = ["DISPATCH"]


def _dropout_mask(op, node, **kwargs):
    threshold, scale = mask_threshold(op.p), 1 / (1 - op.p)
    signature = types.void(
        *(types.uintp, types.int64, types.int64, types.float64, types.int64, types.int64)
    )
    call = types.ExternalFunction(symbol("dropout_mask", node.inputs[0].type.dtype), signature)

    @numba_njit
    def dropout_mask(like, state):
        if state.size != 2:
            raise ValueError("dropout_mask: state holds key and counter")
        out = np.empty(like.shape, like.dtype)
        call(out.ctypes.data, out.size, threshold, scale, state[0], state[1])
        return out

    return dropout_mask, CACHE_VERSION


def _relu(op, node, **kwargs):
    zero = np.zeros((), node.inputs[0].type.dtype)[()]

    @numba_njit
    def relu(x):
        return np.maximum(x, zero)

    return relu, CACHE_VERSION


def _relu_grad(op, node, **kwargs):
    zero = np.zeros((), node.inputs[1].type.dtype)[()]

    @numba_njit
    def relu_grad(y, g):
        return np.where(y > zero, g, zero)

    return relu_grad, CACHE_VERSION


def _transposed_dot(op, node, **kwargs):
    left, right = op.left, op.right

    # Transposing what Numba knows to be in C order gives what it knows to be in Fortran's, which
    # BLAS takes as it is.
    @numba_njit
    def transposed_dot(a, b):
        a, b = np.ascontiguousarray(a), np.ascontiguousarray(b)
        return np.dot(a.T if left else a, b.T if right else b)

    return transposed_dot, CACHE_VERSION


def _perform(op, node, **kwargs):
    """Run the Op's ``perform`` from object mode: there is nothing compiled to call."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Numba will use object mode")
        return generate_fallback_impl(op, node, **kwargs)


DISPATCH: dict[Any, Callable[..., Any]] = {
    BatchNormGrad: norm.batch_norm_grad,
    BatchNormPoolGrad: norm.batch_norm_pool_grad,
    BatchStatistics: norm.batch_statistics,
    Normalize: norm.normalize,
    NormalizePool: norm.normalize_pool,
    Conv2d: conv.conv2d,
    Conv2dGradInput: conv.conv2d_grad_input,
    Conv2dGradWeights: conv.conv2d_grad_weights,
    Conv2dPool: conv.conv2d_pool,
    Conv2dPoolGradInput: conv.conv2d_pool_grad_input,
    Conv2dPoolGradWeights: conv.conv2d_pool_grad_weights,
    MaxPool2d: pool.max_pool,
    MaxPool2dGrad: pool.max_pool_grad,
    AveragePool2d: pool.average_pool,
    AveragePool2dGrad: pool.average_pool_grad,
    DropoutMask: _dropout_mask,
    Relu: _relu,
    ReluGrad: _relu_grad,
    TransposedDot: _transposed_dot,
}

_path = kernels.library()
if _path is not None:
    llvmlite.binding.load_library_permanently(str(_path))
for _op, _dispatch in DISPATCH.items():
    if _path is None:
        numba_funcify.register(_op)(_perform)
    else:
        register_funcify_default_op_cache_key(_op)(_dispatch)
