"""Fully connected layers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from lasagnette import init, nonlinearities
from lasagnette.layers.base import Layer, Shape

__all__ = ["DenseLayer"]


class DenseLayer(Layer):
    """A fully connected layer: ``nonlinearity(input @ W + b)``.

    Parameters
    ----------
    incoming : Layer or tuple
    num_units : int
    W : number, array, callable, shared variable or expression
        Weights ``(inputs, num_units)``; see :func:`lasagnette.utils.create_param`.
    b : number, array, callable, shared variable, expression or None
        Biases ``(num_units,)``; None for a layer without.
    nonlinearity : callable or None
        None for a linear layer.
    num_leading_axes : int
        The axes after this many are flattened into one before the product; the leading ones
        are kept. A negative number counts the axes to flatten.
    name : str, optional

    Examples
    --------
    >>> DenseLayer((100, 20), num_units=50).output_shape
    (100, 50)

    Trailing axes are flattened:

    >>> DenseLayer((None, 16, 6, 6), num_units=2).W.get_value().shape
    (576, 2)

    Unless told otherwise, as for units applied at every step of a sequence:

    >>> DenseLayer((None, 10, 16), num_units=2, num_leading_axes=-1).output_shape
    (None, 10, 2)
    """

    def __init__(
        self,
        incoming: Any,
        num_units: int,
        W: Any = init.GlorotUniform(),  # noqa: B008 (initializers have no state)
        b: Any = init.Constant(0.0),  # noqa: B008
        nonlinearity: Callable | None = nonlinearities.rectify,
        num_leading_axes: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(incoming, **kwargs)
        self.nonlinearity = nonlinearities.identity if nonlinearity is None else nonlinearity
        self.num_units = num_units
        ndim = len(self.input_shape)
        if not -ndim <= num_leading_axes < ndim:
            raise ValueError(
                f"DenseLayer: num_leading_axes must be from {-ndim} to {ndim - 1} for an input of "
                f"shape {self.input_shape!r}, which leaves an axis for the product, "
                f"got {num_leading_axes!r}"
            )
        self.num_leading_axes = num_leading_axes % ndim
        trailing = self.input_shape[self.num_leading_axes :]
        if None in trailing:
            raise ValueError(
                f"DenseLayer: all axes after the first {self.num_leading_axes} must have known "
                f"lengths, got {self.input_shape!r}; set num_leading_axes to keep some apart"
            )
        num_inputs = math.prod(trailing)  # type: ignore[arg-type]
        self.W = self.add_param(W, (num_inputs, num_units), name="W")
        self.b = (
            None if b is None else self.add_param(b, (num_units,), name="b", regularizable=False)
        )

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        return (*input_shape[: self.num_leading_axes], self.num_units)

    def get_output_for(self, input: Any, **kwargs: Any) -> Variable:
        if input.ndim > self.num_leading_axes + 1:
            input = input.flatten(self.num_leading_axes + 1)
        activation = pt.dot(input, self.W)
        if self.b is not None:
            activation = activation + self.b
        return self.nonlinearity(activation)
