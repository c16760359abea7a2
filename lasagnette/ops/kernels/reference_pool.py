"""Pooling in NumPy; see :mod:`lasagnette.ops.kernels.reference`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from lasagnette.ops.shapes import check_shapes, pool_output_length

__all__ = [
    "average_pool",
    "average_pool_grad",
    "max_pool",
    "max_pool_grad",
    "pool_winners",
    "spread_winners",
]

Pair = tuple[int, int]
Cells = tuple[Any, ...]


def _window_slices(
    shape: tuple[int, ...], size: Pair, stride: Pair, pad: Pair, ignore_border: bool
) -> Iterator[tuple[Cells, Cells]]:
    """For each cell of the window: the outputs that have it, and where it lies in the input."""
    lengths = [
        pool_output_length(shape[2 + a], size[a], stride[a], pad[a], ignore_border) or 0
        for a in (0, 1)
    ]
    for i in range(size[0]):
        for j in range(size[1]):
            outs, ins = [], []
            for a, cell in ((0, i), (1, j)):
                first = max(0, -(-(pad[a] - cell) // stride[a]))
                end = min(lengths[a], (shape[2 + a] - 1 + pad[a] - cell) // stride[a] + 1)
                start = first * stride[a] - pad[a] + cell
                outs.append(slice(first, max(first, end)))
                ins.append(slice(start, start + max(0, end - first) * stride[a], stride[a]))
            if all(s.stop > s.start for s in outs):
                yield (..., *outs), (..., *ins)


def _pooled_shape(shape, size, stride, pad, ignore_border) -> tuple[int, ...]:
    lengths = (
        pool_output_length(shape[2 + a], size[a], stride[a], pad[a], ignore_border) for a in (0, 1)
    )
    return (*shape[:2], *(length or 0 for length in lengths))


def max_pool(
    x: np.ndarray, size: Pair, stride: Pair, pad: Pair = (0, 0), ignore_border: bool = True
) -> np.ndarray:
    """Largest value of every window, ``-inf`` where a window holds padding only."""
    y = np.full(_pooled_shape(x.shape, size, stride, pad, ignore_border), -np.inf, x.dtype)
    for out, cell in _window_slices(x.shape, size, stride, pad, ignore_border):
        np.maximum(y[out], x[cell], out=y[out])
    return y


def max_pool_grad(
    x: np.ndarray,
    y: np.ndarray,
    g: np.ndarray,
    size: Pair,
    stride: Pair,
    pad: Pair = (0, 0),
    ignore_border: bool = True,
    relu: bool = False,
) -> np.ndarray:
    """Gradient of :func:`max_pool`: every input equal to its window's maximum gets it."""
    check_shapes(
        "max_pool", _pooled_shape(x.shape, size, stride, pad, ignore_border), y.shape, g.shape
    )
    gx = np.zeros_like(x)
    if relu:
        g = np.where(y > 0, g, 0)
    for out, cell in _window_slices(x.shape, size, stride, pad, ignore_border):
        gx[cell] += np.where(x[cell] == y[out], g[out], 0)
    return gx


def _window_counts(shape, size, stride, pad, ignore_border, include_pad, dtype) -> np.ndarray:
    """Number of values that each output is the mean of, ``(rows, columns)``."""
    counts = []
    for a in (0, 1):
        length = shape[2 + a]
        n = pool_output_length(length, size[a], stride[a], pad[a], ignore_border) or 0
        start = np.arange(n) * stride[a] - pad[a]
        lowest, highest = (-pad[a], length + pad[a]) if include_pad else (0, length)
        counts.append(np.minimum(start + size[a], highest) - np.maximum(start, lowest))
    return np.maximum(np.multiply.outer(*counts), 1).astype(dtype)


def average_pool(
    x: np.ndarray,
    size: Pair,
    stride: Pair,
    pad: Pair = (0, 0),
    ignore_border: bool = True,
    include_pad: bool = True,
) -> np.ndarray:
    """Mean of every window, with or without the padding."""
    y = np.zeros(_pooled_shape(x.shape, size, stride, pad, ignore_border), x.dtype)
    for out, cell in _window_slices(x.shape, size, stride, pad, ignore_border):
        y[out] += x[cell]
    y /= _window_counts(x.shape, size, stride, pad, ignore_border, include_pad, x.dtype)
    return y


def average_pool_grad(
    input_shape: tuple[int, ...],
    g: np.ndarray,
    size: Pair,
    stride: Pair,
    pad: Pair = (0, 0),
    ignore_border: bool = True,
    include_pad: bool = True,
) -> np.ndarray:
    """Gradient of :func:`average_pool`."""
    gx = np.zeros(input_shape, g.dtype)
    g = g / _window_counts(input_shape, size, stride, pad, ignore_border, include_pad, g.dtype)
    for out, cell in _window_slices(input_shape, size, stride, pad, ignore_border):
        gx[cell] += g[out]
    return gx


def _cells(y: np.ndarray) -> list[np.ndarray]:
    """Views of the four cells of all 2 x 2 windows."""
    rows, columns = y.shape[2] // 2 * 2, y.shape[3] // 2 * 2
    return [y[:, :, i:rows:2, j:columns:2] for i in (0, 1) for j in (0, 1)]


def pool_winners(y: np.ndarray, pooled: np.ndarray, relu: bool) -> np.ndarray:
    """Byte per 2 x 2 window: bit ``2 * row + column`` where that cell equals the maximum.

    With `relu`, windows whose maximum is not positive get none.
    """
    winners = np.zeros(pooled.shape, np.uint8)
    for bit, cell in enumerate(_cells(y)):
        winners |= (cell == pooled).astype(np.uint8) << bit
    return np.where(pooled > 0, winners, 0).astype(np.uint8) if relu else winners


def spread_winners(g: np.ndarray, winners: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Give every winner its window's gradient."""
    spread = np.zeros((*g.shape[:2], rows, columns), g.dtype)
    for bit, cell in enumerate(_cells(spread)):
        cell[...] = np.where(winners >> bit & 1, g, 0)
    return spread
