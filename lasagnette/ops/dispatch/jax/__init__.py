"""JAX dispatch of the Ops: the road to a GPU, through XLA's own convolutions and windows.

Two settings of JAX are made here, before the first function is traced, for the whole process:

- 64-bit types. PyTensor leaves them off with ``floatX=float32``; an int64 dropout key would then
  lose its upper half, and masks would not be those of the other back ends. float32 graphs stay
  float32: PyTensor's graphs name the type of every variable.
- Full float32 products. A GPU's default cuts the factors of convolutions and matrix products to
  TF32, 10 bits of mantissa, and training steps would no longer agree with the processor's. Whoever
  prefers the speed says so to JAX: ``JAX_DEFAULT_MATMUL_PRECISION=tensorfloat32``.

The gradients are transposes that JAX derives, as every one of these Ops is linear in what its
gradient is taken for; only the maximum needs a rule of its own, for its ties.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from pytensor.link.jax.dispatch import jax_funcify

from lasagnette.ops.batch_norm import (
    BatchNormGrad,
    BatchNormPoolGrad,
    BatchStatistics,
    Normalize,
    NormalizePool,
)
from lasagnette.ops.conv import Conv2d, Conv2dGradInput, Conv2dGradWeights
from lasagnette.ops.conv_pool import Conv2dPool, Conv2dPoolGradInput, Conv2dPoolGradWeights
from lasagnette.ops.dispatch.jax import conv, norm, pool, repairs  # noqa: F401
from lasagnette.ops.dot import TransposedDot
from lasagnette.ops.dropout import DropoutMask
from lasagnette.ops.kernels.reference import mask_threshold
from lasagnette.ops.pool import AveragePool2d, AveragePool2dGrad, MaxPool2d, MaxPool2dGrad
from lasagnette.ops.rectification import Relu, ReluGrad

__all__ = ["DISPATCH"]

jax.config.update("jax_enable_x64", True)
if jax.config.values["jax_default_matmul_precision"] is None:
    jax.config.update("jax_default_matmul_precision", "highest")


def _dropout_mask(op, node, **kwargs):
    threshold = np.uint32(mask_threshold(op.p))
    scale = np.dtype(node.outputs[0].type.dtype).type(1 / (1 - op.p))

    def dropout_mask(like, state):
        low, high = _mask_words(*state.astype(jnp.uint64))
        z = lax.iota(jnp.uint32, like.size) + low
        z = ((z ^ (z >> 16)) * np.uint32(0x7FEB352D)) ^ high
        z = (z ^ (z >> 15)) * np.uint32(0x846CA68B)
        z ^= z >> 16
        return jnp.where(z >= threshold, scale, 0 * scale).reshape(like.shape)

    return dropout_mask


def _mask_words(key, counter):
    """Two 32-bit words mixed from key and counter, as :mod:`reference` does on Python's ints."""
    z = key * np.uint64(0x9E3779B97F4A7C15) + counter * np.uint64(0xD1B54A32D192ED03)
    z = (z ^ (z >> 30)) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> 27)) * np.uint64(0x94D049BB133111EB)
    z ^= z >> 31
    return z.astype(jnp.uint32), (z >> 32).astype(jnp.uint32)


def _relu(op, node, **kwargs):
    return lambda x: jnp.maximum(x, 0)


def _relu_grad(op, node, **kwargs):
    return lambda y, g: jnp.where(y > 0, g, 0)


def _transposed_dot(op, node, **kwargs):
    def transposed_dot(a, b):
        return jnp.matmul(a.T if op.left else a, b.T if op.right else b)

    return transposed_dot


def _typed(dispatch):
    """Cast what a dispatched function takes to the types that the graph says.

    PyTensor hands constants over as Python's numbers, and what is made of these alone is float64.
    """

    def funcify(op, node, **kwargs):
        function = dispatch(op, node, **kwargs)
        dtypes = [variable.type.dtype for variable in node.inputs]

        def typed(*inputs):
            return function(*map(jnp.asarray, inputs, dtypes))

        return typed

    return funcify


DISPATCH: dict[Any, Callable[..., Any]] = {
    BatchNormGrad: norm.batch_norm_grad,
    BatchNormPoolGrad: norm.batch_norm_pool_grad,
    BatchStatistics: norm.batch_statistics,
    Normalize: norm.normalize,
    NormalizePool: norm.normalize_pool,
    Conv2d: conv.conv2d,
    Conv2dGradInput: conv.conv2d_grad_input,
    Conv2dGradWeights: conv.conv2d_grad_weights,
    Conv2dPool: conv.conv2d_pool,
    Conv2dPoolGradInput: conv.conv2d_pool_grad_input,
    Conv2dPoolGradWeights: conv.conv2d_pool_grad_weights,
    MaxPool2d: pool.max_pool,
    MaxPool2dGrad: pool.max_pool_grad,
    AveragePool2d: pool.average_pool,
    AveragePool2dGrad: pool.average_pool_grad,
    DropoutMask: _dropout_mask,
    Relu: _relu,
    ReluGrad: _relu_grad,
    TransposedDot: _transposed_dot,
}

for _op, _dispatch in DISPATCH.items():
    jax_funcify.register(_op)(_typed(_dispatch))
