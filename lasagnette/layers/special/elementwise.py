"""Layers that apply one simple operation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pytensor.graph.basic import Variable

from lasagnette import init, nonlinearities
from lasagnette.layers.axes import axes_or_auto, expand
from lasagnette.layers.base import Layer

__all__ = ["BiasLayer", "NonlinearityLayer"]


class NonlinearityLayer(Layer):
    """Apply a nonlinearity.

    Parameters
    ----------
    incoming : Layer or tuple
    nonlinearity : callable or None
        None passes the input through.
    name : str, optional
    """

    def __init__(
        self,
        incoming: Any,
        nonlinearity: Callable | None = nonlinearities.rectify,
        **kwargs: Any,
    ) -> None:
        super().__init__(incoming, **kwargs)
        self.nonlinearity = nonlinearities.identity if nonlinearity is None else nonlinearity

    def get_output_for(self, input: Any, **kwargs: Any) -> Variable:
        return self.nonlinearity(input)


class BiasLayer(Layer):
    """Add biases.

    Parameters
    ----------
    incoming : Layer or tuple
    b : number, array, callable, shared variable, expression or None
        Biases, of the input's shape without the shared axes; None passes the input through.
    shared_axes : 'auto', int or tuple of int
        Axes along which a bias is the same; 'auto': all but the second.
    name : str, optional

    Examples
    --------
    >>> BiasLayer((20, 30, 40, 50), shared_axes=(0, 2)).b.get_value().shape
    (30, 50)
    """

    def __init__(
        self,
        incoming: Any,
        b: Any = init.Constant(0),  # noqa: B008 (initializers have no state)
        shared_axes: str | int | Sequence[int] = "auto",
        **kwargs: Any,
    ) -> None:
        super().__init__(incoming, **kwargs)
        self.shared_axes = axes_or_auto(self, shared_axes)
        shape = [s for axis, s in enumerate(self.input_shape) if axis not in self.shared_axes]
        self.b = None if b is None else self.add_param(b, shape, "b", regularizable=False)

    def get_output_for(self, input: Any, **kwargs: Any) -> Variable:
        if self.b is None:
            return input
        return input + expand(self.b, self.shared_axes, input.ndim)
