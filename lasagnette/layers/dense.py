"""Fully connected layers, and those that are fully connected at every position."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from lasagnette import init, nonlinearities, ops
from lasagnette.layers.base import Layer, Shape, as_nonlinearity

__all__ = ["DenseLayer", "NINLayer"]


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
        self.nonlinearity = as_nonlinearity(self, nonlinearity)
        self.num_units = num_units
        ndim = len(self.input_shape)
        if not -ndim <= num_leading_axes < ndim:
            problem = (
                "leaving no trailing axes for the product"
                if num_leading_axes >= ndim
                else "requesting more trailing axes than there are"
            )
            raise ValueError(
                f"DenseLayer: num_leading_axes must be from {-ndim} to {ndim - 1} for an input of "
                f"shape {self.input_shape!r}, got {num_leading_axes!r}, {problem}"
            )
        self.num_leading_axes = num_leading_axes % ndim
        trailing = self.input_shape[self.num_leading_axes :]
        if None in trailing:
            raise ValueError(
                "A DenseLayer requires a fixed input shape (except for the leading axes): all "
                f"axes after the first {self.num_leading_axes} must have known lengths, got "
                f"{self.input_shape!r}; set num_leading_axes to keep some apart"
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


class NINLayer(Layer):
    """A fully connected layer applied at every position: "network in network" [1]_.

    The same as a convolution with filters of one pixel, over any number of directions.

    Parameters
    ----------
    incoming : Layer or tuple
        Output of shape ``(batch, channels, *directions)``.
    num_units : int
        Channels of the result.
    untie_biases : bool
        False: biases ``(num_units,)``; True: one per position, ``(num_units, *directions)``,
        for which the input's size must be known.
    W : number, array, callable, shared variable or expression
        Weights ``(channels, num_units)``; see :func:`lasagnette.utils.create_param`.
    b : number, array, callable, shared variable, expression or None
        Biases; None for a layer without.
    nonlinearity : callable or None
        None for a linear layer.
    name : str, optional

    References
    ----------
    .. [1] Lin, Chen, Yan: Network in network (ICLR 2014).

    Examples
    --------
    >>> NINLayer((None, 16, 24, 24), num_units=5).output_shape
    (None, 5, 24, 24)
    """

    def __init__(
        self,
        incoming: Any,
        num_units: int,
        untie_biases: bool = False,
        W: Any = init.GlorotUniform(),  # noqa: B008 (initializers have no state)
        b: Any = init.Constant(0.0),  # noqa: B008
        nonlinearity: Callable | None = nonlinearities.rectify,
        **kwargs: Any,
    ) -> None:
        super().__init__(incoming, **kwargs)
        self.nonlinearity = as_nonlinearity(self, nonlinearity)
        self.num_units = num_units
        self.untie_biases = untie_biases
        if len(self.input_shape) < 2:
            raise ValueError(
                f"NINLayer: the input must have a batch and a channel axis, "
                f"got shape {self.input_shape!r}"
            )
        self.W = self.add_param(W, (self.input_shape[1], num_units), name="W")
        if b is None:
            self.b = None
        else:
            positions = self.output_shape[2:] if untie_biases else ()
            self.b = self.add_param(b, (num_units, *positions), name="b", regularizable=False)

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        return (input_shape[0], self.num_units, *input_shape[2:])

    def get_output_for(self, input: Any, **kwargs: Any) -> Variable:
        untied = self.b is not None and self.untie_biases
        relu = self.nonlinearity is nonlinearities.rectify and not untied
        directions = [input.shape[i] for i in range(2, input.ndim)]
        # Whatever the directions are, an image of one row has as many positions.
        row = (input.shape[0], input.shape[1], 1, math.prod(directions))
        maps: Any = ops.conv2d(
            input if input.ndim == 4 else input.reshape(row),
            self.W.T[:, :, None, None],
            None if untied else self.b,
            relu=relu,
        )
        if input.ndim != 4:
            maps = maps.reshape((input.shape[0], self.num_units, *directions))
        activation = maps + self.b[None] if untied else maps  # type: ignore[index]
        return activation if relu else self.nonlinearity(activation)
