"""Cutting frames out of photographs: pure functions from pixels and frames to pixels.

A crop has to look like what a detector sees, and a detector makes its pyramid with area averaging.
So a photograph is first halved with area averaging until a frame is two to four times as large as
the crop; then one bilinear sample is taken at each point of a grid twice as fine as the crop, and
the mean of two by two samples is one pixel. Frames lie at fractions of a pixel and need not be
square. Beyond the border the outermost pixels are repeated.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from augment.boxes import as_frames

__all__ = ["Levels", "crop", "crop_many", "crop_photos"]

_FINE = 2  # samples per pixel of the crop, in each direction
_REMAP_ROWS = 32_766  # cv2.remap holds sizes in 16 bits


class Levels:
    """A decoded photograph and its halvings, made when first asked for.

    Parameters
    ----------
    image : numpy.ndarray
        uint8 ``(rows, columns, 3)``.
    """

    def __init__(self, image: np.ndarray):
        self._levels = [image]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the photograph in pixels."""
        rows, columns = self._levels[0].shape[:2]
        return columns, rows

    @property
    def nbytes(self) -> int:
        """Bytes that the photograph takes once it is halved all the way down."""
        return self._levels[0].nbytes * 4 // 3

    def level(self, number: int) -> np.ndarray:
        """The photograph halved ``number`` times; sides are ``ceil(side / 2 ** number)``."""
        while len(self._levels) <= number:
            last = self._levels[-1]
            rows, columns = last.shape[:2]
            half = ((columns + 1) // 2, (rows + 1) // 2)
            self._levels.append(cv2.resize(last, half, interpolation=cv2.INTER_AREA))
        return self._levels[number]


def crop(image: np.ndarray, frame: np.ndarray, side: int, mirror: bool = False) -> np.ndarray:
    """Cut one frame and resize it.

    Parameters
    ----------
    image : numpy.ndarray
        uint8 ``(rows, columns, 3)``.
    frame : array_like
        ``x, y, width, height`` in pixels; may be no square and may reach outside.
    side : int
        Rows and columns of the result.
    mirror : bool
        Swap left and right of the result.

    Returns
    -------
    numpy.ndarray
        uint8 ``(side, side, 3)``.
    """
    return crop_many(image, as_frames([frame]), side, np.array([mirror]))[0]


def crop_many(
    image: np.ndarray | Levels, frames: np.ndarray, side: int, mirror: np.ndarray | None = None
) -> np.ndarray:
    """Cut many frames out of one photograph.

    Parameters
    ----------
    image : numpy.ndarray or Levels
        The photograph; `Levels` keep the halvings for the next call.
    frames : numpy.ndarray
        ``(n, 4)``, as in `crop`.
    side : int
        Rows and columns of a crop.
    mirror : numpy.ndarray, optional
        bool ``(n,)``; none by default.

    Returns
    -------
    numpy.ndarray
        uint8 ``(n, side, side, 3)``.
    """
    levels = image if isinstance(image, Levels) else Levels(image)
    return crop_photos([levels], np.zeros(len(frames), np.intp), frames, side, mirror)


def crop_photos(
    photos: Sequence[Levels],
    which: np.ndarray,
    frames: np.ndarray,
    side: int,
    mirror: np.ndarray | None = None,
) -> np.ndarray:
    """Cut frames out of several photographs: OpenCV is called once per photograph and level.

    Parameters
    ----------
    photos : sequence of Levels
        The photographs.
    which : numpy.ndarray
        int ``(n,)``: the photograph of each frame.
    frames, side, mirror
        As in `crop_many`.

    Returns
    -------
    numpy.ndarray
        uint8 ``(n, side, side, 3)``.

    Raises
    ------
    ValueError
        If the frames are no ``(n, 4)`` array, a frame has no area or is not finite, or ``side`` is
        not positive.
    """
    frames = as_frames(frames)
    _check(frames, side)
    count = len(frames)
    crops = np.empty((count, side, side, 3), np.uint8)
    sizes = np.array([photo.size for photo in photos], np.int64).reshape(-1, 2)[which]
    level = _level_numbers(frames, sizes, side)
    order = np.lexsort((level, which))
    block = max(1, _REMAP_ROWS // (_FINE * side))
    for start in range(0, count, block):
        part = order[start : start + block]
        flipped = None if mirror is None else mirror[part]
        crops[part] = _sample(
            photos, which[part], level[part], sizes[part], frames[part], side, flipped
        )
    return crops


def _check(frames: np.ndarray, side: int) -> None:
    if side < 1:
        raise ValueError(f"the side of a crop is at least 1 pixel; got {side!r}")
    good = np.isfinite(frames).all(axis=1) & (frames[:, 2:] > 0).all(axis=1)
    if not good.all():
        row = int(np.argmin(good))
        raise ValueError(
            f"frames must be finite with positive width and height; frame {row} is "
            f"{frames[row].tolist()!r}"
        )


def _level_numbers(frames: np.ndarray, sizes: np.ndarray, side: int) -> np.ndarray:
    """How often to halve so that the frame's short side is two to four times the crop's."""
    wanted = np.floor(np.log2(frames[:, 2:].min(axis=1) / (_FINE * side)))
    possible = np.ceil(np.log2(sizes.max(axis=1)))
    return np.clip(wanted, 0, possible).astype(np.int64)


def _sample(
    photos: Sequence[Levels],
    which: np.ndarray,
    level: np.ndarray,
    sizes: np.ndarray,
    frames: np.ndarray,
    side: int,
    mirror: np.ndarray | None,
) -> np.ndarray:
    """Crops of frames that are sorted by photograph and level."""
    fine = _FINE * side
    count = len(frames)
    level_sizes = -(-sizes // (1 << level)[:, None])
    # (count, 2, fine): where the samples lie in the level, in units of its pixels' centres
    steps = (np.arange(fine) + 0.5) / fine
    places = frames[:, :2, None] + frames[:, 2:, None] * steps
    places *= (level_sizes / sizes)[:, :, None]
    places -= 0.5
    np.clip(places, 0, (level_sizes - 1)[:, :, None], out=places)
    columns, rows = places.astype(np.float32).transpose(1, 0, 2)
    if mirror is not None:
        columns[mirror] = columns[mirror, ::-1]
    shape = (count, fine, fine)
    map_x = np.ascontiguousarray(np.broadcast_to(columns[:, None, :], shape)).reshape(-1, fine)
    map_y = np.ascontiguousarray(np.broadcast_to(rows[:, :, None], shape)).reshape(-1, fine)

    samples = np.empty((count * fine, fine, 3), np.uint8)
    changes = np.flatnonzero(np.diff(which) | np.diff(level)) + 1
    for first, last in zip([0, *changes], [*changes, count], strict=True):
        source = photos[which[first]].level(level[first])
        run = slice(first * fine, last * fine)
        cv2.remap(source, map_x[run], map_y[run], cv2.INTER_LINEAR, dst=samples[run])
    means = cv2.resize(samples, (side, count * side), interpolation=cv2.INTER_AREA)
    return means.reshape(count, side, side, 3)
