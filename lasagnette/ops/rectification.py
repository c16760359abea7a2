"""``max(x, 0)``, in the same pass as what computes x where that can be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.op import Op

from lasagnette.ops.batch_norm import Normalize
from lasagnette.ops.conv import Conv2d

__all__ = ["Relu", "ReluGrad", "relu"]


class Relu(Op):
    """``max(x, 0)`` of a convolution or a normalisation; a rewrite makes one Op of the two."""

    __props__ = ()

    def make_node(self, *inputs: Any) -> Apply:
        (x,) = inputs
        return Apply(self, [x], [x.type()])

    def infer_shape(self, fgraph, node, shapes):
        return shapes

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = np.maximum(inputs[0], 0, dtype=inputs[0].dtype)

    def pullback(self, inputs, outputs, cotangents):
        return [ReluGrad()(outputs[0], cotangents[0])]


class ReluGrad(Op):
    """The second input where the first, a relu's result, is positive; zero elsewhere."""

    __props__ = ()

    def make_node(self, *inputs: Any) -> Apply:
        y, g = inputs
        return Apply(self, [y, g], [g.type()])

    def infer_shape(self, fgraph, node, shapes):
        return shapes[1:]

    def perform(self, node, inputs, output_storage):
        y, g = inputs
        output_storage[0][0] = np.where(y > 0, g, np.zeros((), g.dtype))

    def pullback(self, inputs, outputs, cotangents):
        return [pt.zeros_like(inputs[0]), ReluGrad()(inputs[0], cotangents[0])]


def relu(x: Any) -> Variable:
    """Return ``max(x, 0)``; the gradient at zero is zero, NaN stays NaN.

    After a convolution or a normalisation of this package it is computed in the same pass, if
    nothing else needs the uncut result.

    Parameters
    ----------
    x : tensor or array
    """
    node = getattr(x, "owner", None)
    if node is not None and isinstance(node.op, (Conv2d, Normalize)):
        return Relu().make_node(x).outputs[0]
    x = pt.as_tensor_variable(x)
    # Of equal arguments, the first takes the gradient. (A switch on a comparison would add zeros
    # of dtype floatX to the gradient, and make float64 of float32.)
    return pt.maximum(pt.zeros((), dtype=x.type.dtype), x)
