"""Two-dimensional pooling as PyTensor Ops, with Theano's borders and ties.

Where several inputs of a window share the maximum, each of them gets the gradient (as in
Theano), so the result does not depend on an order of visiting.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import disconnected_type
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.op import Op
from pytensor.tensor.type import TensorType

import lasagnette.ops.dispatch  # noqa: F401 - PyTensor's back ends learn of the Ops
from lasagnette.ops import kernels
from lasagnette.ops.shapes import as_pair, pool_output_length

__all__ = ["AveragePool2d", "AveragePool2dGrad", "MaxPool2d", "MaxPool2dGrad", "pool2d"]

Pair = tuple[int, int]

MODES = ("max", "average_inc_pad", "average_exc_pad")


class _Pool(Op):
    """What the pooling Ops share: window, stride, padding and the rule of the last window."""

    __props__: tuple[str, ...] = ("size", "stride", "pad", "ignore_border")

    def __init__(
        self,
        size: tuple[int, int],
        stride: tuple[int, int],
        pad: tuple[int, int],
        ignore_border: bool,
    ) -> None:
        self.size = size
        self.stride = stride
        self.pad = pad
        self.ignore_border = ignore_border

    def geometry(self) -> tuple[Pair, Pair, Pair, bool]:
        """Return what the constructor takes."""
        return self.size, self.stride, self.pad, self.ignore_border

    def _output_length(self, length, axis):
        return pool_output_length(
            length, self.size[axis], self.stride[axis], self.pad[axis], self.ignore_border
        )

    def make_node(self, *inputs: Any) -> Apply:
        (x,) = (pt.as_tensor_variable(v) for v in inputs)
        if x.type.ndim != 4 or x.type.dtype not in ("float32", "float64"):
            raise ValueError(
                "pool2d: the input must be a float32 or float64 tensor of 4 dimensions, "
                f"got {x.type!r}"
            )
        shape = x.type.shape
        lengths = (self._output_length(shape[2], 0), self._output_length(shape[3], 1))
        return Apply(self, [x], [TensorType(x.dtype, shape=(*shape[:2], *lengths))()])

    def infer_shape(self, fgraph, node, shapes):
        (x,) = shapes
        return [(x[0], x[1], self._symbolic_length(x[2], 0), self._symbolic_length(x[3], 1))]

    def _symbolic_length(self, length, axis):
        size, stride, pad = self.size[axis], self.stride[axis], self.pad[axis]
        if self.ignore_border:
            return pt.maximum((length + 2 * pad - size) // stride + 1, 0)
        if stride >= size:
            return (length + stride - 1) // stride
        return pt.maximum(0, (length - size + stride - 1) // stride) + 1


class MaxPool2d(_Pool):
    """Largest value of every window; padding never wins."""

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = kernels.max_pool(inputs[0], *self.geometry())

    def pullback(self, inputs, outputs, cotangents):
        return [MaxPool2dGrad(*self.geometry())(inputs[0], outputs[0], cotangents[0])]


class MaxPool2dGrad(_Pool):
    """Gradient of :class:`MaxPool2d`: every input equal to its window's maximum gets it.

    With `relu`, the input is a relu's output and the gradient is taken to before the relu:
    windows whose maximum is not positive get none.
    """

    __props__ = ("size", "stride", "pad", "ignore_border", "relu")

    def __init__(self, size, stride, pad, ignore_border, relu: bool = False) -> None:
        super().__init__(size, stride, pad, ignore_border)
        self.relu = relu

    def of_relu(self) -> MaxPool2dGrad:
        """Return this Op's twin that also goes through the relu before the pooling."""
        return MaxPool2dGrad(*self.geometry(), relu=True)

    def make_node(self, *inputs: Any) -> Apply:
        x, y, g = inputs
        return Apply(self, [x, y, g], [TensorType(x.type.dtype, shape=x.type.shape)()])

    def infer_shape(self, fgraph, node, shapes):
        return [shapes[0]]

    def perform(self, node, inputs, output_storage):
        x, y, g = inputs
        output_storage[0][0] = kernels.max_pool_grad(x, y, g, *self.geometry(), relu=self.relu)

    def pullback(self, inputs, outputs, cotangents):
        """Take from every window what its winners carry; who wins does not change with x."""
        x, y = inputs[:2]
        (v,) = cotangents
        reach = [
            pt.maximum((y.shape[2 + a] - 1) * self.stride[a] + self.size[a], x.shape[2 + a] + pad)
            for a, pad in enumerate(self.pad)
        ]

        def cells(maps: Any, outside: float) -> Iterator[Any]:
            (pr, pc), (sr, sc) = self.pad, self.stride
            space: Any = pt.alloc(np.array(outside, maps.type.dtype), *maps.shape[:2], *reach)
            inside = np.s_[:, :, pr : pr + maps.shape[2], pc : pc + maps.shape[3]]
            wide: Any = pt.set_subtensor(space[inside], maps)
            for i, j in np.ndindex(*self.size):
                rows, columns = i + y.shape[2] * sr, j + y.shape[3] * sc
                yield wide[:, :, i:rows:sr, j:columns:sc]

        taken = [
            pt.where(pt.eq(cell, y), carried, pt.zeros((), dtype=v.type.dtype))
            for cell, carried in zip(cells(x, -np.inf), cells(v, 0), strict=True)
        ]
        total = pt.add(*taken) if len(taken) > 1 else taken[0]
        if self.relu:
            total = pt.where(pt.gt(y, 0), total, pt.zeros((), dtype=v.type.dtype))
        return [pt.zeros_like(x), pt.zeros_like(y), total]


class AveragePool2d(_Pool):
    """Mean of every window, with (`include_pad`) or without the padding."""

    __props__ = ("size", "stride", "pad", "ignore_border", "include_pad")

    def __init__(self, size, stride, pad, ignore_border, include_pad: bool) -> None:
        super().__init__(size, stride, pad, ignore_border)
        self.include_pad = include_pad

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = kernels.average_pool(
            inputs[0], *self.geometry(), include_pad=self.include_pad
        )

    def pullback(self, inputs, outputs, cotangents):
        return [AveragePool2dGrad(*self.geometry(), self.include_pad)(inputs[0], cotangents[0])]


class AveragePool2dGrad(AveragePool2d):
    """Gradient of :class:`AveragePool2d`; x gives the shape only."""

    def make_node(self, *inputs: Any) -> Apply:
        x, g = inputs
        return Apply(self, [x, g], [TensorType(x.type.dtype, shape=x.type.shape)()])

    def infer_shape(self, fgraph, node, shapes):
        return [shapes[0]]

    def connection_pattern(self, node):
        return [[False], [True]]

    def perform(self, node, inputs, output_storage):
        x, g = inputs
        output_storage[0][0] = kernels.average_pool_grad(
            x.shape, g, *self.geometry(), include_pad=self.include_pad
        )

    def pullback(self, inputs, outputs, cotangents):
        forward = AveragePool2d(*self.geometry(), self.include_pad)
        return [disconnected_type(), forward(cotangents[0])]


def pool2d(
    x: Any,
    size: int | tuple[int, int],
    stride: int | tuple[int, int] | None = None,
    pad: int | tuple[int, int] = (0, 0),
    ignore_border: bool = True,
    mode: str = "max",
) -> Variable:
    """Pool the last two axes of a batch of maps.

    Parameters
    ----------
    x : tensor4, (batch, channels, rows, columns)
    size : int or pair of int
        Window rows and columns.
    stride : int or pair of int, optional
        Default: the window's size.
    pad : int or pair of int
        Padding at both ends of rows and columns, smaller than the window; it needs
        ``ignore_border=True``.
    ignore_border : bool
        Whether a last, incomplete window is dropped.
    mode : {'max', 'average_inc_pad', 'average_exc_pad'}

    Returns
    -------
    tensor4, (batch, channels, pooled rows, pooled columns)

    Raises
    ------
    ValueError
        For an unknown `mode`, a window or stride below 1, or padding that the rules above
        do not allow.
    """
    size = as_pair(size, "pool2d: size")
    stride = size if stride is None else as_pair(stride, "pool2d: stride")
    pad = as_pair(pad, "pool2d: pad")
    if mode not in MODES:
        raise ValueError(f"pool2d: mode must be one of {', '.join(MODES)}, got {mode!r}")
    if min(size) < 1 or min(stride) < 1:
        raise ValueError(f"pool2d: size and stride must be at least 1, got {size!r} and {stride!r}")
    if min(pad) < 0 or pad[0] >= size[0] or pad[1] >= size[1]:
        raise ValueError(
            f"pool2d: pad must be from 0 to below the window's size {size!r}, got {pad!r}"
        )
    if pad != (0, 0) and not ignore_border:
        raise ValueError(f"pool2d: pad {pad!r} needs ignore_border=True")
    if mode == "max":
        return MaxPool2d(size, stride, pad, bool(ignore_border)).make_node(x).outputs[0]
    op = AveragePool2d(size, stride, pad, bool(ignore_border), mode == "average_inc_pad")
    return op.make_node(x).outputs[0]
