"""The kernel in NumPy: what runs where no compiled one is, and what tests hold that to."""

from __future__ import annotations

import numpy as np

__all__ = ["suppress"]


def suppress(sides: np.ndarray, ends: np.ndarray, threshold: float, iou: bool) -> np.ndarray:
    """See `cascade.kernels.suppress`: one round per kept frame, on what follows it."""
    left, top, right, bottom, area = sides
    count = len(ends)
    alive = np.ones(count, bool)
    owner = np.arange(count)
    at = 0
    while at < count and alive[at]:
        rest = slice(at + 1, ends[at])
        common = np.minimum(right[rest], right[at]) - np.maximum(left[rest], left[at])
        np.maximum(common, 0, out=common)
        common *= np.minimum(bottom[rest], bottom[at]) - np.maximum(top[rest], top[at])
        whole = area[rest] + area[at] - common if iou else np.minimum(area[rest], area[at])
        dropped = at + 1 + np.flatnonzero(alive[rest] & (common > threshold * whole))
        alive[dropped] = False
        owner[dropped] = at
        at += 1 + int(alive[at + 1 :].argmax()) if at + 1 < count else 1
    return owner
