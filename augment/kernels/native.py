"""The compiled kernel, called through ctypes, which releases the GIL.

The number in the function's name is the version of its interface: a library of another version
does not have it and is refused.
"""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np

__all__ = ["ABI", "NativeCrop"]

ABI = 1


class NativeCrop:
    """`augment.kernels.cut` from a compiled library.

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
        self._crop = getattr(ctypes.CDLL(str(path)), f"augment{ABI}_crop")
        pointer, integer = ctypes.c_void_p, ctypes.c_int64
        self._crop.argtypes = [pointer, pointer, integer, integer, pointer]
        self._crop.restype = ctypes.c_int

    def cut(self, pictures: np.ndarray, maps: np.ndarray, side: int, out: np.ndarray) -> None:
        """See `augment.kernels.cut`."""
        pictures = np.ascontiguousarray(pictures, np.int64)
        maps = np.ascontiguousarray(maps, np.float64)
        arrays = pictures.ctypes.data, maps.ctypes.data, len(maps), side, out.ctypes.data
        if self._crop(*arrays):
            raise MemoryError(f"no memory for crops of {side!r} pixels")
