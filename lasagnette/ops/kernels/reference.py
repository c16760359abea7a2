"""The kernels in NumPy: what runs where no compiled kernels are, and what tests hold them to.

Convolutions gather patches into matrices (im2col) in chunks and multiply with BLAS. Every
function takes and returns arrays of one type, float32 or float64, and correlates.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from lasagnette.ops.kernels.reference_norm import (
    batch_norm_grad,
    batch_norm_pool_grad,
    batch_statistics,
    normalize,
    normalize_pool,
)
from lasagnette.ops.kernels.reference_pool import (
    average_pool,
    average_pool_grad,
    max_pool,
    max_pool_grad,
    pool_winners,
    spread_winners,
)
from lasagnette.ops.shapes import check_conv, check_shapes, conv_output_shape

__all__ = [
    "average_pool",
    "average_pool_grad",
    "batch_norm_grad",
    "batch_norm_pool_grad",
    "batch_statistics",
    "conv2d",
    "conv2d_grad_input",
    "conv2d_grad_weights",
    "conv2d_pool",
    "conv2d_pool_grad_input",
    "conv2d_pool_grad_weights",
    "dropout_mask",
    "mask_threshold",
    "max_pool",
    "max_pool_grad",
    "normalize",
    "normalize_pool",
]

Pair = tuple[int, int]
Padding = tuple[int, int, int, int]

# Values in one gathered matrix: large enough for BLAS, small enough for the caches.
CHUNK = 1 << 21


def _padded(x: np.ndarray, pad: Padding) -> np.ndarray:
    top, bottom, left, right = pad
    return np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right))) if any(pad) else x


def _patches(x: np.ndarray, filter_size: Pair, stride: Pair, dilation: Pair) -> np.ndarray:
    """View ``(batch, channels, rows, columns, filter rows, filter columns)``."""
    reach = ((filter_size[0] - 1) * dilation[0] + 1, (filter_size[1] - 1) * dilation[1] + 1)
    lengths = [max(0, x.shape[2 + a] - reach[a] + stride[a]) // stride[a] for a in (0, 1)]
    if 0 in lengths:
        return np.empty((*x.shape[:2], *lengths, *filter_size), x.dtype)
    view = sliding_window_view(x, reach, axis=(2, 3))
    return view[:, :, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]


def _chunks(batch: int, values_per_image: int) -> Iterator[slice]:
    step = max(1, CHUNK // max(1, values_per_image))
    return (slice(i, i + step) for i in range(0, batch, step))


def _parts(count: int, groups: int) -> list[slice]:
    """Cut `count` channels or filters into equal parts."""
    size = count // groups
    return [slice(i * size, (i + 1) * size) for i in range(groups)]


def conv2d(
    x: np.ndarray,
    w: np.ndarray,
    bias: np.ndarray | None = None,
    *,
    pad: Padding = (0, 0, 0, 0),
    stride: Pair = (1, 1),
    dilation: Pair = (1, 1),
    groups: int = 1,
    relu: bool = False,
) -> np.ndarray:
    """Correlate; see :func:`lasagnette.ops.kernels.conv2d`."""
    how: Any = {"pad": pad, "stride": stride, "dilation": dilation, "groups": groups}
    check_conv(x.shape, w.shape, None if bias is None else bias.shape, **how)
    filters, _, fr, fc = w.shape
    patches = _patches(_padded(x, pad), (fr, fc), stride, dilation)
    batch, _, rows, columns = patches.shape[:4]
    y = np.empty((batch, filters, rows, columns), x.dtype)
    for inner, outer in zip(_parts(x.shape[1], groups), _parts(filters, groups), strict=True):
        matrix = w[outer].reshape(filters // groups, math.prod(w.shape[1:]))
        for part in _chunks(batch, matrix.shape[1] * rows * columns):
            gathered = patches[part, inner].transpose(0, 1, 4, 5, 2, 3)
            gathered = gathered.reshape(len(gathered), matrix.shape[1], rows * columns)
            product = np.matmul(matrix, gathered)
            y[part, outer] = product.reshape(len(gathered), len(matrix), rows, columns)
    if bias is not None:
        y += bias[:, None, None]
    return np.maximum(y, 0, out=y) if relu else y


def conv2d_grad_input(
    w: np.ndarray,
    g: np.ndarray,
    input_shape: tuple[int, ...],
    *,
    pad: Padding = (0, 0, 0, 0),
    stride: Pair = (1, 1),
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> np.ndarray:
    """Gradient for the input; see :func:`lasagnette.ops.kernels.conv2d_grad_input`."""
    how: Any = {"pad": pad, "stride": stride, "dilation": dilation, "groups": groups}
    check_conv(tuple(input_shape), w.shape, g=g.shape, **how)
    filters, channels, fr, fc = w.shape
    batch, all_channels, rows, columns = input_shape
    top, bottom, left, right = pad
    gr, gc = g.shape[2:]
    gx = np.zeros((batch, all_channels, rows + top + bottom, columns + left + right), g.dtype)
    for inner, outer in zip(_parts(all_channels, groups), _parts(filters, groups), strict=True):
        matrix = w[outer].reshape(filters // groups, math.prod(w.shape[1:])).T
        for part in _chunks(batch, matrix.shape[0] * gr * gc):
            part_g = g[part, outer].reshape(len(g[part]), filters // groups, gr * gc)
            spread = np.matmul(matrix, part_g).reshape(len(part_g), channels, fr, fc, gr, gc)
            for i, j in np.ndindex(fr, fc):
                row, column = i * dilation[0], j * dilation[1]
                rows_ij = slice(row, row + gr * stride[0], stride[0])
                columns_ij = slice(column, column + gc * stride[1], stride[1])
                gx[part, inner, rows_ij, columns_ij] += spread[:, :, i, j]
    return np.ascontiguousarray(gx[:, :, top : top + rows, left : left + columns])


def conv2d_grad_weights(
    x: np.ndarray,
    g: np.ndarray,
    filter_shape: tuple[int, ...],
    *,
    pad: Padding = (0, 0, 0, 0),
    stride: Pair = (1, 1),
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """Gradients for filters and bias; see :func:`lasagnette.ops.kernels.conv2d_grad_weights`."""
    how: Any = {"pad": pad, "stride": stride, "dilation": dilation, "groups": groups}
    check_conv(x.shape, tuple(filter_shape), g=g.shape, **how)
    filters, channels, fr, fc = filter_shape
    patches = _patches(_padded(x, pad), (fr, fc), stride, dilation)
    gw = np.zeros((filters, channels * fr * fc), x.dtype)
    for inner, outer in zip(_parts(x.shape[1], groups), _parts(filters, groups), strict=True):
        for part in _chunks(x.shape[0], gw.shape[1] * g.shape[2] * g.shape[3]):
            pixels = len(g[part]) * g.shape[2] * g.shape[3]
            gathered = patches[part, inner].transpose(1, 4, 5, 0, 2, 3)
            gradients = g[part, outer].transpose(1, 0, 2, 3).reshape(filters // groups, pixels)
            gw[outer] += gradients @ gathered.reshape(gw.shape[1], pixels).T
    return gw.reshape(filter_shape), g.sum(axis=(0, 2, 3), dtype=g.dtype)


def conv2d_pool(
    x: np.ndarray,
    w: np.ndarray,
    bias: np.ndarray | None = None,
    *,
    relu: bool = False,
    winners: bool = False,
    **geometry: Any,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Convolve and pool; see :func:`lasagnette.ops.kernels.conv2d_pool`."""
    y = conv2d(x, w, bias, relu=relu, **geometry)
    pooled = max_pool(y, (2, 2), (2, 2))
    return pooled, pool_winners(y, pooled, relu) if winners else None


def conv2d_pool_grad_input(
    w: np.ndarray,
    g: np.ndarray,
    winners: np.ndarray,
    input_shape: tuple[int, ...],
    *,
    pad: Padding = (0, 0, 0, 0),
    stride: Pair = (1, 1),
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> np.ndarray:
    """Gradient for the input; see :func:`lasagnette.ops.kernels.conv2d_pool_grad_input`."""
    shape = conv_output_shape(input_shape, w.shape, pad, stride, dilation)
    pooled = (*shape[:2], shape[2] // 2, shape[3] // 2)
    check_shapes("conv2d_pool", pooled, g.shape, winners.shape)
    spread = spread_winners(g, winners, *shape[2:])
    return conv2d_grad_input(
        w, spread, input_shape, pad=pad, stride=stride, dilation=dilation, groups=groups
    )


def conv2d_pool_grad_weights(
    x: np.ndarray,
    g: np.ndarray,
    winners: np.ndarray,
    filter_shape: tuple[int, ...],
    *,
    pad: Padding = (0, 0, 0, 0),
    stride: Pair = (1, 1),
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """Gradients for filters, bias; see :func:`lasagnette.ops.kernels.conv2d_pool_grad_weights`."""
    shape = conv_output_shape(x.shape, filter_shape, pad, stride, dilation)
    pooled = (*shape[:2], shape[2] // 2, shape[3] // 2)
    check_shapes("conv2d_pool", pooled, g.shape, winners.shape)
    spread = spread_winners(g, winners, *shape[2:])
    return conv2d_grad_weights(
        x, spread, filter_shape, pad=pad, stride=stride, dilation=dilation, groups=groups
    )


def dropout_mask(
    shape: tuple[int, ...], dtype: np.dtype | str, p: float, key: int, counter: int
) -> np.ndarray:
    """Mask of 0 or ``1 / (1 - p)``, a function of key, counter and position alone."""
    low, high = _mask_words(key, counter)
    z = np.arange(int(np.prod(shape)), dtype=np.uint32) + np.uint32(low)
    z = ((z ^ (z >> np.uint32(16))) * np.uint32(0x7FEB352D)) ^ np.uint32(high)
    z = (z ^ (z >> np.uint32(15))) * np.uint32(0x846CA68B)
    z ^= z >> np.uint32(16)
    dtype = np.dtype(dtype)
    keep = (z >= np.uint32(mask_threshold(p))).astype(dtype)
    return (keep * dtype.type(1 / (1 - p))).reshape(shape)


def mask_threshold(p: float) -> int:
    """The 32-bit number below which a hash means 0."""
    return min(int(p * 2**32), 2**32 - 1)


def _mask_words(key: int, counter: int) -> tuple[int, int]:
    """Two 32-bit words mixed from key and counter (SplitMix64)."""
    z = (int(key) * 0x9E3779B97F4A7C15 + int(counter) * 0xD1B54A32D192ED03) & (2**64 - 1)
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & (2**64 - 1)
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & (2**64 - 1)
    z ^= z >> 31
    return z & 0xFFFFFFFF, z >> 32
