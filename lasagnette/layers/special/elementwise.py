"""Layers that apply one simple operation to every unit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from lasagnette import init, nonlinearities
from lasagnette.layers.axes import axes_or_auto, expand, unshared_shape
from lasagnette.layers.base import Layer, as_nonlinearity
from lasagnette.utils import floatX

__all__ = ["BiasLayer", "NonlinearityLayer", "ScaleLayer", "standardize"]


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
        self.nonlinearity = as_nonlinearity(self, nonlinearity)

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

    Raises
    ------
    ValueError
        If a length is not known along an axis that is not shared.

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
        self.b: Any = None
        if b is not None:
            self.b = self.add_param(b, unshared_shape(self, "biases"), "b", regularizable=False)

    def get_output_for(self, input: Any, **kwargs: Any) -> Variable:
        if self.b is None:
            return input
        return input + expand(self.b, self.shared_axes, input.ndim)


class ScaleLayer(Layer):
    """Multiply by learned coefficients.

    Parameters
    ----------
    incoming : Layer or tuple
    scales : number, array, callable, shared variable or expression
        Coefficients, of the input's shape without the shared axes.
    shared_axes : 'auto', int or tuple of int
        Axes along which a coefficient is the same; 'auto': all but the second.
    name : str, optional

    Raises
    ------
    ValueError
        If a length is not known along an axis that is not shared.

    Examples
    --------
    >>> ScaleLayer((20, 30, 40, 50), shared_axes=(0, 2)).scales.get_value().shape
    (30, 50)
    """

    def __init__(
        self,
        incoming: Any,
        scales: Any = init.Constant(1),  # noqa: B008 (initializers have no state)
        shared_axes: str | int | Sequence[int] = "auto",
        **kwargs: Any,
    ) -> None:
        super().__init__(incoming, **kwargs)
        self.shared_axes = axes_or_auto(self, shared_axes)
        self.scales = self.add_param(
            scales, unshared_shape(self, "scales"), "scales", regularizable=False
        )

    def get_output_for(self, input: Any, **kwargs: Any) -> Variable:
        return input * expand(self.scales, self.shared_axes, input.ndim)


def standardize(
    layer: Any, offset: Any, scale: Any, shared_axes: str | int | Sequence[int] = "auto"
) -> Layer:
    """Subtract a fixed offset, then divide by a fixed scale.

    Puts the statistics of the training data into the network, so that they are saved with its
    parameters and applied wherever it runs.

    Parameters
    ----------
    layer : Layer or tuple
    offset, scale : array, shared variable or expression
        Of the input's shape without the shared axes; tagged neither trainable nor
        regularizable.
    shared_axes : 'auto', int or tuple of int
        Axes along which they are the same; 'auto': all but the second.

    Returns
    -------
    ScaleLayer
        Over a :class:`BiasLayer`.

    Examples
    --------
    >>> from lasagnette.layers import InputLayer, get_output
    >>> data = np.array([[1.0, 10.0], [3.0, 30.0]])
    >>> net = standardize(InputLayer((None, 2)), data.mean(0), data.std(0), shared_axes=0)
    >>> get_output(net, data).eval(mode="FAST_COMPILE")
    array([[-1., -1.],
           [ 1.,  1.]])
    """
    if not isinstance(offset, Variable):
        offset = floatX(offset)
    shifted = BiasLayer(layer, -offset, shared_axes)
    shifted.params[shifted.b].remove("trainable")
    factor = pt.reciprocal(scale) if isinstance(scale, Variable) else floatX(1 / np.asarray(scale))
    scaled = ScaleLayer(shifted, factor, shared_axes)
    scaled.params[scaled.scales].remove("trainable")
    return scaled
