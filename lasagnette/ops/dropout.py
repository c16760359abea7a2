"""Dropout masks drawn by a counter, the same for any kernel and any number of threads.

Bit ``i`` of a mask is a function of ``(key, counter, i)`` alone (a mixing hash in the manner
of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011), so a mask needs no
generator state beyond two integers, which a checkpoint can hold.
"""

from __future__ import annotations

from typing import Any

import pytensor.tensor as pt
from pytensor.gradient import disconnected_type
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.op import Op

import lasagnette.ops.dispatch  # noqa: F401 - PyTensor's back ends learn of the Ops
from lasagnette.ops import kernels

__all__ = ["DropoutMask", "dropout_mask"]


class DropoutMask(Op):
    """Mask of 0 or ``1 / (1 - p)``; the first input gives shape and type, the second the state."""

    __props__ = ("p",)

    def __init__(self, p: float) -> None:
        self.p = p

    def make_node(self, *inputs: Any) -> Apply:
        like, state = (pt.as_tensor_variable(v) for v in inputs)
        if like.type.dtype not in ("float32", "float64"):
            raise ValueError(f"dropout_mask: float32 or float64 expected, got {like.type!r}")
        if state.type.ndim != 1 or state.type.dtype != "int64":
            raise ValueError(f"dropout_mask: state must be an int64 vector, got {state.type!r}")
        if state.type.shape[0] not in (None, 2):
            raise ValueError(f"dropout_mask: state holds key and counter, got {state.type!r}")
        return Apply(self, [like, state], [like.type()])

    def infer_shape(self, fgraph, node, shapes):
        return [shapes[0]]

    def connection_pattern(self, node):
        return [[False], [False]]

    def perform(self, node, inputs, output_storage):
        like, state = inputs
        output_storage[0][0] = kernels.dropout_mask(like.shape, like.dtype, self.p, *state)

    def pullback(self, inputs, outputs, cotangents):
        return [disconnected_type(), disconnected_type()]


def dropout_mask(like: Any, p: float, state: Any) -> Variable:
    """Draw a mask that is 0 with probability `p`, else ``1 / (1 - p)``.

    Parameters
    ----------
    like : tensor, float32 or float64
        Gives the mask's shape and type.
    p : float
        Probability of a zero, ``0 <= p < 1``.
    state : int64 vector, (2,)
        Key and counter. The caller advances the counter between draws.

    Raises
    ------
    ValueError
        If `p` is outside its interval or an input has the wrong type.
    """
    if not 0 <= p < 1:
        raise ValueError(f"dropout_mask: p must be in [0, 1), got {p!r}")
    return DropoutMask(float(p)).make_node(like, state).outputs[0]
