"""Contact sheets: tables of small pictures, each with a caption."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

__all__ = ["draw_sheet"]

Cell = tuple[np.ndarray, str]

_PAPER, _INK = (255, 255, 255), (30, 30, 30)
_GAP, _MARGIN = 8, 12  # pixels between cells, and around the table
_TEXT, _TITLE = 12, 18  # font sizes in pixels
_LEADING = 1.25  # distance of two lines, in font sizes


def draw_sheet(rows: Sequence[Sequence[Cell]], *, title: str = "", cell: int = 128) -> np.ndarray:
    """Draw a table of captioned pictures.

    Parameters
    ----------
    rows : sequence of sequences of (picture, caption)
        Pictures are uint8 ``(rows, columns, 3)``, RGB, of any sizes. Each is shrunk or enlarged
        until its longer side fills its cell; its proportions stay. A caption may have several
        lines; a line wider than the cell loses its middle. Rows may differ in length.
    title : str
        Written above the table.
    cell : int
        Side of a cell in pixels.

    Returns
    -------
    numpy.ndarray
        uint8 ``(rows, columns, 3)``, RGB.

    Raises
    ------
    ValueError
        If there is no picture at all.
    """
    columns = max((len(row) for row in rows), default=0)
    if not columns:
        raise ValueError("draw_sheet needs at least one picture; got none")
    font, large = ImageFont.load_default(_TEXT), ImageFont.load_default(_TITLE)
    line = round(_TEXT * _LEADING)
    heights = [
        cell + line * max((caption.count("\n") + 1 for _, caption in row if caption), default=0)
        for row in rows
    ]
    top = _MARGIN + (round(_TITLE * _LEADING) + _GAP if title else 0)
    width = 2 * _MARGIN + columns * (cell + _GAP) - _GAP
    if title:
        width = max(width, 2 * _MARGIN + round(large.getlength(title)))
    sheet = Image.new("RGB", (width, top + sum(heights) + _GAP * (len(rows) - 1) + _MARGIN), _PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((_MARGIN, _MARGIN), title, _INK, large)
    for row, height in zip(rows, heights, strict=True):
        for column, (picture, caption) in enumerate(row):
            left = _MARGIN + column * (cell + _GAP)
            small = _fitted(picture, cell)
            inset = (cell - small.width) // 2, (cell - small.height) // 2
            sheet.paste(small, (left + inset[0], top + inset[1]))
            for number, text in enumerate(caption.split("\n")):
                place = (left, top + cell + number * line)
                pen.text(place, _shortened(text, cell, font), _INK, font)
        top += height + _GAP
    return np.asarray(sheet)


def _fitted(picture: np.ndarray, cell: int) -> Image.Image:
    rows, columns = picture.shape[:2]
    zoom = cell / max(rows, columns)
    size = max(1, round(columns * zoom)), max(1, round(rows * zoom))
    return Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS)


def _shortened(text: str, width: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """The text, or as much of its beginning and end as fits."""
    kept, shown = len(text), text
    while font.getlength(shown) > width and kept > 0:
        kept -= 1
        end = kept // 2
        shown = f"{text[: kept - end]}…{text[len(text) - end :]}"
    return shown
