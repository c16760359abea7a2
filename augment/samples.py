"""One sample or many: what stands at given positions of a minibatch, whoever makes it.

A sample is a pure function of the index, the recipe, the seed, the epoch and its position in the
epoch. The numbers of chance of a whole minibatch are one table, a line per position; whoever makes
a part of the minibatch draws the table and takes its lines. So it does not matter who makes which
part, in which order, or where a training was resumed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from augment.calibration import encode
from augment.errors import DataError
from augment.functional import crop_photos
from augment.order import generator
from augment.photos import Photos
from augment.pixels import change
from augment.recipe import Recipe
from augment.squares import TRIES, draw_squares
from augment.transforms import Draws, apply, draw

__all__ = ["Batch", "Sampler"]

_CHANGES, _SQUARES = range(2, 4)  # what a generator is for; the order of the epoch has 0 and 1


class Batch(NamedTuple):
    """A minibatch, or a part of one.

    Attributes
    ----------
    images : numpy.ndarray
        uint8 ``(batch, 3, side, side)``, RGB.
    labels : numpy.ndarray
        int32 ``(batch,)``. Detection: 1 face, 0 background, the faces come first; calibration: the
        class, 0 to 44; classes: the index's label.
    """

    images: np.ndarray
    labels: np.ndarray


class Sampler:
    """Makes samples of an index.

    Parameters
    ----------
    photos : Photos
        The index's photographs.
    recipe : Recipe
    seed : int
        With epoch and step the key of all chance.

    Raises
    ------
    DataError
        If the recipe cuts frames as they stand and squares are still to be drawn.
    """

    def __init__(self, photos: Photos, recipe: Recipe, seed: int):
        if recipe.intervals is None and recipe.task != "calibration":
            undrawn = np.count_nonzero(photos.index.undrawn)
            if undrawn:
                raise DataError(
                    f"the index has {undrawn} rows whose square is still to be drawn, but the "
                    "recipe cuts frames as they stand (fix_backgrounds settles them)"
                )
        self.photos = photos
        self._recipe = recipe
        self._seed = seed
        self._key: tuple[int, int] | None = None

    def make(
        self, epoch: int, step: int, positions: np.ndarray, rows: np.ndarray, classes: np.ndarray
    ) -> Batch:
        """Make the samples at some positions of a minibatch.

        Parameters
        ----------
        epoch, step : int
            Which minibatch.
        positions : numpy.ndarray
            int ``(n,)``: places in the minibatch.
        rows, classes : numpy.ndarray
            int ``(n,)``: what stands there; see `augment.order.Epoch`.

        Raises
        ------
        DataError
            If a class of the index has no readable picture.
        """
        recipe = self._recipe
        if self._key != (epoch, step):
            self._draw(epoch, step)
        rows, found, which = self.photos.read(rows)
        index = self.photos.index
        frames, labels = index.frames[rows], index.labels[rows]
        draws = None if self._draws is None else self._draws.take(positions)
        mirror = None if draws is None else draws.mirror
        angle = None
        if recipe.task == "calibration":
            frames, labels = encode(frames, classes, mirror), classes.astype(np.int32)
        elif draws is not None:
            frames, angle = apply(frames, draws), draws.angle
            undrawn = np.isnan(index.frames[rows, 0])
            if undrawn.any():
                frames[undrawn] = self._squares(positions, undrawn, rows, found, which)
                angle = np.where(undrawn, 0.0, angle)
        crops = crop_photos(found, which, frames, recipe.side, mirror, angle)
        if draws is not None:
            crops = change(crops, draws)
        return Batch(crops, labels)

    def _draw(self, epoch: int, step: int) -> None:
        """Draw the tables of a minibatch; the parts of one are mostly made one after another."""
        recipe = self._recipe
        self._key = epoch, step
        self._draws: Draws | None = None
        self._candidates: np.ndarray | None = None
        if recipe.intervals is not None:
            rng = generator(self._seed, epoch, _CHANGES, step)
            self._draws = draw(rng, recipe.batch_size, recipe.intervals)

    def _squares(
        self,
        positions: np.ndarray,
        undrawn: np.ndarray,
        rows: np.ndarray,
        found: list,
        which: np.ndarray,
    ) -> np.ndarray:
        """The drawn squares ``(k, 4)`` of the k samples that need one."""
        if self._candidates is None:
            assert self._key is not None
            epoch, step = self._key
            rng = generator(self._seed, epoch, _SQUARES, step)
            self._candidates = rng.random((self._recipe.batch_size, TRIES, 3))
        sizes = np.array([photo.size for photo in found], np.float64)[which[undrawn]]
        return draw_squares(
            self._candidates[positions[undrawn]],
            sizes,
            self.photos.faces(rows[undrawn]),
            self._recipe.smallest,
        )
