"""The compiled kernels, called through ctypes on NumPy arrays.

Each library holds the same functions for one instruction set. The number in the functions'
names is the version of their interface: it rises with every change of a signature, so that code
compiled against an older one (a cache of Numba's, say) never finds a function that it would
call wrongly.
"""

from __future__ import annotations

import ctypes
import math
from pathlib import Path
from typing import Any

import numpy as np

from lasagnette.ops.kernels import reference
from lasagnette.ops.shapes import (
    check_channels,
    check_conv,
    check_shapes,
    conv_output_shape,
    pool_output_length,
)

__all__ = ["ABI", "ARGUMENTS", "NativeKernels", "symbol"]

ABI = 2

NO_PAD = (0, 0, 0, 0)
_SUFFIX = {"float32": "f32", "float64": "f64"}
ARGUMENTS = {  # function: number of array arguments, then of integer arguments
    "conv2d": (4, 17),
    "conv2d_grad_input": (3, 16),
    "conv2d_grad_weights": (4, 16),
    "conv2d_pool": (5, 17),
    "conv2d_pool_grad_input": (4, 16),
    "conv2d_pool_grad_weights": (5, 16),
    "max_pool": (2, 11),
    "max_pool_grad": (4, 12),
    "average_pool": (2, 12),
    "average_pool_grad": (2, 12),
    "batch_statistics": (3, 3),
    "normalize": (5, 4),
    "normalize_pool": (6, 5),
    "batch_norm_grad": (9, 4),
    "batch_norm_pool_grad": (10, 4),
}


def symbol(function: str, dtype: str) -> str:
    """Name of a kernel in the library, for 'float32' or 'float64'."""
    return f"lasagnette{ABI}_{function}_{_SUFFIX[dtype]}"


def _pointer(array: np.ndarray | None) -> int | None:
    return None if array is None else array.ctypes.data


def _channels(x: np.ndarray) -> tuple[int, int, int]:
    """Batch, channels, positions."""
    return x.shape[0], x.shape[1], math.prod(x.shape[2:])


class NativeKernels:
    """The functions of :mod:`lasagnette.ops.kernels.reference`, from a compiled library.

    Parameters
    ----------
    path : Path
        The library.

    Raises
    ------
    OSError
        If it cannot be loaded.
    AttributeError
        If it has another interface version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        library = ctypes.CDLL(str(path))
        self._functions: dict[str, Any] = {}
        for name, (arrays, integers) in ARGUMENTS.items():
            types = [ctypes.c_void_p] * arrays + [ctypes.c_int64] * integers
            self._declare(library, name, types)
        int64, double = ctypes.c_int64, ctypes.c_double
        mask = [ctypes.c_void_p, int64, int64, double, int64, int64]
        self._declare(library, "dropout_mask", mask)
        self._set_threads = getattr(library, f"lasagnette{ABI}_set_threads")
        self._set_threads.argtypes, self._set_threads.restype = [int64], None
        self.keep_memory = getattr(library, f"lasagnette{ABI}_keep_memory")
        self.keep_memory.argtypes, self.keep_memory.restype = [], None

    def _declare(self, library: ctypes.CDLL, name: str, types: list[Any]) -> None:
        for dtype in _SUFFIX:
            function = getattr(library, symbol(name, dtype))
            function.argtypes, function.restype = types, None
            self._functions[name + dtype] = function

    def _call(self, name: str, dtype: np.dtype, *args: Any) -> None:
        types = {a.dtype.str for a in args if isinstance(a, np.ndarray) and a.dtype != np.uint8}
        if types not in ({np.dtype("float32").str}, {np.dtype("float64").str}):
            raise TypeError(
                f"{name}: the arrays must all be float32 or all float64, in the machine's own byte "
                f"order, got {sorted(types)!r}"
            )
        self._functions[name + dtype.name](
            *(_pointer(a) if a is None or isinstance(a, np.ndarray) else a for a in args)
        )

    def set_threads(self, count: int) -> None:
        """Use up to `count` threads."""
        self._set_threads(count)

    @staticmethod
    def _conv(x, w, y, pad, stride, dilation, groups) -> tuple[int, ...]:
        """Return the kernels' geometry arguments, from the shapes of input, filters, output."""
        return (*x, w[0], *w[2:], *y[2:], groups, *stride, *dilation, pad[0], pad[2])

    def conv2d(
        self, x, w, bias=None, *, pad=NO_PAD, stride=(1, 1), dilation=(1, 1), groups=1, relu=False
    ):
        x, w = np.ascontiguousarray(x), np.ascontiguousarray(w)
        bias = None if bias is None else np.ascontiguousarray(bias)
        how = {"pad": pad, "stride": stride, "dilation": dilation, "groups": groups}
        check_conv(x.shape, w.shape, None if bias is None else bias.shape, **how)
        y = np.empty(conv_output_shape(x.shape, w.shape, pad, stride, dilation), x.dtype)
        geometry = self._conv(x.shape, w.shape, y.shape, pad, stride, dilation, groups)
        self._call("conv2d", x.dtype, x, w, bias, y, *geometry, int(relu))
        return y

    def conv2d_grad_input(
        self, w, g, input_shape, *, pad=NO_PAD, stride=(1, 1), dilation=(1, 1), groups=1
    ):
        w, g = np.ascontiguousarray(w), np.ascontiguousarray(g)
        how = {"pad": pad, "stride": stride, "dilation": dilation, "groups": groups}
        check_conv(tuple(input_shape), w.shape, g=g.shape, **how)
        gx = np.empty(input_shape, g.dtype)
        geometry = self._conv(input_shape, w.shape, g.shape, pad, stride, dilation, groups)
        self._call("conv2d_grad_input", g.dtype, w, g, gx, *geometry)
        return gx

    def conv2d_grad_weights(
        self, x, g, filter_shape, *, pad=NO_PAD, stride=(1, 1), dilation=(1, 1), groups=1
    ):
        x, g = np.ascontiguousarray(x), np.ascontiguousarray(g)
        how = {"pad": pad, "stride": stride, "dilation": dilation, "groups": groups}
        check_conv(x.shape, tuple(filter_shape), g=g.shape, **how)
        gw, gb = np.empty(filter_shape, x.dtype), np.empty(filter_shape[0], x.dtype)
        geometry = self._conv(x.shape, filter_shape, g.shape, pad, stride, dilation, groups)
        self._call("conv2d_grad_weights", x.dtype, x, g, gw, gb, *geometry)
        return gw, gb

    def conv2d_pool(
        self,
        x,
        w,
        bias=None,
        *,
        pad=NO_PAD,
        stride=(1, 1),
        dilation=(1, 1),
        groups=1,
        relu=False,
        winners=False,
    ):
        x, w = np.ascontiguousarray(x), np.ascontiguousarray(w)
        bias = None if bias is None else np.ascontiguousarray(bias)
        how = {"pad": pad, "stride": stride, "dilation": dilation, "groups": groups}
        check_conv(x.shape, w.shape, None if bias is None else bias.shape, **how)
        y = conv_output_shape(x.shape, w.shape, pad, stride, dilation)
        pooled = np.empty((*y[:2], y[2] // 2, y[3] // 2), x.dtype)
        cells = np.empty(pooled.shape, np.uint8) if winners else None
        geometry = self._conv(x.shape, w.shape, y, pad, stride, dilation, groups)
        self._call("conv2d_pool", x.dtype, x, w, bias, pooled, cells, *geometry, int(relu))
        return pooled, cells

    def conv2d_pool_grad_input(
        self, w, g, winners, input_shape, *, pad=NO_PAD, stride=(1, 1), dilation=(1, 1), groups=1
    ):
        w, g, winners = map(np.ascontiguousarray, (w, g, winners))
        how = {"pad": pad, "stride": stride, "dilation": dilation, "groups": groups}
        check_conv(tuple(input_shape), w.shape, **how)
        y = conv_output_shape(input_shape, w.shape, pad, stride, dilation)
        check_shapes("conv2d_pool", (*y[:2], y[2] // 2, y[3] // 2), g.shape, winners.shape)
        gx = np.empty(input_shape, g.dtype)
        geometry = self._conv(input_shape, w.shape, y, pad, stride, dilation, groups)
        self._call("conv2d_pool_grad_input", g.dtype, w, g, winners, gx, *geometry)
        return gx

    def conv2d_pool_grad_weights(
        self, x, g, winners, filter_shape, *, pad=NO_PAD, stride=(1, 1), dilation=(1, 1), groups=1
    ):
        x, g, winners = map(np.ascontiguousarray, (x, g, winners))
        how = {"pad": pad, "stride": stride, "dilation": dilation, "groups": groups}
        check_conv(x.shape, tuple(filter_shape), **how)
        y = conv_output_shape(x.shape, filter_shape, pad, stride, dilation)
        check_shapes("conv2d_pool", (*y[:2], y[2] // 2, y[3] // 2), g.shape, winners.shape)
        gw, gb = np.empty(filter_shape, x.dtype), np.empty(filter_shape[0], x.dtype)
        geometry = self._conv(x.shape, filter_shape, y, pad, stride, dilation, groups)
        self._call("conv2d_pool_grad_weights", x.dtype, x, g, winners, gw, gb, *geometry)
        return gw, gb

    @staticmethod
    def _pool(shape, size, stride, pad, ignore_border) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the pooled shape and the kernels' geometry arguments."""
        out = tuple(
            pool_output_length(shape[2 + a], size[a], stride[a], pad[a], ignore_border)
            for a in (0, 1)
        )
        maps = shape[0] * shape[1]
        return (*shape[:2], *out), (maps, *shape[2:], *out, *size, *stride, *pad)

    def max_pool(self, x, size, stride, pad=(0, 0), ignore_border=True):
        x = np.ascontiguousarray(x)
        shape, geometry = self._pool(x.shape, size, stride, pad, ignore_border)
        y = np.empty(shape, x.dtype)
        self._call("max_pool", x.dtype, x, y, *geometry)
        return y

    def max_pool_grad(self, x, y, g, size, stride, pad=(0, 0), ignore_border=True, relu=False):
        x, y, g = (np.ascontiguousarray(a) for a in (x, y, g))
        shape, geometry = self._pool(x.shape, size, stride, pad, ignore_border)
        check_shapes("max_pool", shape, y.shape, g.shape)
        gx = np.empty_like(x)
        self._call("max_pool_grad", x.dtype, x, y, g, gx, *geometry, int(relu))
        return gx

    def average_pool(self, x, size, stride, pad=(0, 0), ignore_border=True, include_pad=True):
        x = np.ascontiguousarray(x)
        shape, geometry = self._pool(x.shape, size, stride, pad, ignore_border)
        y = np.empty(shape, x.dtype)
        self._call("average_pool", x.dtype, x, y, *geometry, int(include_pad))
        return y

    def average_pool_grad(
        self, input_shape, g, size, stride, pad=(0, 0), ignore_border=True, include_pad=True
    ):
        g = np.ascontiguousarray(g)
        shape, geometry = self._pool(input_shape, size, stride, pad, ignore_border)
        check_shapes("average_pool", shape, g.shape)
        gx = np.empty(input_shape, g.dtype)
        self._call("average_pool_grad", g.dtype, g, gx, *geometry, int(include_pad))
        return gx

    def batch_statistics(self, x):
        x = np.ascontiguousarray(x)
        mean, variance = np.empty(x.shape[1], x.dtype), np.empty(x.shape[1], x.dtype)
        self._call("batch_statistics", x.dtype, x, mean, variance, *_channels(x))
        return mean, variance

    def normalize(self, x, mean, scale, shift, *, relu=False):
        x, mean, scale, shift = map(np.ascontiguousarray, (x, mean, scale, shift))
        check_channels(x.shape, mean.shape, scale.shape, shift.shape)
        y = np.empty_like(x)
        self._call("normalize", x.dtype, x, mean, scale, shift, y, *_channels(x), int(relu))
        return y

    def normalize_pool(self, x, mean, scale, shift, *, relu=False, winners=False):
        x, mean, scale, shift = map(np.ascontiguousarray, (x, mean, scale, shift))
        check_channels(x.shape, mean.shape, scale.shape, shift.shape)
        pooled = np.empty((*x.shape[:2], x.shape[2] // 2, x.shape[3] // 2), x.dtype)
        cells = np.empty(pooled.shape, np.uint8) if winners else None
        arrays = (x, mean, scale, shift, pooled, cells)
        self._call("normalize_pool", x.dtype, *arrays, *x.shape, int(relu))
        return pooled, cells

    def batch_norm_grad(self, x, g, mean, scale, shift, inv_std, *, relu=False):
        inputs = tuple(map(np.ascontiguousarray, (x, g, mean, scale, shift, inv_std)))
        check_shapes("batch_norm_grad", x.shape, g.shape)
        check_channels(x.shape, *(v.shape for v in inputs[2:]))
        results = np.empty_like(inputs[0]), np.empty_like(inputs[2]), np.empty_like(inputs[2])
        self._call("batch_norm_grad", x.dtype, *inputs, *results, *_channels(x), int(relu))
        return results

    def batch_norm_pool_grad(self, x, g, winners, mean, scale, shift, inv_std):
        inputs = tuple(map(np.ascontiguousarray, (x, g, winners, mean, scale, shift, inv_std)))
        pooled = (*x.shape[:2], x.shape[2] // 2, x.shape[3] // 2)
        check_shapes("batch_norm_pool_grad", pooled, g.shape, winners.shape)
        check_channels(x.shape, *(v.shape for v in inputs[3:]))
        results = np.empty_like(inputs[0]), np.empty_like(inputs[3]), np.empty_like(inputs[3])
        self._call("batch_norm_pool_grad", x.dtype, *inputs, *results, *x.shape)
        return results

    def dropout_mask(self, shape, dtype, p, key, counter):
        dtype = np.dtype(dtype)
        out = np.empty(shape, dtype)
        threshold = reference.mask_threshold(p)
        self._call("dropout_mask", dtype, out, out.size, threshold, 1 / (1 - p), key, counter)
        return out
