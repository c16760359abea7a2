"""Convolution, pooling, normalisation, dropout masks: the Ops that PyTensor does not ship.

The symbolic functions are :func:`conv2d`, :func:`conv2d_transpose`, :func:`pool2d`,
:func:`batch_statistics`, :func:`normalize`, :func:`relu` and :func:`dropout_mask`; what computes
them is chosen in :mod:`lasagnette.ops.kernels`, and :mod:`lasagnette.ops.fusion` puts several of
them into one pass.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lasagnette.ops import dispatch, dot, fusion, kernels
    from lasagnette.ops.batch_norm import batch_statistics, normalize
    from lasagnette.ops.conv import conv2d, conv2d_transpose
    from lasagnette.ops.dropout import dropout_mask
    from lasagnette.ops.pool import pool2d
    from lasagnette.ops.rectification import relu
    from lasagnette.ops.shapes import conv_output_length, conv_padding, pool_output_length

__all__ = [
    "batch_statistics",
    "conv2d",
    "conv2d_transpose",
    "conv_output_length",
    "conv_padding",
    "dispatch",
    "dot",
    "dropout_mask",
    "fusion",
    "kernels",
    "normalize",
    "pool2d",
    "pool_output_length",
    "relu",
]

# Where each function lies. The kernels are used without PyTensor, whose import takes over a second,
# so the symbolic part is loaded when it is first asked for, as a whole: with its dispatch and
# graph rewrites.
_MODULES = {
    "batch_norm": ("batch_statistics", "normalize"),
    "conv": ("conv2d", "conv2d_transpose"),
    "dropout": ("dropout_mask",),
    "pool": ("pool2d",),
    "rectification": ("relu",),
    "shapes": ("conv_output_length", "conv_padding", "pool_output_length"),
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'lasagnette.ops' has no attribute {name!r}")
    if name == "kernels":
        return import_module("lasagnette.ops.kernels")
    for module in ("dispatch", "dot", "fusion"):
        globals()[module] = import_module(f"lasagnette.ops.{module}")
    for module, functions in _MODULES.items():
        loaded = import_module(f"lasagnette.ops.{module}")
        globals().update({function: getattr(loaded, function) for function in functions})
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
