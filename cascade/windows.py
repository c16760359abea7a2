"""The sliding windows of "Brotherhood of data": several sizes, one net, a fixed step.

A net looks at windows of one size, so the photograph is resized instead of the window: to a
`Level` in which a window of the photograph is as large as the net's input. The largest window is as
large as the photograph's short side; each next one is smaller by the resizing factor, and in the
photograph's pixels the step shrinks with it. Where the last column or row of windows does not
reach the level's border, one more lies flush with it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from augment.functional import Levels, crop_many

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

    A level is cut as one large crop, or a few that lie side by side: a window of it shows what
    `augment.functional.crop_many` cuts for the window's frame, and the nets learn from such crops.

    Parameters
    ----------
    image : uint8 array (rows, columns, 3), or augment.functional.Levels
        The photograph; `Levels` keep its halvings for the crops of later stages.
    levels : sequence of Level
        From `pyramid`, for a photograph of this size.

    Yields
    ------
    uint8 array (3, level.rows, level.columns)
        Not always contiguous.
    """
    photo = image if isinstance(image, Levels) else Levels(image)
    for level in levels:
        upright = level.rows <= level.columns
        short, long = sorted((level.rows, level.columns))
        side = min(
            (max(short, -(-long // count)) for count in range(1, -(-long // short) + 1)),
            key=lambda side: -(-long // side) * side**2,
        )
        frames = np.zeros((-(-long // side), 4))
        frames[:, 0 if upright else 1] = np.arange(0, long, side)
        frames[:, 2:] = side
        parts = crop_many(photo, frames / level.scale, side)
        whole = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=2 if upright else 1)
        yield whole[:, : level.rows, : level.columns]


def offsets(length: int, side: int, stride: int) -> NDArray[np.intp]:
    """First pixels of the windows along one direction, the last one flush with the border.

    >>> offsets(23, 12, 4)
    array([ 0,  4,  8, 11])
    """
    regular = np.arange(0, length - side + 1, stride)
    if len(regular) and regular[-1] < length - side:
        regular = np.append(regular, length - side)
    return regular


def windows_of_level(
    level: Level, stride: int, which: NDArray[np.intp] | None = None
) -> NDArray[np.float32]:
    """The windows of a level.

    Parameters
    ----------
    level : Level
    stride : int
        Step in the level's pixels, that is in pixels of the net's input.
    which : int array (n,), optional
        Numbers of windows, counted row by row; all by default.

    Returns
    -------
    float32 array (n, 4)
        x, y, width, height in pixels of the photograph, in that order.
    """
    rows, columns = (offsets(length, level.side, stride) for length in (level.rows, level.columns))
    if which is None:
        which = np.arange(len(rows) * len(columns))
    frames = np.empty((len(which), 4), np.float32)
    if len(which):
        y, x = np.divmod(which, len(columns))
        frames[:, 0] = columns[x] / level.scale
        frames[:, 1] = rows[y] / level.scale
        frames[:, 2:] = level.window
    return frames


def count_windows(levels: Sequence[Level], stride: int) -> int:
    """Number of windows of all levels."""
    return sum(
        _count(level.rows - level.side, stride) * _count(level.columns - level.side, stride)
        for level in levels
    )


def _count(way: int, stride: int) -> int:
    """Number of offsets from 0 to a last one, which is there in any case."""
    return -(-way // stride) + 1 if way >= 0 else 0
