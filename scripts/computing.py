"""What a command settles before it computes: no compiler for inference, one pool of threads."""

from __future__ import annotations

import os

import click

__all__ = ["BACKEND_OPTION", "THREADS_OPTION", "WORKERS_OPTION", "without_compiler"]

BACKEND_OPTION = click.option(
    "--backend",
    type=click.Choice(["numba", "c", "jax", "python"]),
    default="numba",
    envvar="LASAGNETTE_BACKEND",
    show_default=True,
    show_envvar=True,
    help="What computes; JAX uses a GPU where it finds one, Python compiles nothing and starts at "
    "once.",
)

WORKERS_OPTION = click.option(
    "--workers",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    metavar="N",
    help="Processes that make the minibatches; 0: a thread of this one.",
)

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
