"""Greedy filtering of overlapping frames ("Brotherhood of data", filter_frames).

The best frame is kept, what overlaps it too much is dropped, and so on with the best of the rest.
The article filters twice: first among the frames of one window size, then among all of them. Both
are one function here: `groups` names the window size of each frame, and frames of different
groups never touch each other.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cascade import kernels

__all__ = ["filter_frames"]

_OVERLAPS = ("iou", "min")


def filter_frames(
    frames: ArrayLike,
    scores: ArrayLike,
    threshold: float,
    *,
    overlap: str = "iou",
    groups: ArrayLike | None = None,
) -> NDArray[np.intp]:
    """Choose the best frames among those that overlap.

    Parameters
    ----------
    frames : float array (n, 4)
        x, y, width, height in pixels.
    scores : float array (n,)
        The higher the better. Of equal scores the earlier frame is taken as the better one.
    threshold : float
        A frame is dropped when its overlap with a kept one is greater than this, between 0 and 1.
    overlap : {'iou', 'min'}
        Intersection over union, or over the smaller of the two areas (which also drops a small
        frame inside a large one).
    groups : int array (n,), optional
        Only frames of the same group are compared.

    Returns
    -------
    intp array (kept,)
        Indices of the kept frames, by falling score.

    Raises
    ------
    ValueError
        If the arrays do not match, or `threshold` or `overlap` is not one of the allowed values.
    """
    f, s, g = _checked(frames, scores, threshold, overlap, groups)
    order = np.lexsort((-s, g))
    ends = np.searchsorted(g[order], g[order], side="right")
    left, top, width, height = f[order].T
    sides = np.stack([left, top, left + width, top + height, width * height])
    owner = kernels.suppress(sides, ends, threshold, overlap == "iou")
    kept = order[owner == np.arange(len(order))]
    return kept[np.lexsort((kept, -s[kept]))]


def _checked(
    frames: ArrayLike,
    scores: ArrayLike,
    threshold: float,
    overlap: str,
    groups: ArrayLike | None,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray]:
    frames = np.asarray(frames, dtype=np.float64)
    scores = np.asarray(scores, dtype=np.float64)
    groups = np.zeros(len(frames), np.intp) if groups is None else np.asarray(groups)
    if frames.ndim != 2 or frames.shape[1] != 4:
        raise ValueError(f"frames must be an array (n, 4); got the shape {frames.shape!r}")
    for name, array in (("scores", scores), ("groups", groups)):
        if array.shape != (len(frames),):
            raise ValueError(
                f"{name} must be one number per frame, {(len(frames),)!r}; "
                f"got the shape {array.shape!r}"
            )
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold must lie between 0 and 1; got {threshold!r}")
    if overlap not in _OVERLAPS:
        raise ValueError(f"overlap must be one of {_OVERLAPS!r}; got {overlap!r}")
    return frames, scores, groups
