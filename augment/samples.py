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
from augment.functional import Levels, crop_photos
from augment.order import generator
from augment.photos import Photos
from augment.pixels import change
from augment.recipe import Recipe
from augment.squares import TRIES, draw_squares
from augment.transforms import COLUMNS, Draws, apply, draws_of

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
    reuse : bool
        Whether the images of all calls lie in the same memory, for a caller that copies them: new
        memory costs more than that.

    Raises
    ------
    DataError
        If the recipe cuts frames as they stand and squares are still to be drawn.
    """

    def __init__(self, photos: Photos, recipe: Recipe, seed: int, *, reuse: bool = False):
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
        shape = (recipe.batch_size, 3, recipe.side, recipe.side)
        self._memory = np.empty(shape, np.uint8) if reuse else None
        self._changes_pixels = recipe.intervals is not None and recipe.intervals.changes_pixels
        self._place: tuple[int, int] | None = None  # epoch and step of the tables
        self._tables: dict[int, np.ndarray] = {}

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
        if self._place != (epoch, step):
            self._place = epoch, step
            self._tables.clear()
        draws = None
        if recipe.intervals is not None:
            draws = draws_of(self._table(_CHANGES, COLUMNS)[positions], recipe.intervals)
        if self._memory is None:
            images = np.empty((len(rows), 3, recipe.side, recipe.side), np.uint8)
        else:
            images = self._memory[: len(rows)]
        labels = np.empty(len(rows), np.int32)
        for places, readable, found in self.photos.runs(rows):
            part = slice(places[0], places[-1] + 1)
            frames, labels[part], mirror, angle = self._frames(
                positions[part], readable, classes[part], found, draws and draws.take(part)
            )
            crop_photos(found, frames, recipe.side, mirror, angle, images[part])
        if draws is not None and self._changes_pixels:
            images = change(images, draws)
        return Batch(images, labels)

    def _frames(
        self,
        positions: np.ndarray,
        rows: np.ndarray,
        classes: np.ndarray,
        found: list[Levels],
        draws: Draws | None,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray | None]:
        """What to cut: frames, with labels, and which crops are mirrored and turned."""
        index = self.photos.index
        frames = index.frames[rows]
        mirror = None if draws is None else draws.mirror
        if self._recipe.task == "calibration":
            return encode(frames, classes, mirror), classes, mirror, None
        angle = None
        if draws is not None:
            undrawn = np.isnan(frames[:, 0])
            frames = apply(frames, draws)
            if draws.angle.any():
                angle = np.where(undrawn, 0.0, draws.angle)
            if undrawn.any():
                frames[undrawn] = self._squares(positions, undrawn, rows, found)
        return frames, index.labels[rows], mirror, angle

    def _squares(
        self, positions: np.ndarray, undrawn: np.ndarray, rows: np.ndarray, found: list[Levels]
    ) -> np.ndarray:
        """The drawn squares ``(k, 4)`` of the k samples that need one."""
        which = np.flatnonzero(undrawn)
        candidates = self._table(_SQUARES, TRIES * 3)[positions[which]]
        return draw_squares(
            candidates.reshape(-1, TRIES, 3),
            np.array([found[n].size for n in which.tolist()], np.float64),
            self.photos.faces(rows[which]),
            self._recipe.smallest,
        )

    def _table(self, purpose: int, columns: int) -> np.ndarray:
        """Numbers from [0, 1), a line for each position of the minibatch."""
        if purpose not in self._tables:
            assert self._place is not None
            epoch, step = self._place
            rng = generator(self._seed, epoch, purpose, step)
            self._tables[purpose] = rng.random((self._recipe.batch_size, columns))
        return self._tables[purpose]
