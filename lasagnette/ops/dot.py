"""Matrix products that tell Numba how their factors lie in memory.

The gradients of a dense layer are ``dot(x.T, g)`` and ``dot(g, w.T)``. PyTensor tells Numba nothing
of the layout of a transposed array, so Numba copies it, element by element, before it calls BLAS,
and warns of it. A rewrite for the Numba back end puts the transposition into the product; slices,
which must be copied, are copied without the warning.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pytensor.compile import optdb
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.op import Op
from pytensor.graph.rewriting.basic import dfs_rewriter, node_rewriter
from pytensor.tensor.elemwise import DimShuffle
from pytensor.tensor.math import Dot
from pytensor.tensor.type import TensorType

import lasagnette.ops.dispatch  # noqa: F401 - PyTensor's back ends learn of the Ops

__all__ = ["TransposedDot"]


class TransposedDot(Op):
    """``dot(a, b)`` of matrices, of which `left` and `right` tell which are transposed first."""

    __props__ = ("left", "right")

    def __init__(self, left: bool, right: bool) -> None:
        self.left = left
        self.right = right

    def make_node(self, *inputs: Any) -> Apply:
        a, b = inputs
        shape = (a.type.shape[1 if self.left else 0], b.type.shape[0 if self.right else 1])
        return Apply(self, [a, b], [TensorType(a.type.dtype, shape=shape)()])

    def infer_shape(self, fgraph, node, shapes):
        a, b = shapes
        return [(a[1 if self.left else 0], b[0 if self.right else 1])]

    def perform(self, node, inputs, output_storage):
        a, b = inputs
        output_storage[0][0] = np.dot(a.T if self.left else a, b.T if self.right else b)


@node_rewriter([Dot])
def transposed_dot(fgraph: Any, node: Apply) -> list[Variable] | None:
    """Put transpositions of the factors, if any, into their product."""
    factors = [_untransposed(factor) for factor in node.inputs]
    types = {(v.type.ndim, v.type.dtype) for v in (*node.inputs, *node.outputs)}
    if types not in ({(2, "float32")}, {(2, "float64")}):
        return None
    op = TransposedDot(*(factor is not None for factor in factors))
    given = zip(factors, node.inputs, strict=True)
    return op.make_node(*(b if a is None else a for a, b in given)).outputs


def _untransposed(factor: Variable) -> Variable | None:
    """Return the matrix whose transpose `factor` is, or None."""
    node = factor.owner
    if node is None or not isinstance(node.op, DimShuffle) or node.op.new_order != (1, 0):
        return None
    matrix = node.inputs[0]
    return matrix if matrix.type.ndim == 2 else None  # it may also drop axes of length 1


optdb.register("lasagnette_transposed_dot", dfs_rewriter(transposed_dot), "numba", position=48.95)
