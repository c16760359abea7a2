"""Which of PyTensor's back ends computes: Numba, C, JAX, or Python.

==========  ====================================================================================
``numba``   PyTensor's default. The kernels of this library, and machine code made by Numba.
``c``       The same kernels, and C++ compiled by the system's compiler; slow to compile.
``jax``     XLA on a GPU, if JAX finds one, else on the processor. Updates leave JAX's arrays in
            shared variables; see :func:`fetch`.
``python``  The same kernels, and NumPy for the rest: nothing is compiled, so that a training starts
            in a second or two instead of half a minute. Steps take longer, of small nets above all.
==========  ====================================================================================

All four compute the same numbers up to rounding, and draw the same dropout masks.

>>> import pytensor
>>> import pytensor.tensor as pt
>>> from lasagnette import backend
>>> x = pt.fvector()
>>> double = pytensor.function([x], x + x, mode=backend.mode("jax"))  # doctest: +SKIP
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from importlib.util import find_spec

import numpy as np
import pytensor
from pytensor.compile.mode import Mode, get_default_mode, get_mode
from pytensor.compile.sharedvalue import SharedVariable

from lasagnette.ops.kernels.pools import threads

__all__ = ["BACKENDS", "BackendError", "fetch", "mode", "threads"]

BACKENDS = ("numba", "c", "jax", "python")


class BackendError(ValueError):
    """A back end that is unknown or cannot be used here."""


def mode(name: str | None = None) -> Mode:
    """Return the mode that makes ``pytensor.function`` compile for a back end.

    Parameters
    ----------
    name : {'numba', 'c', 'jax', 'python'}, optional
        Default: the environment variable ``LASAGNETTE_BACKEND``, else PyTensor's own default,
        which is Numba unless its configuration says otherwise.

    Raises
    ------
    BackendError
        If the name is unknown, JAX is not installed, or PyTensor has no C++ compiler.
    """
    asked = f"backend {name!r}"
    if name is None:
        name = os.environ.get("LASAGNETTE_BACKEND")
        if not name:
            return get_default_mode()
        asked = f"LASAGNETTE_BACKEND={name!r}"
    if name not in BACKENDS:
        raise BackendError(f"{asked} is unknown; choose one of {', '.join(BACKENDS)}")
    if name == "jax" and find_spec("jax") is None:
        raise BackendError(
            f'{asked}: JAX is not installed; for the processor: pip install "jax>=0.10,<0.11", '
            'for an NVIDIA GPU: pip install "jax[cuda12]>=0.10,<0.11"'
        )
    if name == "c" and not pytensor.config.cxx:
        raise BackendError(
            f"{asked}: PyTensor has no C++ compiler; install g++, "
            "and set no cxx= in PYTENSOR_FLAGS or ~/.pytensorrc"
        )
    if name == "python":
        # Products and sums of three factors have no ufunc: Python would take them one by one.
        return Mode(linker="py", optimizer="fast_compile").excluding(
            "local_mul_canonizer", "local_add_canonizer"
        )
    return get_mode({"numba": "NUMBA", "c": "CVM", "jax": "JAX"}[name])


def fetch(variables: Iterable[SharedVariable]) -> None:
    """Bring the values that JAX left in shared variables back as NumPy arrays.

    Functions that are compiled for Numba or C cannot read JAX's arrays. Saving needs no fetching.

    Parameters
    ----------
    variables : iterable of shared variable
        For example ``get_all_params(net)``, after a training and before inference.
    """
    for variable in variables:
        variable.set_value(np.array(variable.get_value(borrow=True)), borrow=True)
