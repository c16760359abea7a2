"""Convolution with 2 x 2 max pooling in one pass.

Most of the memory that a small net moves is the map between a convolution and its pooling:
written, read to pool it, read again for the gradient, which is as large. The fused Ops never make
that map. They keep the pooled values and, for the gradient, one byte per window that says which of
its cells had the largest value; gradients are spread over the map's rows only as these are used.

:mod:`lasagnette.ops.fusion` puts the Ops into graphs.
"""

from __future__ import annotations

from typing import Any

from pytensor.graph.basic import Apply
from pytensor.tensor.type import TensorType

from lasagnette.ops import kernels
from lasagnette.ops.conv import Conv2d, ConvOp

__all__ = ["Conv2dPool", "Conv2dPoolGradInput", "Conv2dPoolGradWeights"]


class Conv2dPool(ConvOp):
    """A convolution's 2 x 2 maxima; with `winners` also the byte per window for the gradient.

    Bit ``2 * row + column`` of a byte is set where that cell of the window equals the maximum; no
    bit is set where the relu cut the whole window. The Op has no gradient: the rewrite puts it in
    when the gradients stand.

    Parameters
    ----------
    conv : Conv2d
    winners : bool
    """

    __props__ = ("conv", "winners")

    def __init__(self, conv: Conv2d, winners: bool) -> None:
        super().__init__(*conv.geometry())
        self.conv = conv
        self.winners = winners

    def make_node(self, *inputs: Any) -> Apply:
        node = self.conv.make_node(*inputs)
        shape = node.outputs[0].type.shape
        pooled = (*shape[:2], *(None if length is None else length // 2 for length in shape[2:]))
        dtypes = [node.outputs[0].type.dtype, "uint8"][: 1 + self.winners]
        return Apply(self, node.inputs, [TensorType(dtype, shape=pooled)() for dtype in dtypes])

    def infer_shape(self, fgraph, node, shapes):
        (shape,) = self.conv.infer_shape(fgraph, node, shapes)
        return [(*shape[:2], *(length // 2 for length in shape[2:]))] * (1 + self.winners)

    def perform(self, node, inputs, output_storage):
        x, w, *bias = inputs
        pooled, winners = kernels.conv2d_pool(
            x,
            w,
            bias[0] if bias else None,
            relu=self.conv.relu,
            winners=self.winners,
            **self.settings(),
        )
        output_storage[0][0] = pooled
        if self.winners:
            output_storage[1][0] = winners


class Conv2dPoolGradInput(ConvOp):
    """Gradient of :class:`Conv2dPool` for its input; x gives the shape only."""

    def make_node(self, *inputs: Any) -> Apply:
        x, w, g, winners = inputs
        return Apply(self, [x, w, g, winners], [TensorType(g.type.dtype, shape=x.type.shape)()])

    def infer_shape(self, fgraph, node, shapes):
        return [shapes[0]]

    def perform(self, node, inputs, output_storage):
        x, w, g, winners = inputs
        output_storage[0][0] = kernels.conv2d_pool_grad_input(
            w, g, winners, x.shape, **self.settings()
        )


class Conv2dPoolGradWeights(ConvOp):
    """Gradients of :class:`Conv2dPool` for filters and bias; w gives the shape only."""

    def make_node(self, *inputs: Any) -> Apply:
        x, w, g, winners = inputs
        shape = w.type.shape
        outputs = [TensorType(x.type.dtype, shape=s)() for s in (shape, shape[:1])]
        return Apply(self, [x, w, g, winners], outputs)

    def infer_shape(self, fgraph, node, shapes):
        return [shapes[1], shapes[1][:1]]

    def perform(self, node, inputs, output_storage):
        x, w, g, winners = inputs
        output_storage[0][0], output_storage[1][0] = kernels.conv2d_pool_grad_weights(
            x, g, winners, w.shape, **self.settings()
        )
