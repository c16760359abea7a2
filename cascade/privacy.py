"""Faces cut out of a photograph, and faces made unrecognisable in it.

What hides a face is not how it looks afterwards but how little is left: of each face's region
`CELLS` x `CELLS` mean colours stay, whatever its size, and everything shown is made of them alone.
A Gaussian blur of a fixed kernel would leave a large face readable, and can be undone in part.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["CELLS", "HIDING", "crop_faces", "hide_faces"]

CELLS = 8
"""Mean colours that are left along each side of a face's region, margin included."""

HIDING = {"blur": cv2.INTER_CUBIC, "pixelate": cv2.INTER_NEAREST}
"""The ways of hiding a face, and how each spreads the cells over the region."""


def crop_faces(
    image: NDArray[np.uint8], boxes: ArrayLike, margin: float = 0.3
) -> list[NDArray[np.uint8]]:
    """Cut the faces out of a photograph.

    Parameters
    ----------
    image : uint8 array (rows, columns, 3)
    boxes : float array (n, 4)
        x, y, width, height in pixels.
    margin : float
        What is added on each side of a box, in parts of its width and height.

    Returns
    -------
    list of uint8 array (rows, columns, 3)
        One for each box, cut off where the photograph ends; at least one pixel.
    """
    regions = _regions(image, boxes, margin)
    return [image[y0:y1, x0:x1].copy() for x0, y0, x1, y1 in regions]


def hide_faces(
    image: NDArray[np.uint8], boxes: ArrayLike, how: str = "blur", margin: float = 0.3
) -> NDArray[np.uint8]:
    """Make faces unrecognisable.

    Parameters
    ----------
    image : uint8 array (rows, columns, 3)
        It is left as it is.
    boxes : float array (n, 4)
        x, y, width, height in pixels.
    how : {'blur', 'pixelate'}
        Smooth within an ellipse, or square cells in a rectangle.
    margin : float
        What is added on each side of a box, in parts of its width and height. From 0.21 on the
        ellipse covers the corners of the box, too.

    Returns
    -------
    uint8 array (rows, columns, 3)
        Of the same size.

    Raises
    ------
    ValueError
        If `how` is unknown.
    """
    if how not in HIDING:
        raise ValueError(f"hide_faces knows the ways {sorted(HIDING)!r}; got {how!r}")
    picture = np.ascontiguousarray(image).copy()
    regions = _regions(picture, boxes, margin)
    for region, (x, y, width, height) in zip(regions, _frames(boxes), strict=True):
        x0, y0, x1, y1 = region
        part = picture[y0:y1, x0:x1]
        hidden = _hidden(part, (width, height), how, margin)
        if how == "blur":
            rows, columns = np.ogrid[y0:y1, x0:x1]
            across = (columns + 0.5 - x - width / 2) / (width * (0.5 + margin))
            down = (rows + 0.5 - y - height / 2) / (height * (0.5 + margin))
            hidden = np.where((across**2 + down**2 <= 1)[..., None], hidden, part)
        part[...] = hidden
    return picture


def _hidden(part, sides, how, margin):
    """A region made of its cells' means; where the photograph cuts it off there are fewer."""
    rows, columns = part.shape[:2]
    cells = [
        max(1, min(length // 2, round(length / (side * (1 + 2 * margin)) * CELLS)))
        for length, side in zip((columns, rows), sides, strict=True)
    ]
    means = cv2.resize(part, cells, interpolation=cv2.INTER_AREA)
    return cv2.resize(means, (columns, rows), interpolation=HIDING[how])


def _frames(boxes: ArrayLike) -> list[list[float]]:
    return np.asarray(boxes, np.float64).reshape(-1, 4).tolist()


def _regions(image, boxes, margin) -> list[tuple[int, int, int, int]]:
    """Boxes with their margins as whole pixels inside the image: left, top, right, bottom."""
    rows, columns = image.shape[:2]
    regions = []
    for x, y, width, height in _frames(boxes):
        left = min(max(int(np.floor(x - margin * width)), 0), columns - 1)
        top = min(max(int(np.floor(y - margin * height)), 0), rows - 1)
        right = max(min(int(np.ceil(x + (1 + margin) * width)), columns), left + 1)
        bottom = max(min(int(np.ceil(y + (1 + margin) * height)), rows), top + 1)
        regions.append((left, top, right, bottom))
    return regions
