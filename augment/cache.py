"""Decoded photographs kept in memory, the least recently used ones given up first."""

from __future__ import annotations

import os
from collections import OrderedDict

from augment.errors import ImageError
from augment.functional import Levels
from augment.images import read_image

__all__ = ["DEFAULT_BYTES", "PhotoCache"]

DEFAULT_BYTES = 2_500_000_000
"""Enough for the training side of FDDB, LFW's crops and the negatives with their halvings."""


class PhotoCache:
    """Reads a photograph once and remembers it, or why it could not be read.

    Used by one thread at a time.

    Parameters
    ----------
    limit : int
        Bytes of pixels to hold; the photograph asked for last is kept even if it is larger.

    Attributes
    ----------
    failures : dict of str to str
        Why files could not be read, by path.
    nbytes : int
        Bytes held.
    hits, misses : int
        How often a photograph was held already, and how often it had to be read.
    """

    def __init__(self, limit: int = DEFAULT_BYTES):
        self._limit = limit
        self._held: OrderedDict[str, Levels] = OrderedDict()
        self.failures: dict[str, str] = {}
        self.nbytes = self.hits = self.misses = 0

    def get(self, path: str | os.PathLike[str]) -> Levels:
        """The photograph with its halvings.

        Raises
        ------
        ImageError
            If it cannot be read; a file that failed once is not tried again.
        """
        key = os.fspath(path)
        photo = self._held.get(key)
        if photo is not None:
            self._held.move_to_end(key)
            self.hits += 1
            return photo
        if key in self.failures:
            raise ImageError(self.failures[key])
        self.misses += 1
        try:
            photo = self.read(key)
        except ImageError as error:
            self.failures[key] = str(error)
            raise
        self._held[key] = photo
        self.nbytes += photo.nbytes
        while self.nbytes > self._limit and len(self._held) > 1:
            _, oldest = self._held.popitem(last=False)
            self.nbytes -= oldest.nbytes
        return photo

    def read(self, key: str) -> Levels:
        """Read a file, without remembering it; `get` calls this for one that it does not hold."""
        return Levels(read_image(key))
