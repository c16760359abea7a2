"""What PyTensor's own JAX dispatch gets wrong, set right for whole networks.

A constant is handed to JAX as a Python number, which has no type of its own, and a sum is left in
the type of its accumulator. Either turns float32 graphs into float64 ones. And shapes, plain
integers while JAX traces, become traced values when they pass through arithmetic; then nothing can
be reshaped or allocated with them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pytensor.link.jax.dispatch import jax_funcify
from pytensor.tensor.basic import Alloc, ScalarFromTensor
from pytensor.tensor.elemwise import CAReduce, Elemwise
from pytensor.tensor.type import discrete_dtypes

__all__: list[str] = []

_alloc = jax_funcify.dispatch(Alloc)
_elemwise = jax_funcify.dispatch(Elemwise)
_reduction = jax_funcify.dispatch(CAReduce)
_scalar = jax_funcify.dispatch(ScalarFromTensor)


def _typed(dispatch):
    """Make a dispatched function return the type that the graph says."""

    def funcify(op, node, **kwargs):
        function = dispatch(op, node=node, **kwargs)
        dtype = node.outputs[0].type.dtype

        def typed(*inputs):
            return function(*inputs).astype(dtype)

        return typed

    return funcify


def _of_plain_numbers(op, node, **kwargs):
    """Compute at once what is made of plain integers while JAX traces: lengths of axes."""
    traced = _elemwise(op, node=node, **kwargs)
    types = [variable.type for variable in (*node.inputs, *node.outputs)]
    if any(type.ndim or type.dtype not in discrete_dtypes for type in types):
        return traced

    def elemwise(*inputs):
        if not all(isinstance(value, int) for value in inputs):
            return traced(*inputs)
        storage: list[list[Any]] = [[None] for _ in node.outputs]
        op.perform(node, [np.asarray(value) for value in inputs], storage)
        values = [value.item() for (value,) in storage]
        return values[0] if len(values) == 1 else values

    return elemwise


def _plain_index(op, node, **kwargs):
    traced = _scalar(op, node=node, **kwargs)

    def scalar(value):
        return value if isinstance(value, int) else traced(value)

    return scalar


jax_funcify.register(Alloc)(_typed(_alloc))
jax_funcify.register(CAReduce)(_typed(_reduction))
jax_funcify.register(Elemwise)(_of_plain_numbers)
jax_funcify.register(ScalarFromTensor)(_plain_index)
