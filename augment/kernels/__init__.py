"""The kernel that cuts crops: compiled where possible, NumPy elsewhere, with the same bytes.

``LASAGNETTE_KERNELS=numpy`` forces the NumPy version; the other names of that variable choose
among the layer library's kernels and change nothing here.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from augment.kernels import reference
from augment.kernels.native import NativeCrop

__all__ = ["cut", "describe", "load"]

_native: NativeCrop | None = None
_reason = ""


def _compiled() -> Path | None:
    """Path of the library; of several (builds of other Pythons) the newest."""
    found = sorted(Path(__file__).parent.glob("_crop.*so"), key=lambda path: path.stat().st_mtime)
    return found[-1] if found else None


def load(name: str | None = None) -> str:
    """Choose the kernel for this process and return its name, 'compiled' or 'numpy'.

    Parameters
    ----------
    name : str, optional
        'numpy' forces the NumPy version; anything else takes the compiled one where there is one.
        Default: ``LASAGNETTE_KERNELS``.
    """
    global _native, _reason
    _native, path = None, _compiled()
    if (name or os.environ.get("LASAGNETTE_KERNELS")) == "numpy":
        _reason = "asked for by name"
    elif path is None:
        _reason = "no compiled kernel: install with a C++ compiler (g++) to get it"
    else:
        try:
            _native = NativeCrop(path)
        except (OSError, AttributeError) as error:
            _reason = f"{path.name} cannot be loaded: {error}"
            warnings.warn(
                f"crops: {path.name} cannot be used ({error}); "
                "reinstall the package to compile it again",
                RuntimeWarning,
                stacklevel=2,
            )
    return describe()["name"]


def describe() -> dict[str, Any]:
    """What cuts crops here: its name, and the reason where it is NumPy."""
    if _native is None:
        return {"name": "numpy", "reason": _reason}
    return {"name": "compiled", "reason": ""}


def cut(
    pictures: np.ndarray, maps: np.ndarray, side: int, out: np.ndarray | None = None
) -> np.ndarray:
    """Cut one crop for each map out of pictures that stay in memory during the call.

    Crops are sampled on a grid twice as fine as their pixels, bilinearly, the outermost pixels
    repeated beyond the border; the mean of two by two samples is a pixel. Places of samples are
    rounded to 1/128 of a pixel; nothing else is, before the result.

    Parameters
    ----------
    pictures : numpy.ndarray
        int64 ``(n, 3)``: address of the first byte, rows, columns of uint8
        ``(rows, columns, 3)`` without gaps; sides from 1 to ``2 ** 31 - 1``.
    maps : numpy.ndarray
        float64 ``(n, 6)``: x0, xu, xv, y0, yu, yv. The sample at u, v, both from -1/2 to 1/2 over
        the crop, lies at ``x0 + xu * u + xv * v``, ``y0 + yu * u + yv * v``, counted in pixels from
        the centre of the first.
    side : int
        Rows and columns of a crop.
    out : numpy.ndarray, optional
        uint8 ``(n, 3, side, side)``, contiguous: where to write; by default a new array.

    Returns
    -------
    numpy.ndarray
        uint8 ``(n, 3, side, side)``.

    Raises
    ------
    ValueError
        If `out` is not as said.
    """
    shape = (len(maps), 3, side, side)
    if out is None:
        out = np.empty(shape, np.uint8)
    elif out.shape != shape or out.dtype != np.uint8 or not out.flags.c_contiguous:
        raise ValueError(
            f"cut: out must be contiguous uint8 of shape {shape!r}; got {out.dtype} of shape "
            f"{out.shape!r}"
        )
    (_native or reference).cut(pictures, maps, side, out)
    return out


load()
