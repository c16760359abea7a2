"""Nonlinearities of layers: callables from an expression to an expression of the same shape.

All of them keep the dtype of their input and have finite gradients for finite inputs.
"""

from __future__ import annotations

from typing import Any

import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from lasagnette import ops
from lasagnette.utils import cast_like

__all__ = [
    "SELU",
    "LeakyRectify",
    "ScaledTanH",
    "ScaledTanh",
    "elu",
    "identity",
    "leaky_rectify",
    "linear",
    "rectify",
    "selu",
    "sigmoid",
    "softmax",
    "softplus",
    "tanh",
    "very_leaky_rectify",
]


def sigmoid(x: Any) -> Variable:
    """Return ``1 / (1 + exp(-x))``."""
    return pt.sigmoid(x)


def softmax(x: Any) -> Variable:
    """Return ``exp(x) / sum(exp(x))`` over the last axis (per row of a matrix).

    PyTensor compiles a softmax even where a function runs without a compiler
    (``linker="py"``). Graphs for such use should end in logits, with the softmax taken by
    NumPy or SciPy.
    """
    return pt.special.softmax(x, axis=-1)


def tanh(x: Any) -> Variable:
    """Return the hyperbolic tangent."""
    return pt.tanh(x)


class ScaledTanH:
    """``scale_out * tanh(scale_in * x)``.

    Parameters
    ----------
    scale_in, scale_out : float
        LeCun et al. (Efficient BackProp, 1998) use 2/3 and 1.7159.
    """

    def __init__(self, scale_in: float = 1, scale_out: float = 1) -> None:
        self.scale_in = scale_in
        self.scale_out = scale_out

    def __call__(self, x: Any) -> Variable:
        return cast_like(self.scale_out, x) * pt.tanh(cast_like(self.scale_in, x) * x)


ScaledTanh = ScaledTanH


def rectify(x: Any) -> Variable:
    """Return ``max(x, 0)``; the gradient at zero is zero, NaN stays NaN."""
    return ops.relu(x)


class LeakyRectify:
    """``x`` where positive, ``leakiness * x`` elsewhere.

    Parameters
    ----------
    leakiness : float
        Slope for negative input, usually between 0 and 1.

    References
    ----------
    A. Maas, A. Hannun, A. Ng: Rectifier nonlinearities improve neural network acoustic
    models. ICML 2013.
    """

    def __init__(self, leakiness: float = 0.01) -> None:
        self.leakiness = leakiness

    def __call__(self, x: Any) -> Variable:
        zero = cast_like(0, x)
        return pt.maximum(zero, x) + cast_like(self.leakiness, x) * pt.minimum(x, 0)


leaky_rectify = LeakyRectify()

very_leaky_rectify = LeakyRectify(1.0 / 3)


def elu(x: Any) -> Variable:
    """Return ``x`` where positive, ``exp(x) - 1`` elsewhere.

    References
    ----------
    D.-A. Clevert, T. Unterthiner, S. Hochreiter: Fast and accurate deep network learning by
    exponential linear units. ICLR 2016.
    """
    return rectify(x) + pt.expm1(pt.minimum(x, 0))


class SELU:
    """``scale * x`` where positive, ``scale * scale_neg * (exp(x) - 1)`` elsewhere.

    Parameters
    ----------
    scale, scale_neg : float
        :func:`selu` has the values of the paper, which keep mean 0 and variance 1.

    References
    ----------
    G. Klambauer, T. Unterthiner, A. Mayr, S. Hochreiter: Self-normalizing neural networks.
    NIPS 2017.
    """

    def __init__(self, scale: float = 1, scale_neg: float = 1) -> None:
        self.scale = scale
        self.scale_neg = scale_neg

    def __call__(self, x: Any) -> Variable:
        negative = cast_like(self.scale_neg, x) * pt.expm1(pt.minimum(x, 0))
        return cast_like(self.scale, x) * (rectify(x) + negative)


selu = SELU(scale=1.0507009873554805, scale_neg=1.6732632423543772)


def softplus(x: Any) -> Variable:
    """Return ``log(1 + exp(x))``."""
    return pt.softplus(x)


def linear(x: Any) -> Variable:
    """Return the input."""
    return x


identity = linear
