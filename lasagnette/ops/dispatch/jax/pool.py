"""JAX dispatch of the poolings, and the pooling that is part of other Ops."""

from __future__ import annotations

from functools import partial, reduce

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from lasagnette.ops.pool import MaxPool2d
from lasagnette.ops.shapes import pool_output_length

__all__ = [
    "average_pool",
    "average_pool_grad",
    "max_pool",
    "max_pool_grad",
    "pool_pairs",
    "spread_winners",
]


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


def max_pool(op, node, **kwargs):
    """Take the largest value of every window, of no padding."""
    lowest = np.array(-np.inf, node.outputs[0].type.dtype)

    def pool(x):
        return _reduce_windows(op, x, lowest, lax.max)

    return pool


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


def max_pool_grad(op, node, **kwargs):
    """Give the gradient to every input that equals its window's maximum."""

    def cells(x):
        return _window_cells(op, x)

    def gradient(x, y, g):
        if op.relu:
            g = jnp.where(y > 0, g, 0)
        shares = [jnp.where(cell == y, g, 0) for cell in cells(x)]
        return jax.linear_transpose(cells, x)(shares)[0]

    return gradient


def average_pool(op, node, **kwargs):
    """Sum every window, and divide by the number of its values."""
    zero = np.zeros((), node.outputs[0].type.dtype)

    def pool(x):
        sums = _reduce_windows(op, x, zero, lax.add)
        if op.include_pad and op.ignore_border:  # no window reaches beyond the padding
            return sums / (op.size[0] * op.size[1])
        inside = jnp.ones((1, 1, *x.shape[2:]), x.dtype)
        return sums / jnp.maximum(_reduce_windows(op, inside, zero, lax.add), 1)

    return pool


def average_pool_grad(op, node, **kwargs):
    """Transpose the mean."""
    pool = average_pool(op, node)

    def gradient(x, g):
        return jax.linear_transpose(pool, x)(g)[0]

    return gradient


# PyTensor leaves the rewrites that put the fused Ops in out of its JAX mode, but a mode of a
# user's own may have them.

_pair_cells = partial(_window_cells, MaxPool2d((2, 2), (2, 2), (0, 0), True))


def pool_pairs(y, relu, winners):
    """Pool 2 x 2 windows of a relu's or another function's result; see `Conv2dPool`."""
    cells = _pair_cells(y)
    pooled = reduce(jnp.maximum, cells)
    if not winners:
        return pooled
    bits = sum((cell == pooled).astype(jnp.uint8) << bit for bit, cell in enumerate(cells))
    return pooled, jnp.where(pooled > 0, bits, 0) if relu else bits


def spread_winners(g, winners, shape):
    """Give every winner its window's gradient, in a map of a shape."""
    shares = [jnp.where(winners >> bit & 1 == 1, g, 0) for bit in range(4)]
    return jax.linear_transpose(_pair_cells, jax.ShapeDtypeStruct(shape, g.dtype))(shares)[0]
