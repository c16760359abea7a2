"""Convolution with 2 x 2 max pooling in one pass, and the graph rewrite that puts it in.

Most of the memory that a small net moves is the map between a convolution and its pooling:
written, read to pool it, read again for the gradient, which is as large. The fused Ops never make
that map. They keep the pooled values and, for the gradient, one byte per window that says which of
its cells had the largest value; gradients are spread over the map's rows only as these are used.

The rewrite finds ``max_pool(conv2d(...))`` with windows of 2 x 2 side by side, together with the
gradients of both, in the finished graph, and only if nothing else needs the map.
"""

from __future__ import annotations

from typing import Any

from pytensor.compile import optdb
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.rewriting.basic import dfs_rewriter, node_rewriter
from pytensor.tensor.type import TensorType

from lasagnette.ops import kernels
from lasagnette.ops.conv import Conv2d, Conv2dGradInput, Conv2dGradWeights, ConvOp
from lasagnette.ops.pool import MaxPool2d, MaxPool2dGrad

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


@node_rewriter([MaxPool2d])
def fuse_conv_pool(fgraph: Any, node: Apply) -> dict[Variable, Variable] | None:
    """Replace a convolution, its 2 x 2 max pooling and their gradients by the fused Ops."""
    y = node.inputs[0]
    conv = y.owner
    if conv is None or type(conv.op) is not Conv2d or not _pairs_up(node.op, y):
        return None
    clients = [client for client, _ in fgraph.clients[y] if client is not node]
    if not all(_is_gradient(client, node, conv.op) for client in clients):
        return None
    users = [(client, user) for client in clients for user, _ in fgraph.clients[client.outputs[0]]]
    if not all(_carries(user, client.outputs[0], conv) for client, user in users):
        return None

    op = Conv2dPool(conv.op, winners=bool(clients))
    pooled, *winners = op.make_node(*conv.inputs).outputs
    replacements = {node.outputs[0]: pooled}
    for client, user in users:
        x, w = user.inputs[:2]
        fused = {Conv2dGradInput: Conv2dPoolGradInput, Conv2dGradWeights: Conv2dPoolGradWeights}
        made = fused[type(user.op)](*op.geometry()).make_node(x, w, client.inputs[2], *winners)
        replacements |= dict(zip(user.outputs, made.outputs, strict=True))
    return replacements


def _pairs_up(op: MaxPool2d, y: Variable) -> bool:
    """Whether the windows are 2 x 2, side by side, and all of them whole."""
    if (op.size, op.stride, op.pad) != ((2, 2), (2, 2), (0, 0)):
        return False
    return op.ignore_border or all(n is not None and n % 2 == 0 for n in y.type.shape[2:])


def _is_gradient(client: Any, pool: Apply, conv: Conv2d) -> bool:
    return (
        isinstance(client, Apply)
        and isinstance(client.op, MaxPool2dGrad)
        and client.inputs[:2] == [pool.inputs[0], pool.outputs[0]]
        and client.op.geometry() == pool.op.geometry()
        and client.op.relu == conv.relu
    )


def _carries(user: Any, g: Variable, conv: Apply) -> bool:
    """Whether a node takes the map's gradient on to the convolution's own inputs."""
    return (
        isinstance(user, Apply)
        and type(user.op) in (Conv2dGradInput, Conv2dGradWeights)
        and user.op.geometry() == conv.op.geometry()
        and user.inputs[:2] == conv.inputs[:2]
        and user.inputs[2] is g
    )


# Late, when all gradients stand and equal nodes are merged, but before nodes compute in place. JAX
# leaves out what is tagged so; XLA does its own fusing.
optdb.register(
    "lasagnette_conv_pool",
    dfs_rewriter(fuse_conv_pool),
    "fast_run",
    "fast_compile",
    "inplace",
    position=48.9,
)
