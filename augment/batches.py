"""Minibatches of augmented crops, made in this process.

A sample is a pure function of the index, the seed, the epoch and its position in the epoch: every
batch has its own generator, keyed by these numbers, so that it does not matter who makes which
batch, in which order, or where training was resumed.

An epoch shows every face once. Each batch holds a fixed number of faces and of backgrounds (one to
one by default: either class weighs the same in the loss); the backgrounds go round through their
rows in an order of their own. The last batch is filled up with faces from the beginning of another
order, so that all batches have one shape.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from augment.cache import PhotoCache
from augment.errors import DataError
from augment.functional import crop_photos
from augment.index import BACKGROUND, FACE, Index
from augment.photos import Photos
from augment.transforms import Intervals, apply, draw

__all__ = [
    "DEFAULT_INTERVALS",
    "Batch",
    "batches",
    "epoch_rows",
    "fix_backgrounds",
    "fixed_set",
    "steps_per_epoch",
]

DEFAULT_INTERVALS = Intervals()

_BLOCK = 1024  # rows looked at together, so that a large set does not hold all photographs

_FACE_ORDER, _BACKGROUND_ORDER, _CHANGES, _FIXED = range(4)  # what a generator is for

Report = Callable[[str], None]


class Batch(NamedTuple):
    """One minibatch.

    Attributes
    ----------
    images : numpy.ndarray
        uint8 ``(batch, 3, side, side)``, RGB.
    labels : numpy.ndarray
        int32 ``(batch,)``: 1 face, 0 background; the faces come first.
    """

    images: np.ndarray
    labels: np.ndarray


def steps_per_epoch(index: Index, batch_size: int, backgrounds_per_face: float = 1.0) -> int:
    """Batches in which every face of the index is shown once."""
    in_batch = _faces_in_batch(batch_size, backgrounds_per_face)
    return -(-int(np.count_nonzero(index.labels == FACE)) // in_batch)


def epoch_rows(
    index: Index, batch_size: int, *, seed: int, epoch: int, backgrounds_per_face: float = 1.0
) -> np.ndarray:
    """Which row of the index stands at which position of an epoch.

    Returns
    -------
    numpy.ndarray
        int64 ``(steps, batch_size)``.

    Raises
    ------
    DataError
        If the index has no face, or no background where some are asked for.
    """
    in_batch = _faces_in_batch(batch_size, backgrounds_per_face)
    steps = steps_per_epoch(index, batch_size, backgrounds_per_face)
    columns = []
    for label, name, count, purpose in (
        (FACE, "face", in_batch, _FACE_ORDER),
        (BACKGROUND, "background", batch_size - in_batch, _BACKGROUND_ORDER),
    ):
        rows = np.flatnonzero(index.labels == label)
        if count and not len(rows):
            raise DataError(f"the index has no {name} among its {len(index)} rows")
        rng = _rng(seed, epoch, purpose)
        rounds = -(-steps * count // max(1, len(rows)))
        order = [rng.permutation(rows) for _ in range(rounds)]
        columns.append(np.concatenate([rows[:0], *order])[: steps * count].reshape(steps, count))
    return np.concatenate(columns, axis=1)


def batches(
    index: Index,
    side: int,
    batch_size: int,
    *,
    seed: int,
    epoch: int,
    start: int = 0,
    intervals: Intervals | None = DEFAULT_INTERVALS,
    backgrounds_per_face: float = 1.0,
    smallest: float = 20,
    cache: PhotoCache | None = None,
    report: Report = warnings.warn,
) -> Iterator[Batch]:
    """The batches of one epoch.

    Parameters
    ----------
    index : Index
        The samples.
    side : int
        Rows and columns of a crop: the net's input.
    batch_size : int
        Samples in a batch.
    seed, epoch : int
        The key of all chance, not negative.
    start : int
        First batch to make: an epoch resumed at ``start`` goes on with the same bytes.
    intervals : Intervals or None
        What is done to frames that the index gives, faces and fixed squares alike; drawn squares
        are only mirrored. None cuts frames as they stand: the article's plain set, for which
        `fix_backgrounds` must have settled the backgrounds.
    backgrounds_per_face : float
        Ratio inside each batch; 0 gives faces alone.
    smallest : float
        Shortest side in pixels of a drawn background square: the smallest face that will be looked
        for.
    cache : PhotoCache, optional
        Decoded photographs; pass the same one in every epoch.
    report : callable
        Told of each picture that cannot be read, once per cache. The next readable row with the
        same label, in the index's order, takes its place.

    Yields
    ------
    Batch

    Raises
    ------
    DataError
        If a class has no row or no readable picture, or ``intervals`` is None and squares are still
        to be drawn.
    """
    if intervals is None and index.undrawn.any():
        raise DataError(
            "plain batches need fixed squares; this index has "
            f"{np.count_nonzero(index.undrawn)} rows whose square is still to be drawn "
            "(fix_backgrounds settles them)"
        )
    rows = epoch_rows(
        index, batch_size, seed=seed, epoch=epoch, backgrounds_per_face=backgrounds_per_face
    )
    photos = Photos(index, PhotoCache() if cache is None else cache, report)
    for step in range(start, len(rows)):
        rng = _rng(seed, epoch, _CHANGES, step)
        yield _make(photos, rows[step], side, rng, intervals, smallest)


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
    rng = _rng(seed, _FIXED)
    rounds = -(-count // len(undrawn))
    turns = np.concatenate([rng.permutation(undrawn) for _ in range(rounds)])[:count]
    photos = Photos(index, PhotoCache() if cache is None else cache, report)
    chosen = [np.flatnonzero(~index.undrawn)]
    frames = [index.frames[chosen[0]]]
    for first in range(0, count, _BLOCK):
        rows, found, which = photos.read(turns[first : first + _BLOCK])
        chosen.append(rows)
        frames.append(photos.background_squares(rng, rows, found, which, smallest))
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
    photos = Photos(index, PhotoCache() if cache is None else cache, report)
    images, labels = [], []
    for first in range(0, len(index), _BLOCK):
        rows = np.arange(first, min(first + _BLOCK, len(index)))
        rows, found, which = photos.read_some(rows)
        crops = crop_photos(found, which, index.frames[rows], side)
        images.append(_channels_first(crops))
        labels.append(index.labels[rows])
    return Batch(
        np.concatenate([np.empty((0, 3, side, side), np.uint8), *images]),
        np.concatenate([index.labels[:0], *labels]),
    )


def _faces_in_batch(batch_size: int, backgrounds_per_face: float) -> int:
    if backgrounds_per_face < 0:
        raise DataError(f"backgrounds_per_face must not be negative; got {backgrounds_per_face!r}")
    count = round(batch_size / (1 + backgrounds_per_face))
    if count < 1:
        raise DataError(
            f"a batch of {batch_size!r} with {backgrounds_per_face!r} backgrounds per face has "
            "no face; make it larger"
        )
    return count


def _rng(*key: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(key)))


def _channels_first(crops: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(crops.transpose(0, 3, 1, 2))


def _make(
    photos: Photos,
    rows: np.ndarray,
    side: int,
    rng: np.random.Generator,
    intervals: Intervals | None,
    smallest: float,
) -> Batch:
    """One batch; the numbers taken from ``rng`` depend on the number of rows alone."""
    index = photos.index
    rows, found, which = photos.read(rows)
    frames, mirror = index.frames[rows], None
    if intervals is not None:
        changes = draw(rng, len(rows), intervals)
        squares = photos.background_squares(rng, rows, found, which, smallest)
        undrawn = index.undrawn[rows]
        frames = np.where(undrawn[:, None], squares, apply(frames, changes))
        mirror = changes.mirror
    crops = crop_photos(found, which, frames, side, mirror)
    return Batch(_channels_first(crops), index.labels[rows])
