"""JAX dispatch of the Ops: the road to a GPU, through XLA's own convolutions and windows.

Two settings of JAX are made here, before the first function is traced, for the whole process:

- 64-bit types. PyTensor leaves them off with ``floatX=float32``; an int64 dropout key would then
  lose its upper half, and masks would not be those of the other back ends. float32 graphs stay
  float32: PyTensor's graphs name the type of every variable.
- Full float32 products. A GPU's default cuts the factors of convolutions and matrix products to
  TF32, 10 bits of mantissa, and training steps would no longer agree with the processor's. Whoever
  prefers the speed says so to JAX: ``JAX_DEFAULT_MATMUL_PRECISION=tensorfloat32``.

The gradients are transposes that JAX derives, as every one of these Ops is linear in what its
gradient is taken for; only the maximum needs a rule of its own, for its ties.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from pytensor.link.jax.dispatch import jax_funcify

from lasagnette.ops.conv import Conv2d, Conv2dGradInput, Conv2dGradWeights
from lasagnette.ops.conv_pool import Conv2dPool, Conv2dPoolGradInput, Conv2dPoolGradWeights
from lasagnette.ops.dispatch import jax_repairs  # noqa: F401
from lasagnette.ops.dropout import DropoutMask
from lasagnette.ops.kernels.reference import mask_threshold
from lasagnette.ops.pool import AveragePool2d, AveragePool2dGrad, MaxPool2d, MaxPool2dGrad
from lasagnette.ops.shapes import check_conv, conv_output_shape, pool_output_length

__all__ = ["DISPATCH"]

jax.config.update("jax_enable_x64", True)
if jax.config.values["jax_default_matmul_precision"] is None:
    jax.config.update("jax_default_matmul_precision", "highest")


def _correlation(op):
    """Return the bare correlation of an Op of convolution: linear in x and in w."""
    top, bottom, left, right = op.pad

    def correlate(x, w):
        return lax.conv_general_dilated(
            x,
            w,
            op.stride,
            [(top, bottom), (left, right)],
            rhs_dilation=op.dilation,
            feature_group_count=op.groups,
        )

    return correlate


def _conv2d(op, node, **kwargs):
    correlate = _correlation(op)

    def conv2d(x, w, bias=None):
        bias_shape = None if bias is None else bias.shape
        check_conv(x.shape, w.shape, bias_shape, pad=op.pad, groups=op.groups)
        y = correlate(x, w)
        if bias is not None:
            y += bias[:, None, None]
        return jnp.maximum(y, 0) if op.relu else y

    return conv2d


def _conv2d_grad_input(op, node, **kwargs):
    correlate = _correlation(op)

    def conv2d_grad_input(x, w, g):
        return jax.linear_transpose(lambda x: correlate(x, w), x)(g)[0]

    return conv2d_grad_input


def _conv2d_grad_weights(op, node, **kwargs):
    correlate = _correlation(op)

    def conv2d_grad_weights(x, w, g):
        (gw,) = jax.linear_transpose(lambda w: correlate(x, w), w)(g)
        return gw, g.sum((0, 2, 3))

    return conv2d_grad_weights


def _windows(op, shape):
    """Number of windows in rows and columns, and the padding that makes room for just these."""
    counts, padding = [], []
    for axis in (0, 1):
        length, size, stride = shape[2 + axis], op.size[axis], op.stride[axis]
        pad = op.pad[axis]
        count = pool_output_length(length, size, stride, pad, op.ignore_border) or 0
        counts.append(count)
        padding.append((pad, max(0, (count - 1) * stride + size - length - pad)))
    return counts, padding


def _reduce_windows(op, x, start, function):
    _, padding = _windows(op, x.shape)
    return lax.reduce_window(
        x, start, function, (1, 1, *op.size), (1, 1, *op.stride), [(0, 0), (0, 0), *padding]
    )


def _max_pool(op, node, **kwargs):
    lowest = np.array(-np.inf, node.outputs[0].type.dtype)

    def max_pool(x):
        return _reduce_windows(op, x, lowest, lax.max)

    return max_pool


def _window_cells(op, x):
    """Return, for each cell of the window, its value in every window."""
    (rows, columns), padding = _windows(op, x.shape)
    (sr, sc) = op.stride
    x = jnp.pad(x, [(0, 0), (0, 0), *padding])
    return [
        x[:, :, i : i + rows * sr : sr, j : j + columns * sc : sc]
        for i in range(op.size[0])
        for j in range(op.size[1])
    ]


def _max_pool_grad(op, node, **kwargs):
    def cells(x):
        return _window_cells(op, x)

    def max_pool_grad(x, y, g):
        if op.relu:
            g = jnp.where(y > 0, g, 0)
        shares = [jnp.where(cell == y, g, 0) for cell in cells(x)]
        return jax.linear_transpose(cells, x)(shares)[0]

    return max_pool_grad


# The fused Ops: PyTensor leaves the rewrite that makes them out of its JAX mode, but a mode of a
# user's own may have it in.

_PAIRS = MaxPool2d((2, 2), (2, 2), (0, 0), True)


def _conv2d_pool(op, node, **kwargs):
    convolve = _conv2d(op.conv, node)

    def conv2d_pool(*inputs):
        cells = _window_cells(_PAIRS, convolve(*inputs))
        pooled = reduce(jnp.maximum, cells)
        if not op.winners:
            return pooled
        winners = sum((cell == pooled).astype(jnp.uint8) << bit for bit, cell in enumerate(cells))
        return pooled, jnp.where(pooled > 0, winners, 0) if op.conv.relu else winners

    return conv2d_pool


def _spread(op, x, w, g, winners):
    """Give every winner its window's gradient."""
    y = jax.ShapeDtypeStruct(
        conv_output_shape(x.shape, w.shape, op.pad, op.stride, op.dilation), g.dtype
    )
    shares = [jnp.where(winners >> bit & 1 == 1, g, 0) for bit in range(4)]
    return jax.linear_transpose(lambda y: _window_cells(_PAIRS, y), y)(shares)[0]


def _of_pooled(dispatch):
    """Make a convolution's gradient that of the convolution with pooling."""

    def funcify(op, node, **kwargs):
        gradient = dispatch(op, node)

        def of_pooled(x, w, g, winners):
            return gradient(x, w, _spread(op, x, w, g, winners))

        return of_pooled

    return funcify


def _average_pool(op, node, **kwargs):
    zero = np.zeros((), node.outputs[0].type.dtype)

    def average_pool(x):
        sums = _reduce_windows(op, x, zero, lax.add)
        if op.include_pad and op.ignore_border:  # no window reaches beyond the padding
            return sums / (op.size[0] * op.size[1])
        inside = jnp.ones((1, 1, *x.shape[2:]), x.dtype)
        return sums / jnp.maximum(_reduce_windows(op, inside, zero, lax.add), 1)

    return average_pool


def _average_pool_grad(op, node, **kwargs):
    average_pool = _average_pool(op, node)

    def average_pool_grad(x, g):
        return jax.linear_transpose(average_pool, x)(g)[0]

    return average_pool_grad


def _dropout_mask(op, node, **kwargs):
    threshold = np.uint32(mask_threshold(op.p))
    scale = np.dtype(node.outputs[0].type.dtype).type(1 / (1 - op.p))

    def dropout_mask(like, state):
        low, high = _mask_words(*state.astype(jnp.uint64))
        z = lax.iota(jnp.uint32, like.size) + low
        z = ((z ^ (z >> 16)) * np.uint32(0x7FEB352D)) ^ high
        z = (z ^ (z >> 15)) * np.uint32(0x846CA68B)
        z ^= z >> 16
        return jnp.where(z >= threshold, scale, 0 * scale).reshape(like.shape)

    return dropout_mask


def _mask_words(key, counter):
    """Two 32-bit words mixed from key and counter, as :mod:`reference` does on Python's ints."""
    z = key * np.uint64(0x9E3779B97F4A7C15) + counter * np.uint64(0xD1B54A32D192ED03)
    z = (z ^ (z >> 30)) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> 27)) * np.uint64(0x94D049BB133111EB)
    z ^= z >> 31
    return z.astype(jnp.uint32), (z >> 32).astype(jnp.uint32)


DISPATCH: dict[Any, Callable[..., Any]] = {
    Conv2d: _conv2d,
    Conv2dGradInput: _conv2d_grad_input,
    Conv2dGradWeights: _conv2d_grad_weights,
    Conv2dPool: _conv2d_pool,
    Conv2dPoolGradInput: _of_pooled(_conv2d_grad_input),
    Conv2dPoolGradWeights: _of_pooled(_conv2d_grad_weights),
    MaxPool2d: _max_pool,
    MaxPool2dGrad: _max_pool_grad,
    AveragePool2d: _average_pool,
    AveragePool2dGrad: _average_pool_grad,
    DropoutMask: _dropout_mask,
}


def _typed(dispatch):
    """Cast what a dispatched function takes to the types that the graph says.

    PyTensor hands constants over as Python's numbers, and what is made of these alone is float64.
    """

    def funcify(op, node, **kwargs):
        function = dispatch(op, node, **kwargs)
        dtypes = [variable.type.dtype for variable in node.inputs]

        def typed(*inputs):
            return function(*map(jnp.asarray, inputs, dtypes))

        return typed

    return funcify


for _op, _dispatch in DISPATCH.items():
    jax_funcify.register(_op)(_typed(_dispatch))
