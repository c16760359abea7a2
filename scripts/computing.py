"""What a command settles before it computes: no compiler for inference, one pool of threads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import click

__all__ = ["THREADS_OPTION", "threads_limited", "without_compiler"]

THREADS_OPTION = click.option(
    "--threads",
    type=click.IntRange(min=1),
    metavar="N",
    help="Threads for the kernels  [default: LASAGNETTE_THREADS, else OMP_NUM_THREADS, "
    "else one per core]",
)


def without_compiler() -> None:
    """Keep PyTensor from running a compiler; to be called before it is first imported.

    PyTensor asks `g++` for its version when it is imported. Inference compiles nothing, and a
    machine without a compiler should not warn about it.
    """
    flags = os.environ.get("PYTENSOR_FLAGS", "")
    if "cxx=" not in flags:
        os.environ["PYTENSOR_FLAGS"] = ",".join(filter(None, [flags, "cxx="]))


@contextmanager
def threads_limited(threads: int | None = None) -> Iterator[None]:
    """Let the kernels use `threads` threads and BLAS one, for the time of the block.

    BLAS keeps a pool of its own whose waiting threads spin; on a machine with few cores they
    take them from the kernels' threads and make both slower.
    """
    from threadpoolctl import threadpool_limits

    from lasagnette.ops import kernels

    before = kernels.get_threads()
    if threads is not None:
        kernels.set_threads(threads)
    try:
        with threadpool_limits(1, user_api="blas"):
            yield
    finally:
        kernels.set_threads(before)
