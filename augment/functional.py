"""Cutting frames out of photographs: pure functions from pixels and frames to pixels.

A crop has to look like what a detector sees, and a detector makes its pyramid with area averaging.
So a photograph is first halved with area averaging until a frame is two to four times as large as
the crop; then one bilinear sample is taken at each point of a grid twice as fine as the crop, and
the mean of two by two samples is one pixel (`augment.kernels`). Frames lie at fractions of a pixel,
need not be square and may be turned. Beyond the border the outermost pixels are repeated.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from augment import kernels
from augment.boxes import as_frames

__all__ = ["Levels", "crop", "crop_many", "crop_photos"]

_FINE = 2  # samples per pixel of the crop, in each direction
_LARGEST = 2**31 - 1  # a photograph's side


class Levels:
    """A decoded photograph and its halvings, made when first asked for; threads may share one.

    Parameters
    ----------
    image : numpy.ndarray
        uint8 ``(rows, columns, 3)``, at least one pixel; not to be changed afterwards.

    Attributes
    ----------
    size : tuple of int
        Width and height of the photograph in pixels.
    nbytes : int
        Bytes that it takes once it is halved all the way down.

    Raises
    ------
    ValueError
        If the image is of another type or shape.
    """

    def __init__(self, image: np.ndarray):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise ValueError(
                "a photograph is a uint8 array (rows, columns, 3); "
                f"got {image.dtype} of shape {image.shape!r}"
            )
        if not 1 <= min(image.shape[:2]) <= max(image.shape[:2]) <= _LARGEST:
            raise ValueError(
                f"a photograph's sides are 1 to {_LARGEST} pixels; got shape {image.shape!r}"
            )
        self.size = image.shape[1], image.shape[0]
        self.nbytes = _bytes_with_halvings(*image.shape[:2])
        self._levels: dict[int, np.ndarray] = {}
        self._pictures: dict[int, tuple[int, int, int]] = {}
        self._keep(0, image)

    def level(self, number: int) -> np.ndarray:
        """The photograph halved ``number`` times; sides are ``ceil(side / 2 ** number)``."""
        if number not in self._levels:
            last = self.level(number - 1)
            rows, columns = last.shape[:2]
            half = ((columns + 1) // 2, (rows + 1) // 2)
            self._keep(number, cv2.resize(last, half, interpolation=cv2.INTER_AREA))
        return self._levels[number]

    def picture(self, number: int) -> tuple[int, int, int]:
        """Address, rows and columns of a level, for the kernel; valid as long as the object is."""
        if number not in self._pictures:
            self.level(number)
        return self._pictures[number]

    def _keep(self, number: int, image: np.ndarray) -> None:
        # of threads that made the same level the first wins: its address may be in use
        image = self._levels.setdefault(number, np.ascontiguousarray(image))
        self._pictures[number] = image.ctypes.data, image.shape[0], image.shape[1]


def crop(
    image: np.ndarray, frame: np.ndarray, side: int, mirror: bool = False, angle: float = 0.0
) -> np.ndarray:
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
    angle : float
        Radians by which what the frame shows is turned counter-clockwise about the frame's centre,
        before it is mirrored.

    Returns
    -------
    numpy.ndarray
        uint8 ``(side, side, 3)``.
    """
    crops = crop_many(image, as_frames([frame]), side, np.array([mirror]), np.array([angle]))
    return np.ascontiguousarray(crops[0].transpose(1, 2, 0))


def crop_many(
    image: np.ndarray | Levels,
    frames: np.ndarray,
    side: int,
    mirror: np.ndarray | None = None,
    angle: np.ndarray | None = None,
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
    angle : numpy.ndarray, optional
        Radians ``(n,)``, as in `crop`; all zero by default.

    Returns
    -------
    numpy.ndarray
        uint8 ``(n, 3, side, side)``.
    """
    levels = image if isinstance(image, Levels) else Levels(image)
    return crop_photos([levels] * len(frames), frames, side, mirror, angle)


def crop_photos(
    photos: Sequence[Levels],
    frames: np.ndarray,
    side: int,
    mirror: np.ndarray | None = None,
    angle: np.ndarray | None = None,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Cut frames out of several photographs: a batch.

    Parameters
    ----------
    photos : sequence of Levels
        The photograph of each of the n frames.
    frames, side, mirror, angle
        As in `crop_many`.
    out : numpy.ndarray, optional
        uint8 ``(n, 3, side, side)``, contiguous: where to write; by default a new array.

    Returns
    -------
    numpy.ndarray
        uint8 ``(n, 3, side, side)``.

    Raises
    ------
    ValueError
        If the frames are no ``(n, 4)`` array, a frame has no area or is not finite, ``side`` is
        not positive, an angle is not finite, or one of the arrays has another length than
        ``frames``.
    """
    frames = as_frames(frames)
    _check_frames(frames, side)
    count = len(frames)
    if len(photos) != count:
        raise ValueError(f"each of the {count} frames has a photograph; got {len(photos)}")
    if not count:
        return np.empty((0, 3, side, side), np.uint8)
    sizes = np.array([photo.size for photo in photos], np.float64)
    level = _level_numbers(frames, sizes, side).tolist()
    pictures = np.array(
        [photo.picture(number) for photo, number in zip(photos, level, strict=True)], np.int64
    )
    maps = _maps(frames.astype(np.float64), pictures[:, :0:-1] / sizes, angle)
    if mirror is not None:
        maps[_column("mirror", mirror, bool, count), 1::3] *= -1
    return kernels.cut(pictures, maps, side, out)


def _check_frames(frames: np.ndarray, side: int) -> None:
    if side < 1:
        raise ValueError(f"the side of a crop is at least 1 pixel; got {side!r}")
    good = np.isfinite(frames).all(axis=1) & (frames[:, 2:] > 0).all(axis=1)
    if not good.all():
        row = int(np.argmin(good))
        raise ValueError(
            f"frames must be finite with positive width and height; frame {row} is "
            f"{frames[row].tolist()!r}"
        )


def _column(name: str, values: np.ndarray, dtype: type, count: int) -> np.ndarray:
    column: np.ndarray = np.asarray(values, dtype)
    if column.shape != (count,):
        raise ValueError(
            f"{name} has one value for each of the {count} frames; got shape {column.shape!r}"
        )
    return column


def _level_numbers(frames: np.ndarray, sizes: np.ndarray, side: int) -> np.ndarray:
    """How often to halve so that the frame's short side is two to four times the crop's."""
    wanted = np.floor(np.log2(frames[:, 2:].min(axis=1) / (_FINE * side)))
    possible = np.ceil(np.log2(sizes.max(axis=1)))
    return np.clip(wanted, 0, possible).astype(np.int64)


def _maps(frames: np.ndarray, scales: np.ndarray, angle: np.ndarray | None) -> np.ndarray:
    """Where in its level each crop is sampled, float64 ``(n, 6)`` as `augment.kernels.cut` takes.

    ``scales`` are the level's pixels per pixel of the photograph, ``(n, 2)``.
    """
    maps = np.zeros((len(frames), 2, 3))
    maps[:, :, 0] = (frames[:, :2] + frames[:, 2:] / 2) * scales - 0.5
    maps[:, (0, 1), (1, 2)] = frames[:, 2:]
    if angle is not None:
        angle = _column("angle", angle, np.float64, len(frames))
        if not np.isfinite(angle).all():
            raise ValueError(f"angles are finite; got {angle[~np.isfinite(angle)][0]!r}")
        cosine, sine = np.cos(angle)[:, None], np.sin(angle)[:, None]
        maps[:, 1, 1:] = frames[:, 2:] * np.concatenate([sine, cosine], axis=1)
        maps[:, 0, 1:] = frames[:, 2:] * np.concatenate([cosine, -sine], axis=1)
    maps[:, :, 1:] *= scales[:, :, None]
    return maps.reshape(-1, 6)


def _bytes_with_halvings(rows: int, columns: int) -> int:
    total = rows * columns
    while max(rows, columns) > 1:
        rows, columns = (rows + 1) // 2, (columns + 1) // 2
        total += rows * columns
    return 3 * total
