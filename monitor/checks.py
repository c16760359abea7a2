"""Turning what the caller of a run log gives into rows, and refusing what is no row."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from monitor.layout import BINS, ROLES, STEP_LIMIT, TABLES, TAG_BYTES, RunLogError

__all__ = ["Boxes", "box_rows", "encoded_tag", "histogram", "media_kind", "pixels", "whole"]

_JPEG_SIDE = 65_535


class Boxes(NamedTuple):
    """Boxes drawn over a picture.

    Attributes
    ----------
    frames : numpy.ndarray
        ``(n, 4)`` x, y, width, height in pixels of the picture.
    scores : numpy.ndarray or None
        ``(n,)`` face probabilities; None is read back as NaN.
    stage : int or numpy.ndarray
        Cascade stage, one for all or ``(n,)``.
    role : str or sequence of str
        "fired", "kept_in_size", "kept_at_last" or "truth", one for all or ``(n,)``: the red, blue,
        green and white boxes of "Deep learning in the garage", part 1.
    """

    frames: np.ndarray
    scores: np.ndarray | None = None
    stage: int | np.ndarray = 0
    role: str | Sequence[str] | np.ndarray = "kept_at_last"


def encoded_tag(who: str, tag: object) -> bytes:
    """Return a tag's bytes.

    Raises
    ------
    RunLogError
        If it is not a text of 1 to 128 bytes that can be printed.
    """
    if isinstance(tag, str) and tag.isprintable():
        name = tag.encode()
        if 1 <= len(name) <= TAG_BYTES:
            return name
    raise RunLogError(
        f"{who} takes names of 1 to {TAG_BYTES} bytes of printable text, not {tag!r}; shorten it."
    )


def whole(who: str, what: str, value: Any) -> int:
    """Return `value` as an integer that is not negative.

    Raises
    ------
    RunLogError
        If it is not one, or does not fit 64 bits.
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = -1
    if not 0 <= number < STEP_LIMIT:
        raise RunLogError(
            f"{who} counts {what} in whole numbers from 0 to 2**63 - 1, not {value!r}."
        )
    return number


def histogram(who: str, values: Any) -> tuple[float, float, np.ndarray]:
    """Return the lowest and highest finite value and the counts of `BINS` equal bins between them.

    NaN and infinite values are left out; without any other, both ends are NaN. A log that refused
    them would stop the very training that it should show.

    Raises
    ------
    RunLogError
        If the values are not real numbers.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise RunLogError(f"{who} takes real numbers, not an array of {array.dtype!r}.")
    numbers = array.ravel().astype(np.float64, copy=False)
    finite = np.isfinite(numbers)
    if not finite.all():
        numbers = numbers[finite]
    if not numbers.size:
        return np.nan, np.nan, np.zeros(BINS, np.int64)
    lowest, highest = float(numbers.min()), float(numbers.max())
    # Halved before subtracting, so that the width of the range cannot overflow.
    half = highest / 2 - lowest / 2
    place = np.zeros(numbers.size) if half == 0 else (numbers / 2 - lowest / 2) / half
    bins = np.minimum((place * BINS).astype(np.int64), BINS - 1)
    return lowest, highest, np.bincount(bins, minlength=BINS)


def media_kind(who: str, encoded: bytes) -> str:
    """Return "png" or "jpeg" by a file's first bytes.

    Raises
    ------
    RunLogError
        If it is neither.
    """
    if encoded.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if encoded.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    raise RunLogError(f"{who} takes the bytes of a PNG or JPEG file, not {encoded[:8]!r}...")


def pixels(who: str, image: Any) -> np.ndarray:
    """Return a picture as a contiguous array.

    Raises
    ------
    RunLogError
        If it is not uint8 ``(rows, columns, 3)`` or ``(rows, columns)``.
    """
    array = np.asarray(image)
    colours = array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)
    if array.dtype != np.uint8 or not colours or not array.size or max(array.shape) > _JPEG_SIDE:
        raise RunLogError(
            f"{who} takes uint8 pixels (rows, columns, 3) or (rows, columns) with sides up to "
            f"{_JPEG_SIDE}, or the bytes of a PNG or JPEG file, not {array.dtype} {array.shape}."
        )
    return np.ascontiguousarray(array)


def box_rows(who: str, boxes: Boxes | Sequence[Boxes] | None) -> np.ndarray:
    """Return boxes as rows of the table ``boxes`` whose field ``media`` is still to be set.

    Raises
    ------
    RunLogError
        If the shapes do not agree or a role is unknown.
    """
    groups = [boxes] if isinstance(boxes, Boxes) else list(boxes or ())
    return np.concatenate([_group_rows(who, group) for group in groups] or [_no_boxes()])


def _no_boxes() -> np.ndarray:
    return np.zeros(0, TABLES["boxes"][0])


def _group_rows(who: str, group: Any) -> np.ndarray:
    if not isinstance(group, Boxes):
        raise RunLogError(f"{who} takes boxes as Boxes or a list of Boxes, not {group!r}.")
    frames = np.asarray(group.frames, np.float32)
    if not frames.size:
        return _no_boxes()
    if frames.ndim != 2 or frames.shape[1] != 4:
        raise RunLogError(f"{who} takes frames of shape (n, 4), not {frames.shape!r}.")
    roles = np.atleast_1d(np.asarray(group.role)).tolist()
    unknown = [role for role in roles if role not in ROLES]
    if unknown:
        raise RunLogError(f"{who} knows the roles {', '.join(ROLES)}, not {unknown[0]!r}.")
    rows = np.zeros(len(frames), TABLES["boxes"][0])
    columns = {
        "x": frames[:, 0],
        "y": frames[:, 1],
        "width": frames[:, 2],
        "height": frames[:, 3],
        "score": np.nan if group.scores is None else np.asarray(group.scores),
        "stage": np.asarray(group.stage),
        "role": np.array([ROLES[role] for role in roles]),
    }
    for name, column in columns.items():
        try:
            rows[name] = column
        except ValueError:
            raise RunLogError(
                f"{who} takes one {name} for all {len(frames)} boxes or one for each, "
                f"not an array of shape {np.shape(column)!r}."
            ) from None
    return rows
