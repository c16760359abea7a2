"""Which smiley does a face make? A vote of 45 neighbouring squares ("The return of smileys").

A smiley net that learned from few people answers differently when its square moves a little, and a
detector's square is never quite where the labelled ones were. So the article asks the net about "45
neighbouring" squares and adds up the distributions that it gives. Here these are the classes of the
calibration grid, 9 shifts times 5 scales, the square itself among them, about the face's middle and
at a fifth of the grid's steps: at full steps a third of the squares cut off the mouth or the brows,
and the vote tells fewer frames than the square alone does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from augment.calibration import CLASSES, IDENTITY
from augment.functional import Levels, crop_photos
from cascade.trained import Net

__all__ = [
    "GRID",
    "REACH",
    "Votes",
    "ballots",
    "single",
    "vote",
    "vote_photos",
    "vote_squares",
    "votes_of",
]

GRID = tuple(range(len(CLASSES)))
"""All squares of the calibration grid, by class of `augment.calibration`."""

REACH = 0.2
"""How far the neighbouring squares lie off, as a part of the calibration grid's steps: shifts of
3.4 % of the side, scales of 0.96 to 1.04. On frames held out of the learnt ones, so small a reach
lost nothing on most nets and gained a point on some; half the steps lost known people at known
moments two points, all of them five."""

_BATCH = (
    360  # crops that the net sees at once: eight faces' votes; more takes memory, not less time
)


@dataclass(frozen=True, eq=False)
class Votes:
    """What the net says of n faces.

    Attributes
    ----------
    probabilities : float32 array (n, classes)
        The mean of the squares' distributions.
    label : intp array (n,)
        The class of the largest one; of equal ones the first.
    score : float32 array (n,)
        That class's part of all votes, 0 to 1: its sum over the squares, divided by their number.
    """

    probabilities: NDArray[np.float32]
    label: NDArray[np.intp]
    score: NDArray[np.float32]


def votes_of(probabilities: NDArray) -> Votes:
    """The winners of distributions (n, classes)."""
    probabilities = np.asarray(probabilities, np.float32)
    label = probabilities.argmax(axis=1)
    return Votes(probabilities, label, probabilities[np.arange(len(label)), label])


def vote_squares(
    squares: ArrayLike, grid: Sequence[int] = GRID, *, reach: float = REACH
) -> NDArray[np.float32]:
    """The neighbouring squares that vote about each face.

    Parameters
    ----------
    squares : float array (n, 4)
        x, y, width, height in pixels.
    grid : sequence of int
        Which classes of `augment.calibration`; all 45 by default.
    reach : float
        Part of the grid's steps, from 0 (the square itself, again and again) to 1.

    Returns
    -------
    float32 array (n, len(grid), 4)
        For each class (sn, xn, yn) the square whose sides are multiplied by ``sn ** reach``, and
        whose middle is moved by ``xn * reach`` and ``yn * reach`` of the old sides.

    Raises
    ------
    ValueError
        If the grid names no such class.
    """
    frames = np.asarray(squares, np.float32).reshape(-1, 4)
    classes = np.asarray(grid, np.intp)
    if ((classes < 0) | (classes >= len(CLASSES))).any():
        raise ValueError(f"the grid has classes 0 to {len(CLASSES) - 1}; got {list(grid)}")
    factors = CLASSES[classes, :1] ** reach
    moved = 0.5 + CLASSES[classes, 1:] * reach - factors / 2  # the corner, in old sides
    corners = frames[:, None, :2] + moved * frames[:, None, 2:]
    sides = factors * frames[:, None, 2:]
    return np.concatenate([corners, sides], axis=2).astype(np.float32)


def vote(
    net: Net,
    photo: Levels | NDArray[np.uint8],
    squares: ArrayLike,
    *,
    grid: Sequence[int] = GRID,
) -> Votes:
    """Let the squares around each face of a photograph vote.

    Parameters
    ----------
    net : Net
        `cascade.smiles.SmileNet`, or another net of classes.
    photo : Levels or uint8 array (rows, columns, 3)
    squares : float array (n, 4)
        The faces' squares as the net was trained on; a detector's go through `SmileNet.squares`
        first.
    grid : sequence of int
        As in `vote_squares`.

    Returns
    -------
    Votes

    Raises
    ------
    ValueError
        If the photograph is no such array, a square has no area or is not finite, or the grid is
        empty.
    """
    levels = photo if isinstance(photo, Levels) else Levels(photo)
    squares = np.asarray(squares, np.float32).reshape(-1, 4)
    return vote_photos(net, [levels] * len(squares), squares, grid=grid)


def single(net: Net, photo: Levels | NDArray[np.uint8], squares: ArrayLike) -> Votes:
    """What the net says of the squares themselves, without neighbours; as `vote` otherwise."""
    return vote(net, photo, squares, grid=(IDENTITY,))


def vote_photos(
    net: Net, photos: Sequence[Levels], squares: ArrayLike, *, grid: Sequence[int] = GRID
) -> Votes:
    """`vote` for faces of several photographs, in the same batches.

    Parameters
    ----------
    net : Net
    photos : sequence of Levels
        The photograph of each of the n faces.
    squares, grid
        As in `vote`.

    Returns
    -------
    Votes

    Raises
    ------
    ValueError
        As by `vote`, or if the two have different lengths.
    """
    return votes_of(ballots(net, photos, squares, grid=grid).mean(axis=1, dtype=np.float64))


def ballots(
    net: Net, photos: Sequence[Levels], squares: ArrayLike, *, grid: Sequence[int] = GRID
) -> NDArray[np.float32]:
    """What every square says before the votes are added up; see `vote_photos`.

    Returns
    -------
    float32 array (n, len(grid), classes)
        Distributions.
    """
    squares = np.asarray(squares, np.float32).reshape(-1, 4)
    if not len(grid):
        raise ValueError("at least one square votes; got an empty grid")
    if len(photos) != len(squares):
        raise ValueError(f"each of the {len(squares)} faces has a photograph; got {len(photos)}")
    each = np.empty((len(squares), len(grid), net.plan.classes), np.float32)
    together = max(1, _BATCH // len(grid))  # faces
    for at in range(0, len(squares), together):
        part = slice(at, at + together)
        neighbours = vote_squares(squares[part], grid).reshape(-1, 4)
        owners = [photo for photo in photos[part] for _ in grid]
        crops = crop_photos(owners, neighbours, net.side)
        each[part] = net.probabilities(crops).reshape(-1, *each.shape[1:])
    return each
