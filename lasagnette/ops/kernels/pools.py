"""Threads: those of the kernels, and BLAS's pools, which get in their way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

from lasagnette.ops import kernels

__all__ = ["threads"]


@contextmanager
def threads(count: int | None = None, *, compiled: bool = True) -> Iterator[None]:
    """Let the kernels use `count` threads and BLAS one, for the time of the block.

    BLAS keeps pools of its own (NumPy's, and SciPy's, which compiled functions use), whose waiting
    threads spin; on a machine with few cores they take them from the kernels' threads and make
    both slower.

    Parameters
    ----------
    count : int, optional
        Default: as many as before.
    compiled : bool
        Whether compiled functions run in the block: SciPy's pool must be loaded to be limited,
        which takes a moment.

    Raises
    ------
    KernelsError
        If `count` is below 1.
    """
    if compiled:
        import scipy.linalg.cython_blas  # noqa: F401

    before = kernels.get_threads()
    if count is not None:
        kernels.set_threads(count)
    try:
        with threadpool_limits(1, user_api="blas"):
            yield
    finally:
        kernels.set_threads(before)
