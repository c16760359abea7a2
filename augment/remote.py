"""What a Dask worker runs for `augment.distributed`: it makes pieces of minibatches.

Dask carries nothing of ours but bytes, numbers, text and arrays, and this module's functions by
name. What a stream needs is made once per worker process, of the bytes that come with every piece;
so a worker that was started again, or joined later, makes it, too.
"""

from __future__ import annotations

import importlib.metadata
import json
import logging
import os
import threading
from collections import OrderedDict
from contextlib import suppress
from io import BytesIO
from typing import Any

import cv2
import numpy as np
import PIL

from augment.cache import PhotoCache
from augment.errors import DataError, ImageError, ServerError
from augment.functional import Levels
from augment.index import load
from augment.photos import Photos
from augment.recipe import Recipe
from augment.samples import Sampler

__all__ = ["forget", "keep", "make_piece", "missing", "versions"]

_STREAMS = 2  # remembered by a worker process; closed ones leave nothing but their name
_SHARE = 0.3  # of the memory that Dask grants a worker, for each stream's photographs

_lock = threading.Lock()
_streams: OrderedDict[str, _Stream | None] = OrderedDict()


def versions() -> dict[str, str]:
    """The versions of what makes pixels here; samples are the same where these are."""
    found = {"numpy": np.__version__, "opencv": cv2.__version__, "pillow": PIL.__version__}
    with suppress(importlib.metadata.PackageNotFoundError):  # run from a checkout
        found["lasagnette"] = importlib.metadata.version("lasagnette")
    return found


def keep(content: bytes) -> bytes:
    """Hold an index's file image in the cluster: Dask sends it to each worker that needs it."""
    return content


def missing(path: str, worker: str) -> str:
    """The sentence for a file that only the training finds."""
    return (
        f"{worker} does not find {path!r}, which is there for the training; every worker's machine "
        "needs the photographs at the same paths"
    )


def make_piece(index: bytes, plan: str, epoch: int, step: int, places: np.ndarray) -> dict:
    """Make some samples of a minibatch.

    Parameters
    ----------
    index : bytes
        The index as a file.
    plan : str
        JSON: the stream's `token`, `recipe`, `seed`, `cache_bytes`, the `versions` that it needs,
        and some paths that the training has `seen`.
    epoch, step : int
        Which minibatch.
    places : numpy.ndarray
        int32 ``(3, n)``: positions, rows, classes; see `augment.samples.Sampler.make`.

    Returns
    -------
    dict
        `images` and `labels`, and the cache's `hits` and `misses` since another piece told; or
        `error`: its kind, ``'data'`` or ``'server'``, and a sentence. With either, `damaged`: of
        each picture that could not be read the path, whether there is such a file, and why.
    """
    damaged: list[tuple[str, bool, str]] = []
    try:
        made = _stream(index, plan).make(epoch, step, places, damaged)
    except DataError as error:
        made = {"error": ("data", str(error))}
    except ServerError as error:
        made = {"error": ("server", str(error))}
    except Exception as error:  # Dask would pickle it, and wait for ever where it cannot
        logging.getLogger(__name__).exception("a piece failed")
        made = {"error": ("server", f"the Dask worker {_worker()[0]} failed: {error!r}")}
    return {**made, "damaged": damaged}


def forget(plan: str) -> None:
    """Let go of a stream's photographs; a piece of it that still comes is refused."""
    _streams[plan] = None


def _stream(index: bytes, plan: str) -> _Stream:
    with _lock:
        if plan not in _streams:
            _streams[plan] = _Stream(index, plan)
        _streams.move_to_end(plan)
        stream = _streams[plan]
        while len(_streams) > _STREAMS:
            _streams.popitem(last=False)
    if stream is None:
        raise ServerError("the stream is closed")
    return stream


class _Stream:
    """A stream's state in a worker process, used by all of its threads."""

    def __init__(self, index: bytes, plan: str):
        values = json.loads(plan)
        address, memory = _worker()
        here, wanted = versions(), values["versions"]
        for name in sorted(here.keys() & wanted.keys()):
            if here[name] != wanted[name]:
                raise ServerError(
                    f"the Dask worker {address} has {name} {here[name]}, the training "
                    f"{wanted[name]}; install the same there, or samples would differ"
                )
        for path in values["seen"]:
            if not os.path.exists(path):
                raise DataError(missing(path, f"the Dask worker {address}"))
        self._recipe, self._seed = Recipe.from_dict(values["recipe"]), values["seed"]
        limit = values["cache_bytes"]
        self._cache = _SharedCache(min(limit, int(_SHARE * memory)) if memory else limit)
        self._photos = Photos(load(BytesIO(index)), self._cache, lambda text: None)

    def make(
        self, epoch: int, step: int, places: np.ndarray, damaged: list[tuple[str, bool, str]]
    ) -> dict[str, Any]:
        self._cache.tell(damaged)
        positions, rows, classes = places
        sampler = Sampler(self._photos, self._recipe, self._seed)
        batch = sampler.make(epoch, step, positions, rows, classes)
        hits, misses = self._cache.take_counts()
        return {"images": batch.images, "labels": batch.labels, "hits": hits, "misses": misses}


class _SharedCache(PhotoCache):
    """A cache for several threads; it tells each of them every time what it could not read.

    `Photos` tells only once, but what a piece tells can be lost with the worker that made it.
    """

    def __init__(self, limit: int):
        super().__init__(limit)
        self._lock = threading.Lock()
        self._thread = threading.local()

    def tell(self, damaged: list[tuple[str, bool, str]]) -> None:
        """Where to note what the calling thread cannot read."""
        self._thread.damaged = damaged

    def get(self, path: str | os.PathLike[str]) -> Levels:
        with self._lock:
            try:
                return super().get(path)
            except ImageError as error:
                file = str(path)
                self._thread.damaged.append((file, os.path.exists(file), str(error)))
                raise

    def take_counts(self) -> tuple[int, int]:
        """Hits and misses since this was last asked for."""
        with self._lock:
            counts = self.hits, self.misses
            self.hits = self.misses = 0
        return counts


def _worker() -> tuple[str, int | None]:
    """Address and bytes of memory of the Dask worker that runs this."""
    from distributed import get_worker

    worker = get_worker()
    return worker.address, worker.memory_manager.memory_limit
