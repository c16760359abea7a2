"""Normalisation by channels as PyTensor Ops, and the graph rewrites that fuse it.

Arrays are ``(batch, channels, ...)``, parameters and statistics ``(channels,)``. Training takes the
statistics of the batch and differentiates through them in one Op; inference, with given averages,
is folded into the convolution before it by a rewrite. A relu after it goes into the same pass
(:func:`lasagnette.ops.relu`), a 2 x 2 max pooling after that, too (by a rewrite, as in
:mod:`lasagnette.ops.conv_pool`).

S. Ioffe, C. Szegedy: Batch normalization. ICML 2015.
"""

from __future__ import annotations

from typing import Any

import pytensor.tensor as pt
from pytensor.gradient import DisconnectedType, disconnected_type
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.op import Op
from pytensor.tensor.type import TensorType

import lasagnette.ops.dispatch  # noqa: F401 - PyTensor's back ends learn of the Ops
from lasagnette.ops import kernels

__all__ = [
    "BatchNormGrad",
    "BatchNormPoolGrad",
    "BatchStatistics",
    "Normalize",
    "NormalizePool",
    "batch_statistics",
    "normalize",
    "through_relu",
]


def through_relu(y: Variable, g: Variable) -> Variable:
    """Keep the gradient `g` where the relu's output `y` is positive."""
    return pt.switch(pt.gt(y, 0), g, pt.zeros((), dtype=g.type.dtype))


def _along_channels(parameter: Any, x: Any) -> Any:
    return parameter.dimshuffle("x", 0, *("x",) * (x.type.ndim - 2))


def _sum_by_channel(x: Any) -> Any:
    return x.sum(axis=[axis for axis in range(x.type.ndim) if axis != 1])


class BatchStatistics(Op):
    """Mean and variance of every channel."""

    __props__ = ()

    def make_node(self, *inputs: Any) -> Apply:
        (x,) = (pt.as_tensor_variable(v) for v in inputs)
        _check(x)
        outputs = [TensorType(x.type.dtype, shape=x.type.shape[1:2])() for _ in range(2)]
        return Apply(self, [x], outputs)

    def infer_shape(self, fgraph, node, shapes):
        return [shapes[0][1:2]] * 2

    def perform(self, node, inputs, output_storage):
        output_storage[0][0], output_storage[1][0] = kernels.batch_statistics(inputs[0])

    def pullback(self, inputs, outputs, cotangents):
        (x,), mean = inputs, outputs[0]
        count = (x.size / pt.maximum(x.shape[1], 1)).astype(x.type.dtype)
        result: Variable | None = None
        to_mean, to_variance = cotangents
        if not isinstance(to_mean.type, DisconnectedType):
            result = pt.zeros_like(x) + _along_channels(to_mean / count, x)
        if not isinstance(to_variance.type, DisconnectedType):
            slope = _along_channels(to_variance * (2 / count), x)
            term = (x - _along_channels(mean, x)) * slope
            result = term if result is None else result + term
        return [disconnected_type() if result is None else result]


class Normalize(Op):
    """``(x - mean) * gamma * inv_std + beta``, optionally cut at zero.

    Inputs: x, gamma, beta, mean, inv_std. With `of_batch`, mean and inv_std are the statistics of
    `x` itself: the gradient for x goes through them, and none goes out to these two inputs.
    """

    __props__ = ("of_batch", "relu")

    def __init__(self, of_batch: bool, relu: bool = False) -> None:
        self.of_batch = of_batch
        self.relu = relu

    def with_relu(self) -> Normalize:
        """Return this Op's twin that also cuts its result at zero."""
        return Normalize(self.of_batch, relu=True)

    def make_node(self, *inputs: Any) -> Apply:
        x, *parameters = (pt.as_tensor_variable(v) for v in inputs)
        _check(x, *parameters)
        return Apply(self, [x, *parameters], [x.type()])

    def infer_shape(self, fgraph, node, shapes):
        return [shapes[0]]

    def connection_pattern(self, node):
        return [[True], [True], [True], [not self.of_batch], [not self.of_batch]]

    def perform(self, node, inputs, output_storage):
        x, gamma, beta, mean, inv_std = inputs
        output_storage[0][0] = kernels.normalize(x, mean, gamma * inv_std, beta, relu=self.relu)

    def pullback(self, inputs, outputs, cotangents):
        x, gamma, _, mean, inv_std = inputs
        (g,) = cotangents
        if isinstance(g.type, DisconnectedType):
            return [disconnected_type() for _ in inputs]
        if self.of_batch:
            gx, g_gamma, g_beta = BatchNormGrad(self.relu).make_node(x, g, *inputs[1:]).outputs
            return [gx, g_gamma, g_beta, disconnected_type(), disconnected_type()]
        if self.relu:
            g = through_relu(outputs[0], g)
        g_beta = _sum_by_channel(g)
        g_scale = _sum_by_channel(g * (x - _along_channels(mean, x)))
        scale = gamma * inv_std
        return [
            g * _along_channels(scale, x),
            g_scale * inv_std,
            g_beta,
            -g_beta * scale,
            g_scale * gamma,
        ]


class BatchNormGrad(Op):
    """Gradients of :class:`Normalize` by a batch's own statistics, for x, gamma and beta.

    Inputs: x, the gradient, gamma, beta, mean, inv_std.
    """

    __props__ = ("relu",)

    def __init__(self, relu: bool) -> None:
        self.relu = relu

    def make_node(self, *inputs: Any) -> Apply:
        x, _, gamma, *_ = inputs
        return Apply(self, list(inputs), [x.type(), gamma.type(), gamma.type()])

    def infer_shape(self, fgraph, node, shapes):
        return [shapes[0], shapes[2], shapes[2]]

    def perform(self, node, inputs, output_storage):
        x, g, gamma, beta, mean, inv_std = inputs
        results = kernels.batch_norm_grad(
            x, g, mean, gamma * inv_std, beta, inv_std, relu=self.relu
        )
        for storage, result in zip(output_storage, results, strict=True):
            storage[0] = result


class NormalizePool(Op):
    """The 2 x 2 maxima of :class:`Normalize`, and with `winners` the bytes for the gradient.

    See :class:`lasagnette.ops.conv_pool.Conv2dPool`. The Op has no gradient.
    """

    __props__ = ("relu", "winners")

    def __init__(self, relu: bool, winners: bool) -> None:
        self.relu = relu
        self.winners = winners

    def make_node(self, *inputs: Any) -> Apply:
        x = inputs[0]
        halves = (None if length is None else length // 2 for length in x.type.shape[2:])
        shape = (*x.type.shape[:2], *halves)
        dtypes = [x.type.dtype, "uint8"][: 1 + self.winners]
        return Apply(self, list(inputs), [TensorType(dtype, shape=shape)() for dtype in dtypes])

    def infer_shape(self, fgraph, node, shapes):
        x = shapes[0]
        return [(*x[:2], x[2] // 2, x[3] // 2)] * (1 + self.winners)

    def perform(self, node, inputs, output_storage):
        x, gamma, beta, mean, inv_std = inputs
        results = kernels.normalize_pool(
            x, mean, gamma * inv_std, beta, relu=self.relu, winners=self.winners
        )
        for storage, result in zip(output_storage, results, strict=False):
            storage[0] = result


class BatchNormPoolGrad(Op):
    """Gradients as of :class:`BatchNormGrad`, from those of the pooled values.

    Inputs: x, the gradient, the winners, gamma, beta, mean, inv_std.
    """

    __props__ = ()

    def make_node(self, *inputs: Any) -> Apply:
        x, _, _, gamma, *_ = inputs
        return Apply(self, list(inputs), [x.type(), gamma.type(), gamma.type()])

    def infer_shape(self, fgraph, node, shapes):
        return [shapes[0], shapes[3], shapes[3]]

    def perform(self, node, inputs, output_storage):
        x, g, winners, gamma, beta, mean, inv_std = inputs
        results = kernels.batch_norm_pool_grad(x, g, winners, mean, gamma * inv_std, beta, inv_std)
        for storage, result in zip(output_storage, results, strict=True):
            storage[0] = result


def batch_statistics(x: Any) -> tuple[Variable, Variable]:
    """Mean and variance of every channel of a batch.

    Parameters
    ----------
    x : tensor, (batch, channels, ...), float32 or float64
        Of at least two dimensions.

    Returns
    -------
    mean, variance : vector, (channels,)
        NaN for an empty batch.

    Raises
    ------
    ValueError
        If `x` has another type.
    """
    mean, variance = BatchStatistics().make_node(x).outputs
    return mean, variance


def normalize(
    x: Any, gamma: Any, beta: Any, mean: Any, inv_std: Any, *, of_batch: bool = False
) -> Variable:
    """Return ``(x - mean) * gamma * inv_std + beta``, channel by channel.

    Parameters
    ----------
    x : tensor, (batch, channels, ...), float32 or float64
    gamma, beta, mean, inv_std : vector, (channels,), of the same type
    of_batch : bool
        Whether `mean` and `inv_std` are made from :func:`batch_statistics` of `x`. The gradient for
        `x` then goes through the statistics, in one pass, and not through these two arguments;
        it cannot be differentiated again.

    Returns
    -------
    tensor like x

    Raises
    ------
    ValueError
        If types or static shapes do not fit.
    """
    return Normalize(of_batch).make_node(x, gamma, beta, mean, inv_std).outputs[0]


def _check(x: Variable, *parameters: Variable) -> None:
    if x.type.ndim < 2 or x.type.dtype not in ("float32", "float64"):
        raise ValueError(
            "normalize: the input must be a float32 or float64 tensor of at least 2 dimensions, "
            f"got {x.type!r}"
        )
    for parameter in parameters:
        fits = parameter.type.ndim == 1 and parameter.type.dtype == x.type.dtype
        lengths = {parameter.type.shape[0], x.type.shape[1]} - {None} if fits else set()
        if not fits or len(lengths) > 1:
            raise ValueError(
                f"normalize: parameters must be {x.type.dtype} vectors with one number for each "
                f"of the {x.type.shape[1]!r} channels, got {parameter.type!r}"
            )
