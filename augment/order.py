"""Which sample stands where: the order of an epoch, drawn from its seed and number alone."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from augment.calibration import CLASSES
from augment.errors import DataError
from augment.index import BACKGROUND, FACE, Index
from augment.recipe import Recipe

__all__ = ["Epoch", "epoch_order", "generator", "minibatches", "steps_per_epoch"]

_FIRST, _SECOND = 4, 5  # what a generator is for; 2 and 3 are those of other modules
_LIMIT = 2**32


class Epoch(NamedTuple):
    """The samples of an epoch.

    Attributes
    ----------
    rows : numpy.ndarray
        int32 ``(steps, batch)``: rows of the index.
    classes : numpy.ndarray
        int32 ``(steps, batch)``: the calibration class of each sample, 0 in other tasks.
    """

    rows: np.ndarray
    classes: np.ndarray


def generator(*key: int) -> np.random.Generator:
    """The generator of a key of whole numbers that are not negative.

    It does not matter who draws which numbers, and when. Keys that differ in something else than
    zeros at their end give independent numbers.

    Raises
    ------
    DataError
        If a number is negative or 2 ** 32 or more: it would stand for two of the key.
    """
    for number in key:
        if not 0 <= number < _LIMIT:
            raise DataError(f"seeds, epochs and steps lie in [0, 2 ** 32); got {number!r}")
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(key)))


def steps_per_epoch(index: Index, recipe: Recipe) -> int:
    """Minibatches in which an epoch shows everything once (a row of weight w, w times).

    Raises
    ------
    DataError
        If the index has no row that the recipe's task asks for.
    """
    _, count, in_batch = _shown(index, recipe)
    return -(-count // in_batch)


def epoch_order(index: Index, recipe: Recipe, *, seed: int, epoch: int) -> Epoch:
    """Draw the order of an epoch.

    What is shown comes in a random order; the last minibatch is filled up from the beginning of
    another order, so that all have one shape. Backgrounds of a detection task go round through
    their rows in an order of their own.

    Parameters
    ----------
    index : Index
        A row of weight w appears w times, rounded up or down by chance so that the sum holds.
    recipe : Recipe
    seed, epoch : int
        The key of all chance, not negative.

    Raises
    ------
    DataError
        If the index has no row of a kind that is asked for.
    """
    rows, count, in_batch = _shown(index, recipe)
    steps = -(-count // in_batch)
    repeats = len(CLASSES) if recipe.task == "calibration" else 1
    rng = generator(seed, epoch, _FIRST)
    items = _rounds(rng, rows, index.weights[rows], steps * in_batch, repeats)
    shown = (items // repeats).reshape(steps, in_batch)
    classes = (items % repeats).reshape(steps, in_batch)
    others = recipe.batch_size - in_batch
    if others:
        rows = np.flatnonzero(index.labels == BACKGROUND)
        if not index.weights[rows].any():
            raise DataError(f"the index has no background among its {len(index)} rows")
        rng = generator(seed, epoch, _SECOND)
        drawn = _rounds(rng, rows, index.weights[rows], steps * others, 1).reshape(steps, others)
        shown = np.concatenate([shown, drawn], axis=1)
        classes = np.concatenate([classes, np.zeros_like(drawn)], axis=1)
    return Epoch(shown.astype(np.int32), classes.astype(np.int32))


def minibatches(
    index: Index, recipe: Recipe, seed: int, *, epoch: int, step: int
) -> Iterator[tuple[int, int, np.ndarray, np.ndarray]]:
    """What stands in every minibatch from one on, through all epochs to come.

    Yields
    ------
    (int, int, numpy.ndarray, numpy.ndarray)
        Epoch, step, and its rows and classes, as in `Epoch`.
    """
    for number in itertools.count(epoch):
        order = epoch_order(index, recipe, seed=seed, epoch=number)
        for at in range(step, len(order.rows)):
            yield number, at, order.rows[at], order.classes[at]
        step = 0


def _shown(index: Index, recipe: Recipe) -> tuple[np.ndarray, int, int]:
    """Rows that an epoch shows, the number of their appearances, and how many a batch holds."""
    if recipe.task == "classes":
        rows, name = np.arange(len(index)), "row"
    else:
        rows, name = np.flatnonzero(index.labels == FACE), "face"
    total = float(index.weights[rows].sum(dtype=np.float64))
    count = max(1, round(total))
    if not total:
        raise DataError(f"the index has no {name} of any weight among its {len(index)} rows")
    if recipe.task == "calibration":
        count *= len(CLASSES)
    in_batch = recipe.faces_in_batch if recipe.task == "detection" else recipe.batch_size
    return rows, count, in_batch


def _rounds(
    rng: np.random.Generator, rows: np.ndarray, weights: np.ndarray, count: int, repeats: int
) -> np.ndarray:
    """The first ``count`` items of as many shuffled rounds as it takes.

    An item is ``row * repeats + k`` for every k below ``repeats``.
    """
    total = float(weights.sum(dtype=np.float64))
    # Where all weights are small, a round takes in more: it costs as much as it has rows.
    once = max(1, round(max(total, min(count, len(rows)))))
    orders = []
    for _ in range(-(-count // (once * repeats))):
        # Systematic sampling: one point in every unit of weight, of rows in a random order, or
        # neighbours of small weight would never appear together.
        turns = rng.permutation(len(rows))
        ends = np.cumsum(weights[turns], dtype=np.float64)
        # rounding the sum to whole samples changes every weight by the same tiny factor
        ends *= once / ends[-1]
        points = np.searchsorted(ends, rng.random() + np.arange(once), side="right")
        chosen = rows[turns[np.minimum(points, len(rows) - 1)]]
        items = (chosen[:, None] * repeats + np.arange(repeats)).reshape(-1)
        orders.append(rng.permutation(items))
    return np.concatenate(orders)[:count]
