"""The photographs behind the rows of an index."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from augment.cache import PhotoCache
from augment.errors import DataError, ImageError
from augment.functional import Levels
from augment.index import Index

__all__ = ["Photos"]

Report = Callable[[str], None]


class Photos:
    """The photographs behind an index's rows, and the faces in them."""

    def __init__(self, index: Index, cache: PhotoCache, report: Report):
        self.index = index
        self._cache = cache
        self._report = report
        names, first, self._photo = np.unique(index.paths, return_index=True, return_inverse=True)
        self._files = [index.file(row) for row in first]
        self._faces = _padded_faces(index, names)
        # the row that takes a damaged one's place: the next with the same label
        self._next = np.arange(len(index))
        for label in np.unique(index.labels):
            same = np.flatnonzero(index.labels == label)
            self._next[same] = np.roll(same, -1)

    def read(self, rows: np.ndarray) -> tuple[np.ndarray, list[Levels]]:
        """Readable rows in place of the given, and the photograph of each.

        Raises
        ------
        DataError
            If no row with some label is readable.
        """
        for _ in range(len(self.index) + 1):
            found = [self._get(number) for number in self._photo[rows].tolist()]
            photos = [photo for photo in found if photo is not None]
            if len(photos) == len(found):
                return rows, photos
            bad = np.array([photo is None for photo in found])
            rows = np.where(bad, self._next[rows], rows)
        raise DataError("a class of the index has no picture that can be read")

    def read_some(self, rows: np.ndarray) -> tuple[np.ndarray, list[Levels]]:
        """Which rows are readable, bool ``(n,)``, and the photograph of each of these."""
        found = [self._get(number) for number in self._photo[rows].tolist()]
        good = np.array([photo is not None for photo in found], bool)
        return good, [photo for photo in found if photo is not None]

    def _get(self, number: int) -> Levels | None:
        """The photograph, or None; its failure is told where the cache meets it first."""
        known = len(self._cache.failures)
        try:
            return self._cache.get(self._files[number])
        except ImageError as error:
            if len(self._cache.failures) > known:
                self._report(str(error))
            return None

    def faces(self, rows: np.ndarray) -> np.ndarray:
        """The faces in each row's picture: ``(n, most faces, 4)``, padded with empty frames."""
        return self._faces[self._photo[rows]]


def _padded_faces(index: Index, names: np.ndarray) -> np.ndarray:
    """Faces by photograph, ``(photographs, most faces, 4)``, padded with empty frames."""
    known = np.isin(index.face_paths, names)
    place = np.searchsorted(names, index.face_paths[known])
    order = np.argsort(place, kind="stable")
    place, frames = place[order], index.face_frames[known][order]
    counts = np.bincount(place, minlength=len(names))
    number = np.arange(len(place)) - np.repeat(np.cumsum(counts) - counts, counts)
    padded = np.zeros((len(names), counts.max(initial=0), 4), np.float32)
    padded[place, number] = frames
    return padded
