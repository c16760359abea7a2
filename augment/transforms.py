"""The random changes of a sample: drawn here, applied by pure functions elsewhere.

The changes of the first garage article ("Brotherhood of data") are on by default: the face's frame
is moved, scaled about its centre, stretched in x or in y (50/50), and the crop is mirrored with
probability .5. What goes beyond the article is off until its interval is opened: rotation,
brightness, contrast, blur, noise, JPEG artefacts, greyscale and occlusion.

`draw` draws the numbers of many samples at once; `apply` is plain arithmetic on frames;
`augment.functional.crop_photos` takes ``Draws.mirror`` and ``Draws.angle``; `augment.pixels.change`
does what remains, on the finished crops.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple

import numpy as np

__all__ = ["COLUMNS", "Draws", "Intervals", "apply", "draw", "draws_of"]

COLUMNS = 14
"""Uniform numbers that `draw` takes per sample, whatever is on."""

_SPREAD = 2**20
"""Its product with a number from [0, 1) has another fraction that is evenly spread, too: of the
seed's number, so that no other draw moves."""


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
        Largest shift in x and in y, as a fraction of the frame's width and height, in [0, 1).
    scale : tuple of float
        Smallest and largest factor of the frame's size, positive.
    stretch : float
        Largest factor of the width alone or of the height alone; the smallest is 1.
    mirror : float
        Probability of swapping left and right.
    rotation : float
        Largest angle by which the crop is turned, either way, in degrees, in [0, 180]; 0 is off.
    brightness : float
        Most that is added to or taken from all pixels, in grey levels, in [0, 255]; 0 is off.
    contrast : float
        Largest factor of the distance from middle grey; the smallest is its inverse, and every
        ratio between is equally likely. At least 1, which is off.
    blur : float
        Largest standard deviation of a Gaussian blur, in pixels of the crop, in [0, 16]; 0 is off.
    noise : float
        Largest standard deviation of Gaussian noise, independent in every pixel and channel, in
        grey levels, in [0, 128]; 0 is off.
    jpeg : int
        Lowest JPEG quality, in [1, 100]. The highest is 100, which is off and leaves the pixels as
        they are.
    grey : float
        Probability of greyscale.
    occlusion : float
        Probability that a rectangle of one colour hides a part of the crop, at most half of it in
        each direction.
    unchanged : float
        Probability that a sample is spared all of this but the mirroring: so that wide changes do
        not keep a net from learning the frames as they are.

    Raises
    ------
    ValueError
        If a value lies outside its range; the message names it.
    """

    move: float = 1 / 12
    scale: tuple[float, float] = (0.91, 1.1)
    stretch: float = 1.1
    mirror: float = 0.5
    rotation: float = 0.0
    brightness: float = 0.0
    contrast: float = 1.0
    blur: float = 0.0
    noise: float = 0.0
    jpeg: int = 100
    grey: float = 0.0
    occlusion: float = 0.0
    unchanged: float = 0.0

    def __post_init__(self) -> None:
        self._require("move", _within(self.move, 0, 1) and self.move < 1, "lie in [0, 1)")
        scale = self.scale
        rising = (
            isinstance(scale, tuple)
            and len(scale) == 2
            and all(_within(factor, 0, math.inf) and factor > 0 for factor in scale)
            and scale[0] <= scale[1]
        )
        self._require("scale", rising, "be two positive, rising factors")
        for name in ("stretch", "contrast"):
            self._require(name, _within(getattr(self, name), 1, math.inf), "be at least 1")
        for name in ("mirror", "grey", "occlusion", "unchanged"):
            self._require(name, _within(getattr(self, name), 0, 1), "be a probability")
        for name, largest, unit in (
            ("rotation", 180, "degrees"),
            ("brightness", 255, "grey levels"),
            ("blur", 16, "pixels"),
            ("noise", 128, "grey levels"),
        ):
            good = _within(getattr(self, name), 0, largest)
            self._require(name, good, f"lie in [0, {largest}] {unit}")
        whole = isinstance(self.jpeg, int) and _within(self.jpeg, 1, 100)
        self._require("jpeg", whole, "be a whole number in [1, 100], a JPEG quality")

    def _require(self, name: str, good: bool, rule: str) -> None:
        if not good:
            raise ValueError(f"Intervals.{name} must {rule}; got {getattr(self, name)!r}")

    @property
    def changes_pixels(self) -> bool:
        """Whether anything is on that `augment.pixels.change` does."""
        off = Intervals()
        names = ("brightness", "contrast", "blur", "noise", "jpeg", "grey", "occlusion")
        return any(getattr(self, name) != getattr(off, name) for name in names)

    def as_dict(self) -> dict[str, Any]:
        """The values by name, as JSON can hold them."""
        return {**asdict(self), "scale": list(self.scale)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Intervals:
        """The intervals that `as_dict` gave, also after a journey through JSON.

        What `values` leaves out has its default.

        Raises
        ------
        ValueError
            If an entry is unknown or its value is of the wrong type or outside its range.
        """
        known = [field.name for field in fields(cls)]
        for name in values:
            if name not in known:
                raise ValueError(f"Intervals has no {name!r}; it has {', '.join(known)}")
        given = dict(values)
        if isinstance(given.get("scale"), list):
            given["scale"] = tuple(given["scale"])
        return cls(**given)


def _within(value: object, low: float, high: float) -> bool:
    """Tell a finite number in [low, high]; True and False are none."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and low <= value <= high and math.isfinite(value)  # type: ignore[arg-type,operator]


class Draws(NamedTuple):
    """Drawn changes of n samples: all that is needed to apply them without further chance.

    Attributes
    ----------
    shift : numpy.ndarray
        float64 ``(n, 2)``, in x and y, as fractions of width and height.
    factor : numpy.ndarray
        float64 ``(n, 2)``, of width and height: the scale times the stretch.
    mirror : numpy.ndarray
        bool ``(n,)``.
    angle : numpy.ndarray
        float64 ``(n,)``, in radians, counter-clockwise on the screen if positive, before mirroring.
    brightness : numpy.ndarray
        float64 ``(n,)``, grey levels to add.
    contrast : numpy.ndarray
        float64 ``(n,)``, factor of the distance from middle grey.
    blur : numpy.ndarray
        float64 ``(n,)``, standard deviation in pixels of the crop.
    noise : numpy.ndarray
        float64 ``(n,)``, standard deviation in grey levels.
    seed : numpy.ndarray
        uint64 ``(n,)``, from which each sample's noise is made.
    quality : numpy.ndarray
        int64 ``(n,)``, JPEG quality; 100 leaves the pixels as they are.
    grey : numpy.ndarray
        bool ``(n,)``.
    occlusion : numpy.ndarray
        float64 ``(n, 7)``: left, top, width and height of the hidden rectangle as fractions of the
        crop, and its colour, red, green and blue, in grey levels; all zero where nothing is hidden.
    """

    shift: np.ndarray
    factor: np.ndarray
    mirror: np.ndarray
    angle: np.ndarray
    brightness: np.ndarray
    contrast: np.ndarray
    blur: np.ndarray
    noise: np.ndarray
    seed: np.ndarray
    quality: np.ndarray
    grey: np.ndarray
    occlusion: np.ndarray

    def take(self, rows: np.ndarray | slice) -> Draws:
        """The changes of some samples: an index array, a mask or a slice."""
        return Draws(*(column[rows] for column in self))

    def describe(self, row: int) -> dict[str, float]:
        """What changes one sample, by name; what is left as it is does not appear.

        Returns
        -------
        dict
            Some of ``move_x``, ``move_y`` (fractions of width and height), ``width``, ``height``
            (factors), ``mirror`` (1), ``rotation`` (degrees), ``blur`` (pixels), ``brightness``
            (grey levels), ``contrast`` (factor), ``noise`` (grey levels), ``grey`` (1), ``jpeg``
            (quality), ``hidden`` (share of the crop).
        """
        values_and_neutral = {
            "move_x": (self.shift[row, 0], 0),
            "move_y": (self.shift[row, 1], 0),
            "width": (self.factor[row, 0], 1),
            "height": (self.factor[row, 1], 1),
            "mirror": (self.mirror[row], 0),
            "rotation": (math.degrees(self.angle[row]), 0),
            "blur": (self.blur[row], 0),
            "brightness": (self.brightness[row], 0),
            "contrast": (self.contrast[row], 1),
            "noise": (self.noise[row], 0),
            "grey": (self.grey[row], 0),
            "jpeg": (self.quality[row], 100),
            "hidden": (self.occlusion[row, 2] * self.occlusion[row, 3], 0),
        }
        return {
            name: float(value)
            for name, (value, neutral) in values_and_neutral.items()
            if value != neutral
        }


def draw(rng: np.random.Generator, n: int, intervals: Intervals) -> Draws:
    """Draw the changes of ``n`` samples.

    Parameters
    ----------
    rng : numpy.random.Generator
        The source of chance. ``n * COLUMNS`` numbers are taken from it, whatever is on: opening one
        interval leaves all other changes as they were.
    n : int
        How many samples.
    intervals : Intervals
        From where the changes are drawn.
    """
    return draws_of(rng.random((n, COLUMNS)), intervals)


def draws_of(u: np.ndarray, intervals: Intervals) -> Draws:
    """The changes that follow from numbers drawn evenly from [0, 1).

    Parameters
    ----------
    u : numpy.ndarray
        ``(n, COLUMNS)``, a line for each sample: `draw` is this of ``rng.random((n, COLUMNS))``.
    intervals : Intervals
        From where the changes are drawn.
    """
    n = len(u)
    none = np.zeros(n)

    def either_way(column: int, largest: float) -> np.ndarray:
        return largest * (2 * u[:, column] - 1) if largest else none

    low, high = intervals.scale
    factor = np.repeat(low + (high - low) * u[:, 2:3], 2, axis=1)
    in_y = (u[:, 4] >= 0.5).astype(np.intp)
    factor[np.arange(n), in_y] *= 1 + (intervals.stretch - 1) * u[:, 3]
    worst = intervals.jpeg
    draws = Draws(
        shift=intervals.move * (2 * u[:, :2] - 1),
        factor=factor,
        mirror=u[:, 5] < intervals.mirror,
        angle=either_way(6, math.radians(intervals.rotation)),
        brightness=either_way(7, intervals.brightness),
        contrast=np.exp(either_way(8, math.log(intervals.contrast))),
        blur=intervals.blur * u[:, 9] if intervals.blur else none,
        noise=intervals.noise * u[:, 10] if intervals.noise else none,
        seed=(u[:, 11] * 2.0**53).astype(np.uint64),  # all the bits that the number has
        quality=worst + ((101 - worst) * u[:, 12]).astype(np.int64),
        grey=u[:, 13] < intervals.grey,
        occlusion=_occlusions(u[:, 11], intervals.occlusion),
    )
    if intervals.unchanged:
        _spare(draws, u[:, 11] * _SPREAD % 1 < intervals.unchanged)
    return draws


def _spare(draws: Draws, rows: np.ndarray) -> None:
    """Undo all changes of some samples but the mirroring."""
    draws.factor[rows] = 1.0
    draws.contrast[rows] = 1.0
    draws.quality[rows] = 100
    for name in ("shift", "angle", "brightness", "blur", "noise", "grey", "occlusion"):
        getattr(draws, name)[rows] = 0


def _occlusions(u: np.ndarray, chance: float) -> np.ndarray:
    """Hidden rectangles ``(n, 7)`` drawn from the samples' seeds, so that no other draw moves."""
    hidden = np.zeros((len(u), 7))
    if chance:
        for row, number in enumerate((u * 2.0**53).astype(np.uint64).tolist()):
            rng = np.random.Generator(np.random.SFC64([number, 1]))
            values = rng.random(8)
            if values[7] < chance:
                size = 0.15 + 0.35 * values[:2]
                hidden[row, :2] = (1 - size) * values[2:4]
                hidden[row, 2:4] = size
                hidden[row, 4:] = 255 * values[4:7]
    return hidden


def apply(frames: np.ndarray, draws: Draws) -> np.ndarray:
    """Frames ``(n, 4)`` moved, scaled and stretched as drawn; the rest is left to the crop."""
    size = frames[:, 2:] * draws.factor
    middle = frames[:, :2] + frames[:, 2:] * (0.5 + draws.shift)
    return np.column_stack([middle - size / 2, size]).astype(np.float32)
