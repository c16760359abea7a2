"""What a command settles before it computes: no compiler for inference, one pool of threads."""

from __future__ import annotations

import os

import click

__all__ = ["THREADS_OPTION", "without_compiler"]

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
