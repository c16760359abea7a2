"""Pictures of a run as pages list them: what was noted beside each, its size and its boxes."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from monitor.checks import Boxes
from monitor.layout import ROLES, RunLogError
from monitor.picture_size import picture_size
from monitor.segment_reader import SegmentReader

__all__ = ["BoxIndex", "box_columns", "boxes_of", "face_and_score", "noted"]

_HEAD_BYTES = 64 * 1024
_METADATA_BYTES = 1024 * 1024
_ROLE_NAMES = np.array(["", *ROLES])
_LOST = "what was noted beside the picture is lost to damage"


def noted(
    segments: Sequence[SegmentReader], rows: np.ndarray, *, sizes: bool
) -> list[dict[str, Any]]:
    """Return what was noted beside pictures.

    Parameters
    ----------
    segments : sequence of SegmentReader
        Of the run.
    rows : numpy.ndarray
        ``(n,)`` rows of a `monitor.selection.MediaTable`.
    sizes : bool
        Also give the pictures' sizes in pixels, for which their first bytes are read.

    Returns
    -------
    list of dict
        `metadata`, None if it is damaged and `problem` says so; `width` and `height`.
    """
    found: list[dict[str, Any]] = [{} for _ in rows]
    for segment in segments:
        places = np.flatnonzero(rows["segment"] == segment.number)
        if places.size:
            for place, note in zip(places, _noted(segment, rows[places], sizes), strict=True):
                found[place] = note
    return found


def _noted(segment: SegmentReader, rows: np.ndarray, sizes: bool) -> Iterator[dict[str, Any]]:
    ranges = []
    for row in rows:
        offset, length = int(row["offset"]), int(row["length"])
        ranges.append((offset + length, _metadata_size(row)))
        if sizes:
            ranges.append((offset, min(length, _HEAD_BYTES)))
    contents = segment.blobs(ranges)
    for content in contents:
        note = _parsed(content)
        if sizes:
            head = next(contents)
            size = picture_size(head) if isinstance(head, bytes) else None
            note["width"], note["height"] = size or (None, None)
        yield note


def _metadata_size(row: np.void) -> int:
    size = int(row["metadata"])
    return size if size <= _METADATA_BYTES else -1  # a damaged row: reading it is refused


def _parsed(content: bytes | RunLogError) -> dict[str, Any]:
    try:
        if isinstance(content, RunLogError):
            raise content
        metadata = json.loads(content or b"{}")
    except (ValueError, RecursionError):
        return {"metadata": None, "problem": _LOST}
    return {"metadata": metadata}


def face_and_score(metadata: Any) -> tuple[bool, float]:
    """Return whether a rejected window was a face, and its score; NaN where none was noted."""
    if not isinstance(metadata, dict):
        return False, math.nan
    score = metadata.get("score")
    number = float(score) if isinstance(score, int | float) else math.nan
    return metadata.get("face") is True, number


class BoxIndex:
    """The boxes of a segment, by picture.

    Parameters
    ----------
    segment : SegmentReader
    """

    def __init__(self, segment: SegmentReader) -> None:
        rows = segment.rows("boxes")
        rows = rows[rows["role"] > 0]
        self._rows = rows[np.argsort(rows["media"], kind="stable")]

    def rows(self, media: int) -> np.ndarray:
        """Return the rows of ``boxes`` that belong to a row of ``media``."""
        begin, end = np.searchsorted(self._rows["media"], [media, media + 1])
        return self._rows[begin:end]


def boxes_of(rows: np.ndarray) -> Boxes:
    """Return rows of the table ``boxes`` as boxes."""
    frames = np.stack([rows[side] for side in ("x", "y", "width", "height")], axis=1)
    roles = _ROLE_NAMES[np.minimum(rows["role"], len(ROLES))]
    return Boxes(frames, rows["score"].copy(), rows["stage"].copy(), roles)


def box_columns(boxes: Boxes) -> dict[str, list[Any]]:
    """Return boxes as lists, one for each property; scores that are no numbers are None."""
    frames = np.asarray(boxes.frames, np.float64)
    scores = np.asarray(boxes.scores, np.float64).tolist()
    columns = [
        [value if math.isfinite(value) else 0.0 for value in column] for column in frames.T.tolist()
    ]
    return {
        **dict(zip(("x", "y", "width", "height"), columns, strict=True)),
        "score": [score if math.isfinite(score) else None for score in scores],
        "stage": np.asarray(boxes.stage).tolist(),
        "role": np.asarray(boxes.role).tolist(),
    }
