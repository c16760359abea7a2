"""A random choice of bounded size from a stream of unknown length, kept on disk.

Every frame draws a lot, and the lowest lots stay. The lots of a photograph depend on the seed and
the photograph's number alone, so a search that was interrupted goes on to the same choice.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from augment.order import generator
from nets.files import write_h5

__all__ = ["Reservoir"]

_LOTS = 6  # what a generator is for; smaller numbers are those of augment's modules


@dataclass(eq=False)
class Reservoir:
    """Frames with their photograph, band and score.

    Attributes
    ----------
    limit : int
        Most frames of each band.
    seed : int
        Key of the lots.
    searched : int
        Photographs that were searched so far.
    seen : int
        Frames that were offered.
    lots : float64 array (n,)
    photos, bands : int array (n,)
        Number of each frame's photograph, and its band.
    frames : float32 array (n, 4)
        x, y, width, height in pixels.
    scores : float32 array (n,)
    """

    limit: int
    seed: int
    searched: int = 0
    seen: int = 0
    lots: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    photos: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    bands: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    frames: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 4), np.float32))
    scores: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32))

    def __post_init__(self) -> None:
        if self.limit < 1:
            raise ValueError(f"Reservoir: limit must be at least 1; got {self.limit!r}")

    def add(
        self,
        number: int,
        bands: NDArray[np.integer],
        frames: NDArray[np.float32],
        scores: NDArray[np.float32],
    ) -> None:
        """Offer the frames of the next photograph.

        Parameters
        ----------
        number : int
            The photograph.
        bands : int array (n,)
        frames : float32 array (n, 4)
        scores : float32 array (n,)
        """
        self.searched += 1
        self.seen += len(frames)
        lots = generator(self.seed, _LOTS, number).random(len(frames))
        for name, values in (
            ("lots", lots),
            ("photos", np.full(len(frames), number, np.int64)),
            ("bands", bands),
            ("frames", frames),
            ("scores", scores),
        ):
            setattr(self, name, np.concatenate([getattr(self, name), values]))
        for band in np.unique(bands):
            mine = np.flatnonzero(self.bands == band)
            if len(mine) > self.limit:
                order = np.argpartition(self.lots[mine], self.limit - 1)
                self._drop(mine[order[self.limit :]])

    def _drop(self, rows: NDArray[np.intp]) -> None:
        kept = np.ones(len(self.lots), bool)
        kept[rows] = False
        for name in ("lots", "photos", "bands", "frames", "scores"):
            setattr(self, name, getattr(self, name)[kept])

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write an HDF5 file; `path` holds the old or the new one, whole."""
        attributes = {name: getattr(self, name) for name in ("limit", "seed", "searched", "seen")}
        columns = ("lots", "photos", "bands", "frames", "scores")
        write_h5(path, attributes, {name: getattr(self, name) for name in columns})

    @classmethod
    def load(cls, path: str | os.PathLike[str], limit: int, seed: int) -> Reservoir:
        """Read what `save` wrote; an empty reservoir where there is none of these settings."""
        fresh = cls(limit, seed)
        if not Path(path).is_file():
            return fresh
        try:
            with h5py.File(path, "r") as file:
                values: dict[str, Any] = {name: int(value) for name, value in file.attrs.items()}
                values |= {name: column[()] for name, column in file.items()}
            found = cls(**values)
        except (OSError, TypeError, ValueError):
            return fresh
        return found if (found.limit, found.seed) == (limit, seed) else fresh
