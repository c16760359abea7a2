"""The sliding windows of "Brotherhood of data": several sizes, one net, a fixed step.

A net looks at windows of one size, so the photograph is resized instead of the window: to a
`Level` in which a window of the photograph is as large as the net's input. The largest window is as
large as the photograph's short side; each next one is smaller by the resizing factor, and in the
photograph's pixels the step shrinks with it. Where the last column or row of windows does not
reach the level's border, one more lies flush with it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from augment.functional import Levels

__all__ = ["Level", "count_windows", "level_images", "offsets", "pyramid", "windows_of_level"]


@dataclass(frozen=True)
class Level:
    """One size of the photograph, in which windows are as large as the net's input.

    Attributes
    ----------
    rows, columns : int
        Size in the level's pixels. The level covers the photograph up to a part of its own pixel
        at the right and at the bottom.
    scale : float
        Pixels of the level per pixel of the photograph, the same in both directions.
    side : int
        Side of a window in the level's pixels.
    """

    rows: int
    columns: int
    scale: float
    side: int

    @property
    def window(self) -> float:
        """Side of a window in pixels of the photograph."""
        return self.side / self.scale


def pyramid(rows: int, columns: int, *, side: int, min_face: float, factor: float) -> list[Level]:
    """Sizes of a photograph in which to look for faces, from the largest window to the smallest.

    Parameters
    ----------
    rows, columns : int
        Size of the photograph in pixels.
    side : int
        Side of the net's input in pixels.
    min_face : float
        Windows smaller than this, in pixels of the photograph, are left out.
    factor : float
        Each window is smaller than the one before by this factor, above 1.

    Returns
    -------
    list of Level
        Empty where the short side of the photograph is below `min_face`.

    Raises
    ------
    ValueError
        If `min_face` is below 1 pixel or `factor` is not above 1.
    """
    if not min_face >= 1:
        raise ValueError(f"min_face must be at least 1 pixel; got {min_face!r}")
    if not factor > 1:
        raise ValueError(f"factor must be greater than 1; got {factor!r}")
    levels = []
    window = float(min(rows, columns))
    while window >= min_face:
        scale = side / window
        # The short side is `side` exactly; rounding must not take its last pixel.
        size = [int(length * scale + 1e-6) for length in (rows, columns)]
        levels.append(Level(size[0], size[1], scale, side))
        window /= factor
    return levels


def level_images(image: NDArray | Levels, levels: Sequence[Level]) -> Iterator[NDArray[np.uint8]]:
    """Resize a photograph to its levels, one at a time.

    Shrinking averages areas. It starts from the halving that is two to four times the level,
    which costs little for any size of photograph, and crops are made from the same one.

    Parameters
    ----------
    image : uint8 array (rows, columns, 3), or augment.functional.Levels
        The photograph; `Levels` keep its halvings for the crops of later stages.
    levels : sequence of Level
        From `pyramid`, for a photograph of this size.

    Yields
    ------
    uint8 array (level.rows, level.columns, 3)
    """
    halvings = image if isinstance(image, Levels) else Levels(image)
    full = halvings.level(0)
    for level in levels:
        source = halvings.level(max(0, int(np.log2(0.5 / level.scale))))
        # What the level covers: cutting it off keeps the scales of rows and columns equal.
        rows, columns = (
            min(have, max(1, round(length / level.scale * have / whole)))
            for length, have, whole in zip(
                (level.rows, level.columns), source.shape, full.shape, strict=False
            )
        )
        method = cv2.INTER_AREA if level.rows <= rows else cv2.INTER_LINEAR
        part, size = source[:rows, :columns], (level.columns, level.rows)
        yield np.asarray(cv2.resize(part, size, interpolation=method), np.uint8)


def offsets(length: int, side: int, stride: int) -> NDArray[np.intp]:
    """First pixels of the windows along one direction, the last one flush with the border.

    >>> offsets(23, 12, 4)
    array([ 0,  4,  8, 11])
    """
    regular = np.arange(0, length - side + 1, stride)
    if len(regular) and regular[-1] < length - side:
        regular = np.append(regular, length - side)
    return regular


def windows_of_level(level: Level, stride: int) -> NDArray[np.float32]:
    """All windows of a level.

    Parameters
    ----------
    level : Level
    stride : int
        Step in the level's pixels, that is in pixels of the net's input.

    Returns
    -------
    float32 array (n, 4)
        x, y, width, height in pixels of the photograph, row by row.
    """
    y, x = np.meshgrid(
        offsets(level.rows, level.side, stride),
        offsets(level.columns, level.side, stride),
        indexing="ij",
    )
    frames = np.empty((x.size, 4), np.float32)
    frames[:, 0] = x.ravel() / level.scale
    frames[:, 1] = y.ravel() / level.scale
    frames[:, 2:] = level.window
    return frames


def count_windows(levels: Sequence[Level], stride: int) -> int:
    """Number of windows of all levels."""
    return sum(
        len(offsets(level.rows, level.side, stride))
        * len(offsets(level.columns, level.side, stride))
        for level in levels
    )
