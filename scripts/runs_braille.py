"""Curves drawn with the dots of braille letters: two across and four down in each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

__all__ = ["Drawing", "draw"]

ACROSS, DOWN = 2, 4
BLANK = 0x2800
DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])  # by row and column


class Drawing(NamedTuple):
    """A picture of letters.

    Attributes
    ----------
    cells : list of list of (str, int)
        By row and column: the letter, and the number of the curve that gives it its colour: the
        last that runs through it; -1 where there is none.
    x, y : tuple of float
        What lies at the left and right, and at the lower and upper border.
    """

    cells: list[list[tuple[str, int]]]
    x: tuple[float, float]
    y: tuple[float, float]


def draw(curves: Sequence[tuple[np.ndarray, np.ndarray]], columns: int, rows: int) -> Drawing:
    """Draw curves as connected lines, through the means where there are more points than dots.

    Parameters
    ----------
    curves : sequence of (numpy.ndarray, numpy.ndarray)
        x, rising, and y, ``(n,)``, finite; at least one point each.
    columns, rows : int
        Letters of the picture.
    """
    width, height = columns * ACROSS, rows * DOWN
    ends = _span([x for x, _ in curves])
    lines = [_through_means(_place(x, ends) * (width - 1), y, width) for x, y in curves]
    border = _span([y for _, y in lines])
    letters = np.full((rows, columns), BLANK)
    owners = np.full((rows, columns), -1)
    for number, (across, y) in enumerate(lines):
        dots = _dots(across, (1 - _place(y, border)) * (height - 1), width, height)
        for down in range(DOWN):
            for right in range(ACROSS):
                lit = dots[down::DOWN, right::ACROSS]
                letters[lit] |= DOTS[down, right]
                owners[lit] = number
    cells = [
        [(chr(letter), int(owner)) for letter, owner in zip(*row, strict=True)]
        for row in zip(letters, owners, strict=True)
    ]
    return Drawing(cells, ends, border)


def _span(values: Sequence[np.ndarray]) -> tuple[float, float]:
    """Return the lowest and the highest value, each apart from the other."""
    lowest = min(float(one.min()) for one in values)
    highest = max(float(one.max()) for one in values)
    if lowest == highest:
        apart = max(abs(lowest) * 0.1, 1e-9)
        return lowest - apart, highest + apart
    return lowest, highest


def _through_means(across: np.ndarray, y: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Reduce a line to a point for each column of dots, where there are more.

    Not to the extremes: curves that are noisy would cover each other.
    """
    if len(across) <= width:
        return across, y
    columns, starts = np.unique(np.round(across), return_index=True)
    counts = np.diff([*starts, len(y)])
    return columns, np.add.reduceat(y / np.repeat(counts, counts), starts)


def _dots(across: np.ndarray, down: np.ndarray, width: int, height: int) -> np.ndarray:
    """Return which dots ``(height, width)`` a line runs through."""
    column = np.clip(np.round(across).astype(int), 0, width - 1)
    # Of each column of dots: from where to where the line runs, with its way in and out.
    top, bottom = np.full(width, np.inf), np.full(width, -np.inf)
    np.minimum.at(top, column, down)
    np.maximum.at(bottom, column, down)
    borders = np.arange(width + 1) - 0.5
    inside = (borders > across[0]) & (borders < across[-1])
    crossed = np.where(inside, np.interp(borders, across, down), np.nan)
    top = np.fmin(np.fmin(top, crossed[:-1]), crossed[1:])
    bottom = np.fmax(np.fmax(bottom, crossed[:-1]), crossed[1:])
    lines = np.arange(height)[:, None]
    # A border between two dots belongs to one of them: slopes are not thicker than level lines.
    first = np.floor(top + 0.5)
    return (lines >= first) & (lines <= np.maximum(np.ceil(bottom - 0.5), first))


def _place(values: np.ndarray, ends: tuple[float, float]) -> np.ndarray:
    """Return where values lie between two others, from 0 to 1, without overflow."""
    return (values / 2 - ends[0] / 2) / (ends[1] / 2 - ends[0] / 2)
