"""Graph rewrites that put the fused Ops in.

They find, in the finished graph, a convolution or a normalisation with a relu or 2 x 2 max pooling
after it, together with the gradients, and a convolution with a normalisation by fixed numbers after
it. They act only where nothing else needs what is computed in between.
"""

from __future__ import annotations

from typing import Any

from pytensor.compile import optdb
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.rewriting.basic import dfs_rewriter, node_rewriter
from pytensor.tensor import as_tensor_variable

from lasagnette.ops.batch_norm import BatchNormGrad, BatchNormPoolGrad, Normalize, NormalizePool
from lasagnette.ops.conv import Conv2d, Conv2dGradInput, Conv2dGradWeights
from lasagnette.ops.conv_pool import Conv2dPool, Conv2dPoolGradInput, Conv2dPoolGradWeights
from lasagnette.ops.pool import MaxPool2d, MaxPool2dGrad
from lasagnette.ops.rectification import Relu, ReluGrad

__all__ = [
    "fold_normalization",
    "fuse_pool",
    "fuse_relu",
    "fuse_relu_and_norm_grad",
    "fuse_relu_and_pool_grad",
]

Replacements = dict[Variable, Variable]


@node_rewriter([Relu])
def fuse_relu(fgraph: Any, node: Apply) -> list[Variable] | None:
    """Put a relu into the convolution or normalisation before it."""
    (x,) = node.inputs
    made_by = x.owner
    if made_by is None or type(made_by.op) not in (Conv2d, Normalize) or made_by.op.relu:
        return None
    if len(fgraph.clients[x]) > 1:
        return None
    return made_by.op.with_relu().make_node(*made_by.inputs).outputs


@node_rewriter([ReluGrad])
def fuse_relu_and_pool_grad(fgraph: Any, node: Apply) -> list[Variable] | None:
    """Let the gradient of max pooling go through the relu before the pooling, too."""
    y, g = node.inputs
    pool = g.owner
    if pool is None or type(pool.op) is not MaxPool2dGrad or pool.inputs[0] is not y:
        return None
    return pool.op.of_relu().make_node(*pool.inputs).outputs


@node_rewriter([BatchNormGrad])
def fuse_relu_and_norm_grad(fgraph: Any, node: Apply) -> list[Variable] | None:
    """Let the gradient of a normalisation go through the relu after it, too."""
    x, g, *parameters = node.inputs
    relu = g.owner
    if node.op.relu or relu is None or type(relu.op) is not ReluGrad:
        return None
    norm = relu.inputs[0].owner
    if norm is None or norm.op != Normalize(of_batch=True, relu=True):
        return None
    if norm.inputs != [x, *parameters]:
        return None
    return BatchNormGrad(relu=True).make_node(x, relu.inputs[1], *parameters).outputs


@node_rewriter([Normalize])
def fold_normalization(fgraph: Any, node: Apply) -> list[Variable] | None:
    """Put a normalisation by fixed numbers into the filters and biases before it."""
    y, *parameters = node.inputs
    conv = y.owner
    if node.op.of_batch or conv is None or type(conv.op) is not Conv2d or conv.op.relu:
        return None
    if len(fgraph.clients[y]) > 1:
        return None
    x, w, *bias = conv.inputs
    gamma, beta, mean, inv_std = map(as_tensor_variable, parameters)
    scale = gamma * inv_std
    shift = beta + ((bias[0] - mean) if bias else -mean) * scale
    op = Conv2d(*conv.op.geometry(), bias=True, relu=node.op.relu)
    return op.make_node(x, w * scale.dimshuffle(0, "x", "x", "x"), shift).outputs


@node_rewriter([MaxPool2d])
def fuse_pool(fgraph: Any, node: Apply) -> Replacements | None:
    """Put 2 x 2 max pooling into the convolution or normalisation before it."""
    y = node.inputs[0]
    made_by = y.owner
    if made_by is None or not _pairs_up(node.op, y):
        return None
    clients = [client for client, _ in fgraph.clients[y] if client is not node]
    if not all(_is_gradient(client, node) for client in clients):
        return None
    users = [(client, user) for client in clients for user, _ in fgraph.clients[client.outputs[0]]]
    if type(made_by.op) is Conv2d:
        return _with_convolution(made_by, node, clients, users)
    if type(made_by.op) is Normalize and (made_by.op.of_batch or not clients):
        return _with_normalization(made_by, node, clients, users)
    return None


def _with_convolution(conv: Apply, node: Apply, clients: Any, users: Any) -> Replacements | None:
    if not all(client.op.relu == conv.op.relu for client in clients):
        return None
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


def _with_normalization(norm: Apply, node: Apply, clients: Any, users: Any) -> Replacements | None:
    x, *parameters = norm.inputs
    for client, user in users:
        if not (isinstance(user, Apply) and type(user.op) is BatchNormGrad):
            return None
        if norm.op.relu != (client.op.relu or user.op.relu):
            return None
        if user.inputs != [x, client.outputs[0], *parameters]:
            return None
    op = NormalizePool(norm.op.relu, winners=bool(clients))
    pooled, *winners = op.make_node(*norm.inputs).outputs
    replacements = {node.outputs[0]: pooled}
    for client, user in users:
        made = BatchNormPoolGrad().make_node(x, client.inputs[2], *winners, *parameters)
        replacements |= dict(zip(user.outputs, made.outputs, strict=True))
    return replacements


def _pairs_up(op: MaxPool2d, y: Variable) -> bool:
    """Whether the windows are 2 x 2, side by side, and all of them whole."""
    if (op.size, op.stride, op.pad) != ((2, 2), (2, 2), (0, 0)):
        return False
    return op.ignore_border or all(n is not None and n % 2 == 0 for n in y.type.shape[2:])


def _is_gradient(client: Any, pool: Apply) -> bool:
    return (
        isinstance(client, Apply)
        and isinstance(client.op, MaxPool2dGrad)
        and client.inputs[:2] == [pool.inputs[0], pool.outputs[0]]
        and client.op.geometry() == pool.op.geometry()
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
for _position, _rewrite in (
    (48.6, fuse_relu),
    (48.65, fuse_relu_and_pool_grad),
    (48.7, fuse_relu_and_norm_grad),
    (48.8, fold_normalization),
    (48.9, fuse_pool),
):
    optdb.register(
        f"lasagnette_{_rewrite.__name__}",
        dfs_rewriter(_rewrite),
        "fast_run",
        "fast_compile",
        "inplace",
        position=_position,
    )
