"""A receiver operating characteristic as a picture, without a plotting library."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["draw_roc"]

WIDTH, HEIGHT = 800, 560
LEFT, TOP, RIGHT, BOTTOM = 70, 50, 25, 60
FINER = 2  # drawn larger and reduced, for smooth lines
INK, GRID, PAPER = "#222222", "#dddddd", "#ffffff"
COLOURS = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
)  # told apart by the colour-blind (Okabe, Ito)


def draw_roc(
    path: str | os.PathLike[str],
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    title: str,
    most: float = 1.0,
) -> None:
    """Draw the share of faces found against false positives per photograph, and write a PNG.

    Parameters
    ----------
    path
        File to write.
    curves
        By name: false positives per photograph, rising, and rates from 0 to 1. A curve is drawn
        as steps and carried on to the right border at its last rate.
    title
        Line above the plot.
    most
        False positives per photograph at the right border.
    """
    picture = Image.new("RGB", (WIDTH * FINER, HEIGHT * FINER), PAPER)
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(15 * FINER)
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM

    def at(x: float, y: float) -> tuple[float, float]:
        """Return the pixel of `x` false positives per photograph and rate `y`."""
        return (
            FINER * (LEFT + (right - LEFT) * min(x, most) / most),
            FINER * (bottom - (bottom - TOP) * y),
        )

    def line(points: list[tuple[float, float]], colour: str, width: int) -> None:
        draw.line([at(*point) for point in points], colour, width * FINER, joint="curve")

    for part in range(11):
        share = part / 10
        line([(0, share), (most, share)], GRID, 1)
        line([(share * most, 0), (share * most, 1)], GRID, 1)
        if part % 2 == 0:
            x, y = at(0, share)
            draw.text((x - 8 * FINER, y), f"{share:.1f}", INK, font, "rm")
            x, y = at(share * most, 0)
            draw.text((x, y + 8 * FINER), f"{share * most:.2g}", INK, font, "mt")
    line([(0, 1), (0, 0), (most, 0)], INK, 1)
    middle = FINER * (LEFT + right) / 2
    draw.text((middle, FINER * TOP / 2), title, INK, font, "mm")
    caption = "false positives per photograph (upwards: share of the faces found)"
    draw.text((middle, FINER * (HEIGHT - 20)), caption, INK, font, "mm")
    for number, (name, (errors, rates)) in enumerate(curves.items()):
        colour = COLOURS[number % len(COLOURS)]
        line(_steps(errors, rates, most), colour, 2)
        x, y = at(most, 0)
        y -= FINER * (20 + 22 * (len(curves) - 1 - number))
        draw.text((x - 10 * FINER, y), name, colour, font, "rm")
    picture.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS).save(path, "PNG")


def _steps(errors: ArrayLike, rates: ArrayLike, most: float) -> list[tuple[float, float]]:
    """Return the corners of the curve up to `most`, from the origin to the right border."""
    import numpy as np

    x, y = np.asarray(errors, float), np.asarray(rates, float)
    shown = x <= most
    x, y = np.concatenate([[0.0], x[shown], [most]]), np.concatenate([[0.0], y[shown]])
    corners_x = np.repeat(x, 2)[1:-1]
    corners_y = np.repeat(y, 2)
    return list(zip(corners_x.tolist(), corners_y.tolist(), strict=True))
