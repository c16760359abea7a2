"""The photographs behind the rows of an index."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from augment.cache import PhotoCache
from augment.errors import DataError, ImageError
from augment.functional import Levels
from augment.index import Index

__all__ = ["Photos"]

Report = Callable[[str], None]

_RUN_BYTES = 500_000_000  # of photographs that are worked on together, besides those in the cache


class Photos:
    """The photographs behind an index's rows, and the faces in them."""

    def __init__(self, index: Index, cache: PhotoCache, report: Report):
        self.index = index
        self._cache = cache
        self._report = report
        names, first, self._photo = np.unique(index.paths, return_index=True, return_inverse=True)
        self._files = [index.file(row) for row in first]
        self._faces = _padded_faces(index, names)
        # the row that takes a damaged one's place: the next with the same label that may appear
        self._next = np.arange(len(index))
        for label in np.unique(index.labels):
            same = np.flatnonzero((index.labels == label) & (index.weights > 0))
            self._next[same] = np.roll(same, -1)

    def runs(
        self, rows: np.ndarray, *, replace: bool = True
    ) -> Iterator[tuple[np.ndarray, np.ndarray, list[Levels]]]:
        """Read the photographs of rows, not more at a time than memory should hold.

        Parameters
        ----------
        rows : numpy.ndarray
            int ``(n,)``.
        replace : bool
            Whether another row takes the place of one that cannot be read; else it is left out.

        Yields
        ------
        (numpy.ndarray, numpy.ndarray, list of Levels)
            Some places in `rows`, the rows there, and the photograph of each; all have one length.

        Raises
        ------
        DataError
            If a row is to be replaced and no row with its label is readable.
        """
        held = 0
        places: list[int] = []
        readable: list[int] = []
        photos: list[Levels] = []
        for place, (row, number) in enumerate(
            zip(rows.tolist(), self._photo[rows].tolist(), strict=True)
        ):
            photo = self._get(number)
            if photo is None:
                if not replace:
                    continue
                row, photo = self._replacement(row)
            if photos and held + photo.nbytes > _RUN_BYTES:
                yield np.array(places), np.array(readable), photos
                held, places, readable, photos = 0, [], [], []
            places.append(place)
            readable.append(row)
            photos.append(photo)
            held += photo.nbytes
        if photos:
            yield np.array(places), np.array(readable), photos

    def _replacement(self, row: int) -> tuple[int, Levels]:
        """The next readable row with the same label, and its photograph."""
        for _ in range(len(self.index)):
            row = int(self._next[row])
            photo = self._get(self._photo[row])
            if photo is not None:
                return row, photo
        raise DataError("a class of the index has no picture that can be read")

    def _get(self, number: int) -> Levels | None:
        """A photograph, or None; its failure is told where the cache meets it first."""
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
