"""Geometry of frames: float32 ``(n, 4)`` arrays of ``x, y, width, height`` in pixels.

A frame covers ``x <= u < x + width`` in continuous coordinates, where pixel 0 reaches from 0 to 1.
"""

from __future__ import annotations

import math

import numpy as np

__all__ = [
    "as_frames",
    "centres",
    "ellipse_to_square",
    "iou_matrix",
    "overlap_min_matrix",
    "to_squares",
]


def as_frames(values: object) -> np.ndarray:
    """Check and convert to a float32 ``(n, 4)`` array; an empty list gives ``(0, 4)``.

    Raises
    ------
    ValueError
        If the values are not rows of four numbers.
    """
    frames = np.asarray(values, np.float32)
    if frames.size == 0:
        return frames.reshape(0, 4)
    if frames.ndim != 2 or frames.shape[1] != 4:
        raise ValueError(f"frames are rows of x, y, width, height; got shape {frames.shape!r}")
    return frames


def ellipse_to_square(
    major: float, minor: float, angle: float, x: float, y: float
) -> tuple[float, float, float, float]:
    """Square of the same area and centre as an FDDB ellipse.

    Equal area is the convention that agrees with the Viola-Jones squares behind LFW; the tilt of
    the ellipse has no influence.

    Parameters
    ----------
    major, minor : float
        Semi-axes in pixels.
    angle : float
        Tilt of the major axis in radians; unused, so that an FDDB row can be passed as it stands.
    x, y : float
        Centre in pixels.

    Returns
    -------
    tuple of float
        ``x, y, width, height`` with ``width == height == sqrt(pi * major * minor)``.
    """
    side = math.sqrt(math.pi * major * minor)
    return x - side / 2, y - side / 2, side, side


def to_squares(frames: np.ndarray) -> np.ndarray:
    """Squares of the same area and centre as the frames, float32 ``(n, 4)``."""
    frames = as_frames(frames)
    side = np.sqrt(frames[:, 2] * frames[:, 3])
    corners = centres(frames) - side[:, None] / 2
    return np.column_stack([corners, side, side])


def centres(frames: np.ndarray) -> np.ndarray:
    """Centres of frames ``(..., 4)`` as ``(..., 2)``: x, y."""
    return frames[..., :2] + frames[..., 2:] / 2


def iou_matrix(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of every frame of ``a`` with every frame of ``b``.

    Parameters
    ----------
    a, b : numpy.ndarray
        ``(..., n, 4)`` and ``(..., m, 4)``; leading axes are broadcast.

    Returns
    -------
    numpy.ndarray
        ``(..., n, m)`` in [0, 1]; 0 where both frames are empty.
    """
    intersection, area_a, area_b = _areas(a, b)
    return _ratio(intersection, area_a + area_b - intersection)


def overlap_min_matrix(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over the smaller of the two areas; shapes as in `iou_matrix`.

    It is 1 for a frame inside another, however small: what the filter among all sizes has to see.
    """
    intersection, area_a, area_b = _areas(a, b)
    return _ratio(intersection, np.minimum(area_a, area_b))


def _areas(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    a, b = a[..., :, None, :], b[..., None, :, :]
    low = np.maximum(a[..., :2], b[..., :2])
    high = np.minimum(a[..., :2] + a[..., 2:], b[..., :2] + b[..., 2:])
    shared = np.maximum(high - low, 0)
    return shared[..., 0] * shared[..., 1], a[..., 2] * a[..., 3], b[..., 2] * b[..., 3]


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(
        part, whole, out=np.zeros(part.shape, np.result_type(part, np.float32)), where=whole > 0
    )
