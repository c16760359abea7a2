"""The random changes of the first garage article ("Brotherhood of data"), drawn and applied apart.

Per sample the face's frame is moved, scaled about its centre, stretched in x or in y (50/50) and
the crop is mirrored with probability .5. `draw` draws the numbers of many samples at once from a
passed generator; `apply` is plain arithmetic on frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

__all__ = ["Draws", "Intervals", "apply", "draw"]


@dataclass(frozen=True)
class Intervals:
    """From where the random changes are drawn.

    A detector shows a face to the net in the nearest window of its lattice, so a net must know
    faces as far from the middle as that window can be: half a stride in x and y, half a scale step
    in size. The defaults are those of a 12-pixel window at stride 2 in a pyramid of factor 1.2; a
    sweep at stride 4 asks for ``move=1 / 6``. More would teach the net to fire beside faces.

    Attributes
    ----------
    move : float
        Largest shift in x and in y, as a fraction of the frame's width and height.
    scale : tuple of float
        Smallest and largest factor of the frame's size.
    stretch : float
        Largest factor of the width alone or of the height alone; the smallest is 1.
    mirror : float
        Probability of swapping left and right.
    """

    move: float = 1 / 12
    scale: tuple[float, float] = (0.91, 1.1)
    stretch: float = 1.1
    mirror: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.move < 1:
            raise ValueError(f"Intervals.move must lie in [0, 1); got {self.move!r}")
        if not 0 < self.scale[0] <= self.scale[1]:
            raise ValueError(
                f"Intervals.scale must be two positive, rising factors; got {self.scale!r}"
            )
        if not self.stretch >= 1:
            raise ValueError(f"Intervals.stretch must be at least 1; got {self.stretch!r}")
        if not 0 <= self.mirror <= 1:
            raise ValueError(f"Intervals.mirror must be a probability; got {self.mirror!r}")


class Draws(NamedTuple):
    """Drawn changes of n samples.

    Attributes
    ----------
    shift : numpy.ndarray
        float64 ``(n, 2)``, in x and y, as fractions of width and height.
    factor : numpy.ndarray
        float64 ``(n, 2)``, of width and height: the scale times the stretch.
    mirror : numpy.ndarray
        bool ``(n,)``.
    """

    shift: np.ndarray
    factor: np.ndarray
    mirror: np.ndarray


def draw(rng: np.random.Generator, n: int, intervals: Intervals) -> Draws:
    """Draw the changes of ``n`` samples."""
    shift = rng.uniform(-intervals.move, intervals.move, (n, 2))
    scale = rng.uniform(*intervals.scale, n)
    stretch = rng.uniform(1, intervals.stretch, n)
    in_x = rng.random(n) < 0.5
    factor = scale[:, None] * np.where(
        np.column_stack([in_x, ~in_x]), stretch[:, None], np.ones((n, 1))
    )
    return Draws(shift, factor, rng.random(n) < intervals.mirror)


def apply(frames: np.ndarray, draws: Draws) -> np.ndarray:
    """Frames ``(n, 4)`` moved, scaled and stretched as drawn; mirroring is left to the crop."""
    size = frames[:, 2:] * draws.factor
    middle = frames[:, :2] + frames[:, 2:] * (0.5 + draws.shift)
    return np.column_stack([middle - size / 2, size]).astype(np.float32)
