"""Kernels of the cascade: the first net on a whole level, and the filtering of frames.

They are compiled where possible, and follow the choice of the layers' kernels in
`lasagnette.ops.kernels`: the instruction set, the number of threads, and NumPy where those compute
in NumPy. Frames are filtered alike by both; a level has no NumPy kernel, its windows are cut.
"""

from __future__ import annotations

import warnings
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from cascade.kernels import reference
from cascade.kernels.native import NativeFrames, NativeSweep
from lasagnette.ops import kernels

__all__ = ["compiled_sweep", "describe", "suppress"]

Native = TypeVar("Native", NativeFrames, NativeSweep)


def compiled_sweep() -> NativeSweep | None:
    """Return what evaluates a first net on a level; None where windows have to be cut."""
    library = kernels.library()
    if library is None:
        return None
    return _load(NativeSweep, "_sweep" + library.name.split(".")[0])


def describe() -> dict[str, str]:
    """What computes here, 'compiled' or 'numpy', by kernel."""
    found = {"sweep": compiled_sweep(), "suppress": _compiled_frames()}
    return {name: "compiled" if one is not None else "numpy" for name, one in found.items()}


def suppress(sides: np.ndarray, ends: np.ndarray, threshold: float, iou: bool) -> np.ndarray:
    """Filter frames greedily.

    Parameters
    ----------
    sides : float64 array (5, n)
        Left, top, right, bottom and area of every frame, group after group, each by falling score.
    ends : int64 array (n,)
        Number of the first frame after those of its own group.
    threshold : float
        A frame is dropped when its overlap with a kept one is greater.
    iou : bool
        Overlap is intersection over union, or over the smaller of the two areas.

    Returns
    -------
    int64 array (n,)
        Number of the frame that each one yields to; its own if it is kept.
    """
    return (_compiled_frames() or reference).suppress(sides, ends, threshold, iou)


def _compiled_frames() -> NativeFrames | None:
    return None if kernels.library() is None else _load(NativeFrames, "_frames")


@cache
def _load(kind: type[Native], name: str) -> Native | None:
    """Load a library; of several (builds of other Pythons) the newest. None if there is none."""
    folder = Path(__file__).parent
    found: list[Any] = sorted(folder.glob(f"{name}.*so"), key=lambda path: path.stat().st_mtime)
    if not found:
        return None
    try:
        return kind(found[-1])
    except (OSError, AttributeError) as error:
        warnings.warn(
            f"cascade: {found[-1].name} cannot be used ({error}); "
            "reinstall the package to compile it again",
            RuntimeWarning,
            stacklevel=2,
        )
        return None
