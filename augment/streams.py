"""Choosing who makes the minibatches."""

from __future__ import annotations

import warnings

from augment.cache import DEFAULT_BYTES, PhotoCache
from augment.distributed import DaskStream
from augment.index import Index
from augment.recipe import Recipe
from augment.server import Server
from augment.stream import Report, Stream, Threaded

__all__ = ["open_stream"]


def open_stream(
    index: Index,
    recipe: Recipe,
    seed: int,
    *,
    workers: int = 0,
    workers_on: str | None = None,
    cache_bytes: int = DEFAULT_BYTES,
    report: Report = warnings.warn,
) -> Stream:
    """Open a stream of minibatches; whoever makes them, the bytes are the same.

    Parameters
    ----------
    index, recipe, seed
        See `augment.stream.InProcess`.
    workers : int
        Processes of this machine that make the minibatches; 0 for a thread of this process.
    workers_on : str, optional
        ``dask://host:port``, a Dask scheduler whose workers make them instead.
    cache_bytes : int
        Bytes of decoded photographs to hold: by all processes of this machine together, or by each
        of Dask's.
    report : callable
        Told of what is wrong but does not end the stream, such as a picture that cannot be read.

    Raises
    ------
    ServerError
        If `workers_on` is not as said, or the processes cannot be started or found.
    DataError
        If the index has no row that the recipe asks for.
    """
    if workers_on is not None:
        return DaskStream(index, recipe, seed, workers_on, cache_bytes=cache_bytes, report=report)
    if workers:
        return Server(index, recipe, seed, workers=workers, cache_bytes=cache_bytes, report=report)
    return Threaded(index, recipe, seed, cache=PhotoCache(cache_bytes), report=report)
