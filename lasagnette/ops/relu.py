"""``max(x, 0)``, in the same pass as what computes x where that can be."""

from __future__ import annotations

from typing import Any

import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from lasagnette.ops.batch_norm import Normalize
from lasagnette.ops.conv import Conv2d

__all__ = ["relu"]


def relu(x: Any) -> Variable:
    """Return ``max(x, 0)``; the gradient at zero is zero, NaN stays NaN.

    Where `x` is the result of a convolution or a normalisation of this package, the expression is
    that operation's own variant with a relu, and `x` itself is computed only if something else
    needs it.

    Parameters
    ----------
    x : tensor or array
    """
    node = getattr(x, "owner", None)
    if node is not None and isinstance(node.op, (Conv2d, Normalize)) and not node.op.relu:
        return node.op.with_relu().make_node(*node.inputs).outputs[0]
    x = pt.as_tensor_variable(x)
    # Of equal arguments, the first takes the gradient. (A switch on a comparison would add zeros
    # of dtype floatX to the gradient, and make float64 of float32.)
    return pt.maximum(pt.zeros((), dtype=x.type.dtype), x)
