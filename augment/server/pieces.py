"""Minibatches in work, and the pieces they are cut into."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from augment.index import Index

__all__ = ["Minibatch", "Piece", "cut", "files_in_words", "homes"]

_NAMED = 3


@dataclass(eq=False)
class Minibatch:
    """A minibatch that is being made.

    Attributes
    ----------
    generation : int
        The training's last change of place in the stream; minibatches of an earlier one are
        abandoned.
    epoch, step, slot : int
        Which one, and where in the shared memory.
    left, done, given : int
        Pieces that are not done, that are done, and that a worker holds: the slot is not used
        again before these are back.
    """

    generation: int
    epoch: int
    step: int
    slot: int
    left: int = 0
    done: int = 0
    given: int = 0


@dataclass(eq=False)
class Piece:
    """A part of a minibatch.

    Attributes
    ----------
    batch : Minibatch
    places : numpy.ndarray
        int32 ``(3, n)``: positions, rows, classes; see `augment.samples.Sampler.make`.
    number : int
        Its name on the pipes.
    deaths : int
        Workers that ended while they were busy with it.
    """

    batch: Minibatch
    places: np.ndarray
    number: int
    deaths: int = 0


def homes(rows_of: np.ndarray, weights: np.ndarray, workers: int) -> np.ndarray:
    """The home of every photograph: a worker's number, so that all have as much to do.

    Parameters
    ----------
    rows_of : numpy.ndarray
        int ``(n,)``: the photograph of each row.
    weights : numpy.ndarray
        float ``(n,)``: how often a row appears.
    workers : int

    Returns
    -------
    numpy.ndarray
        int32 ``(photographs,)``.
    """
    load = np.bincount(rows_of, weights)
    # dealt like cards, from the heaviest on, there and back
    turns = np.arange(len(load)) % (2 * workers)
    home = np.empty(len(load), np.int32)
    home[np.argsort(-load, kind="stable")] = np.minimum(turns, 2 * workers - 1 - turns)
    return home


def cut(
    rows: np.ndarray, classes: np.ndarray, home: np.ndarray, workers: int, most: int
) -> Iterator[tuple[int, np.ndarray]]:
    """Cut a minibatch into pieces of at most so many samples whose photographs have one home.

    Parameters
    ----------
    rows, classes : numpy.ndarray
        int ``(batch,)``: what stands where; see `augment.order.Epoch`.
    home : numpy.ndarray
        int ``(batch,)``: the home of each sample's photograph.
    workers, most : int

    Yields
    ------
    (int, numpy.ndarray)
        The home and the places of a piece.
    """
    positions = np.argsort(home, kind="stable").astype(np.int32)
    places = np.stack([positions, rows[positions], classes[positions]])
    ends = np.cumsum(np.bincount(home, minlength=workers)).tolist()
    for worker, (begin, end) in enumerate(zip([0, *ends], ends, strict=False)):
        for at in range(begin, end, most):
            yield worker, places[:, at : min(at + most, end)]


def files_in_words(index: Index, rows: np.ndarray) -> str:
    """The files of some rows for a message: the first by name, and how many more there are."""
    files = sorted({index.file(row) for row in rows})
    named = ", ".join(repr(file) for file in files[:_NAMED])
    more = f" and {len(files) - _NAMED} more files" if len(files) > _NAMED else ""
    return named + more
