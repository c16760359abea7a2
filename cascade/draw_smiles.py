"""Pictures of faces with their smileys: a frame, the letters, and how sure the vote is.

The letters stand on a plate above the frame's upper left corner. The article wrote its percentage
at the lower left, where a plate would hide mouths: a detector's square often ends at the lips.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from cascade.draw import draw_frames
from cascade.smiler import Smile

__all__ = ["COLOUR", "draw_smiles"]

COLOUR = (255, 214, 0)
"""RGB of frames and plates: the yellow of smileys."""

_FONT = cv2.FONT_HERSHEY_DUPLEX
_PLATE = 0.17  # height of the letters, in parts of the frame's
_SMALLEST, _LARGEST = 11, 0.08  # pixels, and parts of the picture's shorter side


def draw_smiles(image: NDArray[np.uint8], smiles: Sequence[Smile]) -> NDArray[np.uint8]:
    """Draw faces and their smileys.

    Parameters
    ----------
    image : uint8 array (rows, columns, 3)
        RGB; it is left as it is.
    smiles : sequence of Smile

    Returns
    -------
    uint8 array (rows, columns, 3)
        RGB: each face's square, its smiley, and its part of the votes in percent.
    """
    picture = np.ascontiguousarray(image).copy()
    line = max(1, round(min(picture.shape[:2]) / 220))
    for smile in smiles:
        draw_frames(picture, smile.box, COLOUR, line)
    for smile in smiles:
        _draw_plate(picture, smile)
    return picture


def _draw_plate(picture: NDArray[np.uint8], smile: Smile) -> None:
    """Letters above the box; below it, or else inside, where the picture ends."""
    rows, columns = picture.shape[:2]
    x, y, _, height = (float(number) for number in smile.box)
    tall = min(max(_PLATE * height, _SMALLEST), max(_SMALLEST, _LARGEST * min(rows, columns)))
    big = tall / cv2.getTextSize("|", _FONT, 1, 1)[0][1]
    letters, percent = smile.smiley, f"{100 * smile.score:.0f}%"
    stroke = max(1, round(big * 1.6))
    (width, high), under = cv2.getTextSize(letters, _FONT, big, stroke)
    (more, _), _ = cv2.getTextSize(percent, _FONT, big * 0.6, 1)
    gap = max(2, round(tall * 0.3))
    wide, deep = width + more + 3 * gap, high + under + gap
    left = int(min(max(x, 0), max(columns - wide, 0)))
    top = int(y) - deep if y >= deep or y + height + deep > rows else int(y + height)
    top = min(max(top, 0), max(rows - deep, 0))
    cv2.rectangle(picture, (left, top), (left + wide, top + deep), COLOUR, cv2.FILLED)
    base = top + high + gap // 2
    for text, at, size, thick in (
        (letters, left + gap, big, stroke),
        (percent, left + width + 2 * gap, big * 0.6, 1),
    ):
        cv2.putText(picture, text, (at, base), _FONT, size, (0, 0, 0), thick, cv2.LINE_AA)
