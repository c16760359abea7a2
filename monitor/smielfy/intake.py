"""Strangers' bytes become a picture, or are refused before they cost anything.

What is stored is encoded anew from pixels: of the bytes that were sent nothing survives, neither
EXIF with its place and time nor whatever else may lie in a file.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from monitor.smielfy.errors import Refusal
from monitor.smielfy.limits import Limits

__all__ = ["Face", "FindFaces", "choose_face", "decode", "encode", "open_picture"]

FindFaces = Callable[[NDArray[np.uint8]], tuple[NDArray[np.float32], NDArray[np.float32]]]
"""Finds the faces in uint8 RGB (rows, columns, 3): boxes (n, 4) as x, y, width, height in pixels,
and scores (n,)."""

_LOGGER = logging.getLogger(__name__)
_KINDS = ("JPEG", "PNG", "WEBP")
_SCANS = 64
_SMALLEST_FACE = 64  # pixels: the nets see 48
_COMPANY = 0.6  # of the face's side: faces far behind are nobody who was asked
_SURE = 0.9


@dataclass(frozen=True)
class Face:
    """A face: x, y, width, height in pixels, and its score."""

    box: tuple[float, float, float, float]
    score: float


def open_picture(content: bytes, limits: Limits) -> Image.Image:
    """Return a JPEG, PNG or WebP file of which the head was read, but no pixel.

    Parameters
    ----------
    content : bytes
        The file.
    limits : Limits
        `pixels` that it has at most, and `smallest` in pixels.

    Raises
    ------
    Refusal
        If it is no such file, damaged, or its size is out of bounds.
    """
    if content.startswith(b"\xff\xd8") and content.count(b"\xff\xda") > _SCANS:
        # Every scan of a progressive JPEG goes over all pixels: a small file can take hours.
        raise Refusal(422, "pixels")
    try:
        with warnings.catch_warnings():
            # Pillow's warning about many pixels: the limit below is lower.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(content), formats=_KINDS)
    except Image.DecompressionBombError:
        raise Refusal(422, "pixels") from None
    except Exception:  # damaged files make Pillow raise nearly everything
        raise Refusal(415, "kind") from None
    width, height = image.size
    if width * height > limits.pixels:
        raise Refusal(422, "pixels")
    if min(width, height) < limits.smallest:
        raise Refusal(422, "small")
    return image


def decode(image: Image.Image, limits: Limits) -> NDArray[np.uint8]:
    """Return the pixels of a picture from `open_picture`, upright and not too large.

    Parameters
    ----------
    image : Image
        It is closed afterwards.
    limits : Limits
        `smallest` and `side` in pixels.

    Returns
    -------
    uint8 array (rows, columns, 3)
        RGB, its longer side at most `limits.side`.

    Raises
    ------
    Refusal
        If it is damaged, or too small.
    """
    with image:
        try:
            image.draft("RGB", (limits.side, limits.side))
            upright = ImageOps.exif_transpose(image).convert("RGB")
            upright.thumbnail((limits.side, limits.side), Image.Resampling.LANCZOS)
        except Exception as error:
            _LOGGER.info("a picture cannot be decoded (%s)", type(error).__name__)
            raise Refusal(415, "kind") from None
    if min(upright.size) < limits.smallest:  # a very long one
        raise Refusal(422, "small")
    return np.asarray(upright)


def choose_face(image: NDArray[np.uint8], find_faces: FindFaces) -> Face:
    """Return the one face in a picture.

    Parameters
    ----------
    image : uint8 array (rows, columns, 3)
        RGB.
    find_faces : callable
        See `FindFaces`.

    Raises
    ------
    Refusal
        If there is none, or if somebody else is in the picture, who was not asked.
    """
    boxes, scores = find_faces(image)
    faces = [
        Face(_rounded(x, y, width, height), round(float(score), 4))
        for (x, y, width, height), score in zip(boxes, scores, strict=True)
        if min(width, height) >= _SMALLEST_FACE
    ]
    if not faces:
        raise Refusal(422, "no_face")
    best = max(faces, key=lambda face: face.score)
    side = max(face.box[3] for face in faces)
    large = [face for face in faces if face.box[3] >= _COMPANY * side and face.score >= _SURE]
    if len(large) > 1:
        raise Refusal(422, "several")
    return large[0] if large else best


def _rounded(*numbers: float) -> tuple[float, float, float, float]:
    x, y, width, height = (round(float(number), 2) for number in numbers)
    return x, y, width, height


def encode(image: NDArray[np.uint8]) -> bytes:
    """Return a picture as a JPEG file that holds its pixels and nothing else."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=92)
    return file.getvalue()
