"""The photographs that a cascade is tuned on: FDDB's fold 04 and a part of the face-free images."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from pathlib import Path

import cv2
import numpy as np

from augment.boxes import iou_matrix
from augment.datasets import fddb
from augment.errors import ImageError
from augment.images import read_image
from augment.splits import FOLDS, tune_set
from cascade.bundle import Cascade
from cascade.detector import Detector
from cascade.tuning import FOUND, Photo

__all__ = ["SMALLEST", "background_photos", "threshold_for", "tuning_faces", "tuning_photos"]

SMALLEST = 20
"""Smallest window that thresholds are tuned for, pixels."""

SHRUNK = 0.4
"""The tuning faces are also looked for at this size: fold 04 has few small ones."""

LEAST = 24
"""Faces that shrank below this many pixels do not count: no window has to fit them."""


def tuning_photos(data: Path, scale: float = 1.0, every: int = 1) -> Iterator[Photo]:
    """The photographs of FDDB's fold 04, by name, with their faces' squares.

    Parameters
    ----------
    data
        Folder of fddb/.
    scale
        Factor of their size, at most 1.
    every
        Take one photograph in so many.

    Yields
    ------
    name, image, faces
    """
    dataset = fddb.load(data / "fddb", FOLDS["tune"])
    for record in dataset.records[::every]:
        try:
            image = read_image(dataset.root / record.path)
        except ImageError:
            continue
        faces = np.asarray(record.boxes, np.float32).reshape(-1, 4) * scale
        if scale != 1:
            image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        yield record.name, image, faces


def tuning_faces(data: Path, every: int = 1) -> Iterator[Photo]:
    """`tuning_photos` as they are, and shrunk, where the faces stay large enough."""
    yield from tuning_photos(data, every=every)
    for name, image, faces in tuning_photos(data, SHRUNK, every):
        yield f"{name} shrunk", image, faces[faces[:, 2] >= LEAST]


def background_photos(data: Path, every: int = 1) -> Iterator[Photo]:
    """The face-free photographs of the tuning side."""
    index = tune_set(data, sources=("negatives",))
    none = np.empty((0, 4), np.float32)
    for row in range(0, len(index), every):
        try:
            yield index.paths[row], read_image(index.file(row)), none
        except ImageError:
            continue


def threshold_for(cascade: Cascade, data: Path, false_positives: float, every: int = 1) -> float:
    """The lowest score that keeps false alarms rare on the tuning side.

    Parameters
    ----------
    cascade
        With a low last threshold.
    data
        The data folder.
    false_positives
        Most of them per photograph, on the face-free photographs and on fold 04 each. A detection
        of fold 04 is one if it overlaps no face by half.
    every
        Take one photograph in so many.

    Returns
    -------
    float
    """
    detector = Detector(cascade, min_face=SMALLEST)
    lowest = 0.0
    for photos in (background_photos(data, every), tuning_photos(data, every=every)):
        scores, count = [np.empty(0)], 0
        faces_of: dict[Hashable, np.ndarray] = {}

        def images(photos=photos, faces_of=faces_of):
            for key, image, faces in photos:
                faces_of[key] = faces
                yield key, image

        for key, found in detector.detect_many(images()):
            if isinstance(found, Exception):
                continue
            count += 1
            hits = iou_matrix(found.boxes, faces_of.pop(key)).max(axis=1, initial=0) >= FOUND
            scores.append(found.scores[~hits])
        allowed = int(false_positives * count)
        falling = np.sort(np.concatenate(scores))[::-1]
        if len(falling) > allowed:
            lowest = max(lowest, float(falling[allowed]))
    return min(1.0, lowest + 1e-4)
