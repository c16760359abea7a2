"""Squares of background, drawn at random where no face is."""

from __future__ import annotations

import numpy as np

from augment.boxes import iou_matrix

__all__ = ["MAX_IOU", "TRIES", "draw_squares"]

MAX_IOU = 0.3
"""A square that overlaps every face by less than this is background."""

TRIES = 16
"""Candidates per square; where none passes, the one that overlaps least is taken."""


def draw_squares(
    candidates: np.ndarray, sizes: np.ndarray, faces: np.ndarray, smallest: float
) -> np.ndarray:
    """One background square in each of n pictures.

    The side is drawn evenly in its logarithm, every octave of sizes being equally frequent, between
    ``smallest`` and the short side of the picture; then the place is drawn evenly.

    Parameters
    ----------
    candidates : numpy.ndarray
        ``(n, TRIES, 3)`` numbers drawn evenly from [0, 1): size and place of each candidate.
    sizes : numpy.ndarray
        ``(n, 2)`` width and height of the pictures in pixels.
    faces : numpy.ndarray
        ``(n, m, 4)`` frames to keep away from, padded with zeros.
    smallest : float
        Shortest side of a square in pixels; smaller pictures give their short side.

    Returns
    -------
    numpy.ndarray
        float32 ``(n, 4)``, inside the pictures.
    """
    chosen = np.zeros(len(sizes), np.intp)
    shown = faces.any(axis=(1, 2))
    if shown.any():  # most pictures have no face, and any square will do
        tried = _squares(candidates[shown], sizes[shown, None], smallest)
        worst = iou_matrix(tried, faces[shown]).max(axis=2, initial=0)
        passes = worst < MAX_IOU
        # the first that passes, else the least bad
        chosen[shown] = np.where(passes.any(axis=1), passes.argmax(axis=1), worst.argmin(axis=1))
    return _squares(candidates[np.arange(len(sizes)), chosen], sizes, smallest).astype(np.float32)


def _squares(u: np.ndarray, sizes: np.ndarray, smallest: float) -> np.ndarray:
    """Squares ``(..., 4)`` of numbers ``(..., 3)`` in [0, 1), in pictures ``(..., 2)``."""
    short = sizes.min(axis=-1, keepdims=True)
    low = np.minimum(smallest, short)
    side = low * (short / low) ** u[..., :1]
    corner = (sizes - side) * u[..., 1:]
    return np.concatenate([corner, side, side], axis=-1)
