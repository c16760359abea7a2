"""Many people's everyday expressions beside few people's caricatures of them.

The article's smiley net knew the twenty people that it had learned from and nobody else. LFW shows
thousands; students have called their faces neutral, happy, surprised, angry or sad (the list
``emotions.csv``, from https://github.com/muxspace/facial_expressions, one noisy label each). Five
smileys are close enough to these to learn from them, too.
"""

from __future__ import annotations

import csv
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from augment.datasets import lfw
from augment.datasets.smileys import SMILEYS
from augment.errors import DataError
from augment.index import Index, faces

__all__ = ["EMOTIONS", "emotion_set"]

EMOTIONS = {
    "neutral": ":-|",
    "happiness": ":-D",
    "surprise": ":-O",
    "anger": ">:-(",
    "sadness": ":-(",
}
"""The smiley that stands for each; the list's few faces of disgust, fear and contempt are left."""

_SCALE, _DOWN = 1.14, 0.1
"""A smiley frame's square, hairline to chin, beside LFW's: so much larger, so much of the side
lower. Medians of what the detector, whose squares are as LFW's, finds on the smiley frames."""

_MOST = 3.0  # times that a rare emotion's picture is shown for each that it would be by its share

Report = Callable[[str], None]


def emotion_set(data: str | Path, report: Report = warnings.warn) -> Index:
    """LFW's faces that have an emotion, labelled with its smiley.

    The weights make the five smileys equally frequent, except that no picture weighs more than
    three times what it would without weights.

    Parameters
    ----------
    data : str or Path
        Folder with ``lfw``, which holds ``emotions.csv``.
    report : callable
        Told every problem of the data set, one sentence each.

    Raises
    ------
    DataError
        If the data set or its list is not there.
    """
    root = Path(data)
    pictures = lfw.load(root / "lfw")
    for problem in pictures.problems:
        report(problem)
    path = root / "lfw" / "emotions.csv"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            said = {row["file"]: row["emotion"] for row in csv.DictReader(file)}
    except (OSError, KeyError, csv.Error) as error:
        raise DataError(
            f"{path}: the list of LFW's emotions (file,emotion) cannot be read ({error})"
        ) from error
    emotions = {record.path: said.get(record.path, "") for record in pictures}
    kept = [record for record in pictures if emotions[record.path] in EMOTIONS]
    if not kept:
        raise DataError(f"{path}: names none of the pictures of {str(root / 'lfw')!r}")
    index = faces(replace(pictures, records=kept), root)
    labels = np.array([SMILEYS.index(EMOTIONS[emotions[record.path]]) for record in kept], np.int32)
    counts = np.bincount(labels)
    even = len(labels) / (np.count_nonzero(counts) * counts[labels])
    weights = np.minimum(even, _MOST)
    return replace(
        index,
        frames=_as_smileys(index.frames),
        labels=labels,
        weights=(weights * len(labels) / weights.sum()).astype(np.float32),
    )


def _as_smileys(frames: np.ndarray) -> np.ndarray:
    """Squares as those of smiley frames."""
    moved = frames.copy()
    moved[:, 2:] *= _SCALE
    moved[:, :2] += (frames[:, 2:] - moved[:, 2:]) / 2
    moved[:, 1] += _DOWN * frames[:, 3]
    return moved
