"""Thresholds and the table of stages, measured on photographs with known faces.

A face counts as found by a step where a frame that the step left overlaps its square by at least
one half (intersection over union). Thresholds are chosen from the lowest recall that they may leave
(Li et al., CVPR 2015, section 3: 99 % after the first stage, 97 % after two).
"""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from augment.boxes import iou_matrix
from cascade.detector import Detector

__all__ = ["FOUND", "StageRow", "best_scores", "stage_table", "threshold_at"]

FOUND = 0.5
_NEAR = 0.3  # frames that calibration is measured on overlap a face by this

Photo = tuple[Hashable, NDArray[np.uint8], NDArray[np.float32]]
"""A key, the pixels and the faces' squares (k, 4)."""


@dataclass(frozen=True)
class StageRow:
    """What a step of the cascade left over, on average.

    Attributes
    ----------
    step : str
        'windows', or as in `cascade.detector.Trace`.
    frames : float
        Frames per photograph.
    recall : float
        Share of the faces that one of them shows.
    overlap : float
        Mean intersection over union with their face, of the frames that overlap one by .3 or more
        before the step that moves them; NaN where there are none.
    """

    step: str
    frames: float
    recall: float
    overlap: float


def best_scores(detector: Detector, photos: Iterable[Photo], depth: int) -> NDArray[np.float64]:
    """The best score that the last of `depth` stages gives to a frame on each face.

    Parameters
    ----------
    detector : Detector
        With a low threshold in that stage.
    photos : iterable of (key, image, faces)
    depth : int
        Number of stages to run.

    Returns
    -------
    float64 array (faces,)
        0 for a face that no frame shows.
    """
    scores = [np.empty(0)]
    faces_of: dict[Hashable, NDArray[np.float32]] = {}
    for item in detector.candidates(_images(photos, faces_of), depth=depth):
        faces = faces_of.pop(item.key)
        found = iou_matrix(faces, item.frames) >= FOUND
        scores.append(np.where(found, item.scores, 0).max(axis=1, initial=0))
    return np.concatenate(scores)


def threshold_at(scores: NDArray[np.floating], recall: float) -> float:
    """The highest threshold that keeps a share of the faces.

    Parameters
    ----------
    scores : float array (faces,)
        From `best_scores`.
    recall : float
        Share of all these faces, 0 to 1. Where fewer were found at all, every one of them is kept.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If no face was found.
    """
    falling = np.sort(scores[scores > 0])[::-1]
    if not len(falling):
        raise ValueError(
            "threshold_at: no face was found; is the threshold of this stage too high?"
        )
    kept = min(len(falling), int(np.ceil(recall * len(scores) - 1e-9)))
    # Between this face's score and the next one's, so that rounding loses none.
    return float(falling[max(0, kept - 1)] * 0.999)


def stage_table(detector: Detector, photos: Iterable[Photo]) -> list[StageRow]:
    """What every step of the detector leaves over.

    Parameters
    ----------
    detector : Detector
    photos : iterable of (key, image, faces)

    Returns
    -------
    list of StageRow
        The first is that of all windows, whose recall and overlap are not measured (NaN).
    """
    faces_of: dict[Hashable, NDArray[np.float32]] = {}
    totals: dict[str, NDArray[np.float64]] = {}
    count = windows = faces_in_all = 0
    for key, found in detector.detect_many(_images(photos, faces_of), trace=True):
        faces = faces_of.pop(key)
        if isinstance(found, Exception):
            continue
        assert found.trace is not None
        count, windows = count + 1, windows + found.trace.windows
        faces_in_all += len(faces)
        before: NDArray[np.bool_] | None = None
        for step in found.trace.steps:
            pairs = iou_matrix(step.frames, faces)
            best = pairs.max(axis=1, initial=0)
            if before is None or len(before) != len(best) or not step.stage.endswith("_cal"):
                before = best >= _NEAR
            row = totals.setdefault(step.stage, np.zeros(4))
            row += [
                len(step.frames),
                (pairs.max(axis=0, initial=0) >= FOUND).sum(),
                best[before].sum(),
                np.count_nonzero(before),
            ]
    rows = [StageRow("windows", windows / max(1, count), np.nan, np.nan)]
    for name, (frames, recalled, overlap, near) in totals.items():
        rows.append(
            StageRow(
                name,
                frames / count,
                recalled / faces_in_all if faces_in_all else np.nan,
                overlap / near if near else np.nan,
            )
        )
    return rows


def _images(photos: Iterable[Photo], faces_of: dict[Hashable, NDArray[np.float32]]):
    for key, image, faces in photos:
        faces_of[key] = faces
        yield key, image
