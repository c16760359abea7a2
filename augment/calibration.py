"""The 45 calibration classes: squares that miss a face by a known amount, and the way back.

A calibration net says by how much a window is off the face: class n means that it is ``sn`` times
as large as the face's square and lies ``xn``, ``yn`` of the face's width and height to the right
of and below it, corner to corner (Li, Lin, Shen, Brandt and Hua, "A convolutional neural network
cascade for face detection", CVPR 2015; "Two networks", part 2 of the garage articles).

`decode` is the paper's Eq. 1, and `encode` its exact inverse, which cuts the samples of a
calibration set. The paper's own recipe for these crops, Eq. 1 with ``1 / sn``, ``-xn`` and ``-yn``,
is not the inverse: it misses the corner by ``xn * (sn - 1)`` of the face's width.

Mirroring comes before cutting: the photograph is mirrored with its face, and the class stays as it
is. To mirror the finished crop would need another class, and because Eq. 1 is anchored at a corner
there is none for it unless ``sn`` is 1. `encode` therefore takes ``mirror`` and gives the frame
that, cut and then mirrored, shows the same as cutting in the mirrored photograph.
"""

from __future__ import annotations

import numpy as np

from augment.boxes import as_frames

__all__ = ["CLASSES", "IDENTITY", "SCALES", "SHIFTS", "adjust", "decode", "encode"]

SCALES = (0.83, 0.91, 1.0, 1.10, 1.21)
SHIFTS = (-0.17, 0.0, 0.17)

CLASSES = np.array([(s, x, y) for s in SCALES for x in SHIFTS for y in SHIFTS])
"""float64 ``(45, 3)``: sn, xn, yn; y changes fastest, then x, then the scale."""
CLASSES.flags.writeable = False

IDENTITY = 22
"""The class of a window that lies on the face: scale 1, no shift."""


def encode(frames: np.ndarray, classes: np.ndarray, mirror: np.ndarray | None = None) -> np.ndarray:
    """The frames to cut around faces so that each crop is of its class.

    Parameters
    ----------
    frames : numpy.ndarray
        ``(n, 4)``: the faces' squares in pixels.
    classes : numpy.ndarray
        int ``(n,)``: rows of `CLASSES`.
    mirror : numpy.ndarray, optional
        bool ``(n,)``: whether the cutter mirrors the crop (`augment.functional.crop_photos`); the
        class is then that of the mirrored crop. None by default.

    Returns
    -------
    numpy.ndarray
        float32 ``(n, 4)``: ``x + xn * w, y + yn * h, sn * w, sn * h``; where mirrored, the first is
        ``x + (1 - xn - sn) * w``.
    """
    x, y, width, height = _columns(frames)
    scale, right, down = _of_class(classes, len(x))
    if mirror is not None:
        right = np.where(mirror, 1 - right - scale, right)
    return _frames(x + right * width, y + down * height, scale * width, scale * height)


def decode(frames: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """The faces' squares around which frames of the given classes were cut (Eq. 1).

    Parameters
    ----------
    frames : numpy.ndarray
        ``(n, 4)`` in pixels.
    classes : numpy.ndarray
        int ``(n,)``: rows of `CLASSES`.

    Returns
    -------
    numpy.ndarray
        float32 ``(n, 4)``: ``x - xn * w / sn, y - yn * h / sn, w / sn, h / sn``.
    """
    return _back(frames, _of_class(classes, len(frames)))


def adjust(frames: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Frames moved onto the faces, as a calibration net advises.

    Classes that are less probable than chance, 1/45, do not count; the others give the mean of
    their (sn, xn, yn), weighted by their probabilities, for Eq. 1. Where no class counts the frame
    stays as it is.

    Parameters
    ----------
    frames : numpy.ndarray
        ``(n, 4)`` in pixels.
    probabilities : numpy.ndarray
        ``(n, 45)``: the net's outputs after softmax.

    Returns
    -------
    numpy.ndarray
        float32 ``(n, 4)``.

    Raises
    ------
    ValueError
        If the probabilities are no ``(n, 45)`` array.
    """
    probabilities = np.asarray(probabilities)
    if probabilities.shape != (len(frames), len(CLASSES)):
        raise ValueError(
            f"calibration.adjust needs {len(CLASSES)} probabilities for each of {len(frames)} "
            f"frames; got shape {probabilities.shape!r}"
        )
    votes = np.where(probabilities < 1 / len(CLASSES), 0, probabilities).astype(np.float64)
    total = votes.sum(axis=1, keepdims=True)
    none = total == 0
    mean = np.where(none, CLASSES[IDENTITY], (votes @ CLASSES) / np.where(none, 1, total))
    return _back(frames, mean.T)


def _back(frames: np.ndarray, change: np.ndarray) -> np.ndarray:
    x, y, width, height = _columns(frames)
    scale, right, down = change
    return _frames(
        x - right * width / scale, y - down * height / scale, width / scale, height / scale
    )


def _of_class(classes: np.ndarray, count: int) -> np.ndarray:
    """sn, xn, yn of each class: ``(3, n)``."""
    classes = np.asarray(classes)
    if classes.shape != (count,) or not ((classes >= 0) & (classes < len(CLASSES))).all():
        raise ValueError(
            f"calibration needs one class from 0 to {len(CLASSES) - 1} for each of {count} "
            f"frames; got {classes!r}"
        )
    return CLASSES[classes].T


def _columns(frames: np.ndarray) -> np.ndarray:
    return as_frames(frames).astype(np.float64).T


def _frames(*columns: np.ndarray) -> np.ndarray:
    return np.column_stack(columns).astype(np.float32)
