"""Many photographs on several threads, their results in order.

The kernels release Python's lock, so that threads of one process share the nets and still compute
side by side. A thread takes a few photographs at a time, which fill the later nets' batches; inside
it the kernels use one thread, which is faster than sharing every small level and batch.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from lasagnette.ops.kernels.pools import threads

__all__ = ["in_threads"]

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_threads(
    function: Callable[[list[Item]], Iterable[Result]],
    items: Iterable[Item],
    jobs: int,
    *,
    size: int = 8,
) -> Generator[Result, None, None]:
    """Apply a function to a stream, a few items at a time, and yield its results in order.

    While the stream is read, the kernels and BLAS use one thread in the whole process.

    Parameters
    ----------
    function : callable
        From a list of items to results. What it raises comes out in its turn and ends the stream.
    items : iterable
        Taken by the caller's thread, `size` at a time, as they are needed; `jobs` + 1 such parts
        are in memory.
    jobs : int
        Number of threads.
    size : int
        Items that a thread takes at once.

    Yields
    ------
    result

    Raises
    ------
    ValueError
        If `jobs` is below 1.
    """
    if jobs < 1:
        raise ValueError(f"the number of jobs must be at least 1; got {jobs!r}")
    stream = iter(items)
    waiting: deque[Future[list[Result]]] = deque()
    with threads(1, compiled=False), ThreadPoolExecutor(jobs, "lasagnette") as pool:
        try:
            while part := list(islice(stream, size)):
                waiting.append(pool.submit(_run, function, part))
                if len(waiting) > jobs:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _run(function: Callable[[list[Item]], Iterable[Result]], part: list[Item]) -> list[Result]:
    return list(function(part))
