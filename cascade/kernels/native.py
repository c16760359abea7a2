"""The compiled kernels, called through ctypes, which releases the GIL.

The number in a function's name is the version of its interface: a library of another version does
not have it and is refused.
"""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lasagnette.ops import kernels
from nets.scaling import Scaling

__all__ = ["ABI", "NativeFrames", "NativeSweep"]

ABI = 1

_POINTER, _INTEGER = ctypes.c_void_p, ctypes.c_int64


class NativeSweep:
    """A first net evaluated on all windows of a level, from a compiled library.

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
        self._sweep = getattr(ctypes.CDLL(str(path)), f"cascade{ABI}_sweep")
        real = ctypes.c_float
        arrays = [_POINTER, _POINTER, _INTEGER, _POINTER]
        self._sweep.argtypes = [_POINTER, *[_INTEGER] * 6, real, real, *arrays]
        self._sweep.restype = None

    def __call__(
        self,
        image: NDArray[np.uint8],
        stride: int,
        scaling: Scaling,
        shape: NDArray[np.int64],
        weights: NDArray[np.float32],
        out: NDArray[np.float32],
    ) -> None:
        """Write the logits of all windows.

        Parameters
        ----------
        image : uint8 array (3, rows, columns)
            Not necessarily contiguous.
        stride : int
            Even.
        scaling : Scaling
        shape, weights
            From `cascade.sweep`: the net, packed.
        out : float32 array (windows, classes)
            Contiguous; windows row by row, those flush with the border included.
        """
        channel, row, column = image.strides
        self._sweep(
            image.ctypes.data,
            *image.shape[1:],
            row,
            column,
            channel,
            stride,
            scaling.mean,
            scaling.scale,
            shape.ctypes.data,
            weights.ctypes.data,
            kernels.get_threads(),
            out.ctypes.data,
        )


class NativeFrames:
    """`cascade.kernels.suppress` from a compiled library.

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
        self._suppress = getattr(ctypes.CDLL(str(path)), f"cascade{ABI}_suppress")
        numbers = [_INTEGER, _INTEGER, ctypes.c_double]
        self._suppress.argtypes = [_POINTER, _POINTER, *numbers, _POINTER]
        self._suppress.restype = ctypes.c_int

    def suppress(
        self, sides: np.ndarray, ends: np.ndarray, threshold: float, iou: bool
    ) -> np.ndarray:
        """See `cascade.kernels.suppress`."""
        sides = np.ascontiguousarray(sides, np.float64)
        ends = np.ascontiguousarray(ends, np.int64)
        owner = np.empty(len(ends), np.int64)
        arrays = sides.ctypes.data, ends.ctypes.data, len(ends)
        if self._suppress(*arrays, int(iou), threshold, owner.ctypes.data):
            raise MemoryError(f"no memory to filter {len(ends)!r} frames")
        return owner
