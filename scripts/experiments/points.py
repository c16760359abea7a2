"""The points of a curve that are drawn: those that can be, and of very many the extremes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scripts.experiments.recipe import Line, Panel

__all__ = ["MOST_POINTS", "drawn_points", "thin"]

MOST_POINTS = 400
"""Points of a curve that are drawn; of a longer one, the extremes."""


def drawn_points(panel: Panel, line: Line) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the points of a line that are drawn, thinned unless they are bars.

    Parameters
    ----------
    panel : Panel
        In which the line stands.
    line : Line

    Returns
    -------
    tuple of numpy.ndarray
        x, low, y and high, ``(points,)``, float64; low and high are y where there is no band.

    Raises
    ------
    ValueError
        If the line's sequences are not equally long.
    """
    x, y = np.asarray(line.x, float), np.asarray(line.y, float)
    low = y if line.low is None else np.asarray(line.low, float)
    high = y if line.high is None else np.asarray(line.high, float)
    if not x.shape == y.shape == low.shape == high.shape or x.ndim != 1:
        raise ValueError(
            f"a line's sequences are equally long; {line.name!r} in {panel.title!r} has x of shape "
            f"{x.shape}, y of {y.shape}, low of {low.shape}, high of {high.shape}."
        )
    good = np.isfinite(np.stack([x, y, low, high])).all(0)
    if panel.log_x and not panel.bars and panel.labels is None:
        good &= x > 0
    points = x[good], low[good], y[good], high[good]
    return points if panel.bars else thin(*points, log_x=panel.log_x)


def thin(
    x: np.ndarray, low: np.ndarray, y: np.ndarray, high: np.ndarray, *, log_x: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Leave at most `MOST_POINTS` of a curve such that every spike stays.

    The axis is cut into equal pieces. In each, the points where the curve is lowest and highest
    stay, and the band around them is as wide as it is anywhere in the piece; the curve's first and
    last points stay, too.

    Parameters
    ----------
    x, low, y, high : numpy.ndarray
        Points, and the band around them, ``(points,)``, finite. Where x does not rise, pieces are
        of equally many points.
    log_x : bool
        Pieces are equal on a logarithmic axis.

    Returns
    -------
    tuple of numpy.ndarray
        The same four of the points that stay.
    """
    if len(x) <= MOST_POINTS:
        return x, low, y, high
    along = np.log(x) if log_x else x
    if (np.diff(along) < 0).any():
        along = np.arange(len(x), dtype=float)
    borders = np.linspace(along[0], along[-1], MOST_POINTS // 2)[1:-1]
    starts = np.unique([0, *np.searchsorted(along, borders)])
    low, high = low.copy(), high.copy()
    kept = {0, len(x) - 1}
    for start, stop in zip(starts, [*starts[1:], len(x)], strict=True):
        piece = slice(start, stop)
        kept |= {start + int(np.argmin(y[piece])), start + int(np.argmax(y[piece]))}
        low[piece], high[piece] = low[piece].min(), high[piece].max()
    those = np.array(sorted(kept))
    return x[those], low[those], y[those], high[those]
