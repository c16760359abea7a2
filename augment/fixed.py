"""Sets that do not change: backgrounds settled once, and crops that nets are evaluated on."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from augment.cache import PhotoCache
from augment.calibration import CLASSES, encode
from augment.errors import DataError
from augment.functional import crop_photos
from augment.index import FACE, Index
from augment.order import generator
from augment.photos import Photos
from augment.pixels import change
from augment.samples import Batch
from augment.squares import TRIES, draw_squares
from augment.transforms import Intervals, apply, draw

__all__ = ["calibration_set", "changed_set", "fix_backgrounds", "fixed_set"]

# What a generator is for; the committed validation squares were drawn with the first.
_FIXED, _CHANGED = 3, 6

Report = Callable[[str], None]


def fix_backgrounds(
    index: Index,
    count: int,
    *,
    seed: int,
    smallest: float = 20,
    cache: PhotoCache | None = None,
    report: Report = warnings.warn,
) -> Index:
    """The index with ``count`` fixed background squares instead of rows that are drawn.

    The pictures take turns in an order drawn from ``seed``, and so do the squares: the article's
    plain set and the validation set are made of these.
    """
    undrawn = np.flatnonzero(index.undrawn)
    if not len(undrawn):
        raise DataError("the index has no row whose square is to be drawn")
    rng = generator(seed, _FIXED)
    rounds = -(-count // len(undrawn))
    turns = np.concatenate([rng.permutation(undrawn) for _ in range(rounds)])[:count]
    photos = Photos(index, PhotoCache() if cache is None else cache, report)
    chosen = [np.flatnonzero(~index.undrawn)]
    frames = [index.frames[chosen[0]]]
    for _, rows, found in photos.runs(turns):
        sizes = np.array([photo.size for photo in found], np.float64)
        candidates = rng.random((len(rows), TRIES, 3))
        chosen.append(rows)
        frames.append(draw_squares(candidates, sizes, photos.faces(rows), smallest))
    fixed = index.select(np.concatenate(chosen))
    return replace(fixed, frames=np.concatenate(frames))


def fixed_set(
    index: Index, side: int, *, cache: PhotoCache | None = None, report: Report = warnings.warn
) -> Batch:
    """All samples of an index as they stand, in its order: an evaluation set.

    Pictures that cannot be read are reported and left out.

    Raises
    ------
    DataError
        If squares are still to be drawn.
    """
    if index.undrawn.any():
        raise DataError(
            f"a fixed set needs fixed squares; {np.count_nonzero(index.undrawn)} rows have none "
            "(fix_backgrounds settles them)"
        )
    return _cut(index, np.arange(len(index)), None, side, cache, report)


def changed_set(
    index: Index,
    side: int,
    intervals: Intervals,
    seed: int,
    *,
    cache: PhotoCache | None = None,
    report: Report = warnings.warn,
) -> Batch:
    """`fixed_set`, each sample changed at random once: the first article's augmented test set.

    The same seed draws the same changes.

    Raises
    ------
    DataError
        If squares are still to be drawn.
    """
    if index.undrawn.any():
        raise DataError(
            f"a changed set needs fixed squares; {np.count_nonzero(index.undrawn)} rows have none "
            "(fix_backgrounds settles them)"
        )
    photos = Photos(index, PhotoCache() if cache is None else cache, report)
    draws = draw(generator(seed, _CHANGED), len(index), intervals)
    images, labels = [np.empty((0, 3, side, side), np.uint8)], [np.empty(0, np.int32)]
    for places, rows, found in photos.runs(np.arange(len(index)), replace=False):
        mine = draws.take(places)
        angle = mine.angle if mine.angle.any() else None
        crops = crop_photos(found, apply(index.frames[rows], mine), side, mine.mirror, angle)
        images.append(change(crops, mine) if intervals.changes_pixels else crops)
        labels.append(index.labels[rows])
    return Batch(np.concatenate(images), np.concatenate(labels))


def calibration_set(
    index: Index, side: int, *, cache: PhotoCache | None = None, report: Report = warnings.warn
) -> Batch:
    """Every face of an index in each of the 45 calibration classes: an evaluation set.

    Pictures that cannot be read are reported and left out.
    """
    faces = np.flatnonzero(index.labels == FACE)
    rows = np.repeat(faces, len(CLASSES))
    return _cut(index, rows, np.tile(np.arange(len(CLASSES)), len(faces)), side, cache, report)


def _cut(
    index: Index,
    rows: np.ndarray,
    classes: np.ndarray | None,
    side: int,
    cache: PhotoCache | None,
    report: Report,
) -> Batch:
    """Crops of rows, or of calibration classes of rows, without any change."""
    photos = Photos(index, PhotoCache() if cache is None else cache, report)
    images, labels = [np.empty((0, 3, side, side), np.uint8)], [np.empty(0, np.int32)]
    for places, kept, found in photos.runs(rows, replace=False):
        if classes is None:
            frames, label = index.frames[kept], index.labels[kept]
        else:
            label = classes[places].astype(np.int32)
            frames = encode(index.frames[kept], label)
        images.append(crop_photos(found, frames, side))
        labels.append(label)
    return Batch(np.concatenate(images), np.concatenate(labels))
