"""A receiver operating characteristic as a picture, without a plotting library."""

from __future__ import annotations

import math
import os
import textwrap
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["draw_roc"]

WIDTH, HEIGHT = 1000, 560
LEFT, TOP, RIGHT, BOTTOM = 70, 50, 285, 60  # pixels around the plot; names stand on the right
LEAST, MOST = 0.001, 1.0  # false positives per photograph at the borders
FINER = 2  # drawn larger and reduced, for smooth lines
DASH = 9  # pixels of a dash and of the gap behind it
ROW = 22  # pixels from name to name
INK, GRID, PAPER = "#222222", "#dddddd", "#ffffff"
# Told apart by the colour-blind (Okabe, Ito).
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#222222")
FAINT = ("#7f7f7f", "#a05a2c", "#5a6fa0", "#9a9a3c", "#8a5a8a")

Point = tuple[float, float]
Curves = Mapping[str, tuple["ArrayLike", "ArrayLike"]]


def draw_roc(
    path: str | os.PathLike[str],
    curves: Curves,
    *,
    title: str,
    kind: str = "discrete",
    dashed: Curves | None = None,
    note: str = "",
    lowest: float = 0.0,
) -> None:
    """Draw the share of faces found against false positives per photograph, and write a PNG.

    The horizontal axis is logarithmic, from 0.001 to 1: the curves differ at few false positives.

    Parameters
    ----------
    path
        File to write.
    curves
        By name: false positives per photograph, rising, and rates from 0 to 1. A curve is drawn
        as steps and carried on to the right border at its last rate.
    title
        Line above the plot.
    kind
        Which rate it is, for the caption.
    dashed
        More curves, drawn thin and dashed: those to look at only, say from other photographs.
    note
        What to say of these, above their names.
    lowest
        Rate at the lower border; what lies lower is cut off.
    """
    picture = Image.new("RGB", (WIDTH * FINER, HEIGHT * FINER), PAPER)
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(15 * FINER)
    small = ImageFont.load_default(12 * FINER)
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM

    def at(x: float, y: float) -> Point:
        """Return the pixel of `x` false positives per photograph and rate `y`."""
        along = math.log(min(max(x, LEAST), MOST) / LEAST) / math.log(MOST / LEAST)
        up = (max(y, lowest) - lowest) / (1 - lowest)
        return FINER * (LEFT + (right - LEFT) * along), FINER * (bottom - (bottom - TOP) * up)

    def line(points: list[Point], colour: str, width: int) -> None:
        draw.line(points, colour, width * FINER, joint="curve")

    for tenth in range(round(lowest * 10), 11):
        line([at(LEAST, tenth / 10), at(MOST, tenth / 10)], GRID, 1)
        x, y = at(LEAST, tenth / 10)
        draw.text((x - 8 * FINER, y), f"{tenth / 10:.1f}", INK, font, "rm")
    for errors in (0.001, 0.01, 0.02, 0.06, 0.1, 0.35, 1.0):
        line([at(errors, lowest), at(errors, 1)], GRID, 1)
        x, y = at(errors, lowest)
        draw.text((x, y + 8 * FINER), f"{errors:g}", INK, small, "mt")
    line([at(LEAST, 1), at(LEAST, lowest), at(MOST, lowest)], INK, 1)
    draw.text((FINER * WIDTH / 2, FINER * TOP / 2), title, INK, font, "mm")
    caption = f"false positives per photograph (upwards: share of the faces found, {kind})"
    draw.text((FINER * (LEFT + right) / 2, FINER * (HEIGHT - 20)), caption, INK, font, "mm")

    left, down = FINER * (right + 12), FINER * TOP
    for number, (name, curve) in enumerate(curves.items()):
        colour = COLOURS[number % len(COLOURS)]
        line([at(*point) for point in _steps(*curve)], colour, 2)
        draw.text((left, down), name, colour, font, "lt")
        down += FINER * ROW
    down += FINER * ROW // 2
    for part in textwrap.wrap(note, 38):
        draw.text((left, down), part, INK, small, "lt")
        down += FINER * (ROW - 5)
    for number, (name, curve) in enumerate((dashed or {}).items()):
        colour = FAINT[number % len(FAINT)]
        for dash in _dashes([at(*point) for point in _steps(*curve)], DASH * FINER):
            line(list(dash), colour, 1)
        draw.text((left, down), name, colour, small, "lt")
        down += FINER * (ROW - 3)
    picture.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS).save(path, "PNG")


def _steps(errors: ArrayLike, rates: ArrayLike) -> list[Point]:
    """Return the corners of the curve, from the origin to the right border."""
    import numpy as np

    x, y = np.asarray(errors, float), np.asarray(rates, float)
    shown = x <= MOST
    x, y = np.concatenate([[0.0], x[shown], [MOST]]), np.concatenate([[0.0], y[shown]])
    corners_x = np.repeat(x, 2)[1:-1]
    corners_y = np.repeat(y, 2)
    return list(zip(corners_x.tolist(), corners_y.tolist(), strict=True))


def _dashes(points: list[Point], length: float) -> Iterator[tuple[Point, Point]]:
    """Cut a line of vertical and horizontal pieces into dashes with gaps between them."""
    gone = 0.0
    for (x0, y0), (x1, y1) in pairwise(points):
        piece = math.hypot(x1 - x0, y1 - y0)
        done = 0.0
        while done < piece:
            phase = gone % (2 * length)
            step = min(length - phase % length, piece - done)
            if step < 1e-6:  # rounding: the border of a dash is here
                step = min(length, piece - done)
            if phase < length:
                a, b = done / piece, (done + step) / piece
                start = x0 + (x1 - x0) * a, y0 + (y1 - y0) * a
                yield start, (x0 + (x1 - x0) * b, y0 + (y1 - y0) * b)
            done += step
            gone += step
