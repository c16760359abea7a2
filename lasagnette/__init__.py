"""A small layer library in the manner of Lasagne, on PyTensor.

Names, signatures and semantics are those of Lasagne 0.2.dev1, so that code written for it
runs after ``import lasagnette as lasagne``.

>>> import lasagnette as lasagne
>>> net = lasagne.layers.InputLayer((None, 3, 12, 12))
>>> net = lasagne.layers.Conv2DLayer(net, num_filters=16, filter_size=3, pad="same")
>>> net = lasagne.layers.DenseLayer(net, num_units=2, nonlinearity=None)
>>> net.output_shape
(None, 2)
>>> lasagne.layers.count_params(net)
5058
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lasagnette import (
        backend,
        init,
        layers,
        nonlinearities,
        objectives,
        random,
        regularization,
        updates,
        utils,
    )

__all__ = [
    "__version__",
    "backend",
    "init",
    "layers",
    "nonlinearities",
    "objectives",
    "random",
    "regularization",
    "updates",
    "utils",
]

__version__ = "0.1.0"


def __getattr__(name: str) -> ModuleType:
    """Import a module of the library when it is first used.

    A detector runs on :mod:`lasagnette.ops.kernels` alone; PyTensor takes over a second to import.
    """
    if name == "ops" or (name in __all__ and name != "__version__"):
        return import_module(f"lasagnette.{name}")
    raise AttributeError(f"module 'lasagnette' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
