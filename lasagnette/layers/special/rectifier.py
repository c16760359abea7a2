"""Leaky rectifiers whose slopes are learned or drawn at random."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import disconnected_grad
from pytensor.graph.basic import Variable

from lasagnette import init, nonlinearities
from lasagnette.layers.axes import axes_or_auto, expand, unshared_shape
from lasagnette.layers.base import Layer
from lasagnette.layers.draws import Draws
from lasagnette.utils import as_theano_expression, cast_like

__all__ = ["ParametricRectifierLayer", "RandomizedRectifierLayer", "prelu", "rrelu"]


def _axes(layer: Layer, shared_axes: str | int | Sequence[int]) -> tuple[int, ...]:
    """Return the axes that 'all', 'auto' (all but the second), an int or ints stand for."""
    if isinstance(shared_axes, str) and shared_axes == "all":
        return tuple(range(len(layer.input_shape)))
    return axes_or_auto(layer, shared_axes)


def _take_nonlinearity(layer: Any) -> Any:
    """Make a layer linear, if it has a nonlinearity."""
    if getattr(layer, "nonlinearity", None) is not None:
        layer.nonlinearity = nonlinearities.identity
    return layer


def _leaky(x: Any, slope: Any) -> Variable:
    # Comparisons pass gradients of zero on, in dtype floatX whatever the input's is.
    return pt.switch(disconnected_grad(x) > 0, x, slope * x)


class ParametricRectifierLayer(Layer):
    """Multiply negative input by a learned slope: ``max(x, 0) + alpha * min(x, 0)``.

    Parameters
    ----------
    incoming : Layer or tuple
    alpha : number, array, callable, shared variable or expression
        Slopes, of the input's shape without the shared axes.
    shared_axes : 'auto', 'all', int or tuple of int
        Axes along which a slope is the same; 'auto': all but the second; 'all': one slope.
    name : str, optional

    Raises
    ------
    ValueError
        If a length is not known along an axis that is not shared.

    References
    ----------
    K. He, X. Zhang, S. Ren, J. Sun: Delving deep into rectifiers: surpassing human-level
    performance on ImageNet classification. ICCV 2015.

    Examples
    --------
    >>> ParametricRectifierLayer((20, 3, 28, 28), shared_axes=(0, 3)).alpha.get_value().shape
    (3, 28)
    """

    def __init__(
        self,
        incoming: Any,
        alpha: Any = init.Constant(0.25),  # noqa: B008 (initializers have no state)
        shared_axes: str | int | Sequence[int] = "auto",
        **kwargs: Any,
    ) -> None:
        super().__init__(incoming, **kwargs)
        self.shared_axes = _axes(self, shared_axes)
        shape = unshared_shape(self, "slopes")
        self.alpha = self.add_param(alpha, shape, "alpha", regularizable=False)

    def get_output_for(self, input: Any, **kwargs: Any) -> Variable:
        alpha = expand(self.alpha, self.shared_axes, input.ndim)
        return _leaky(as_theano_expression(input), alpha)


def prelu(layer: Any, **kwargs: Any) -> ParametricRectifierLayer:
    """Replace a layer's nonlinearity by a :class:`ParametricRectifierLayer`.

    Parameters
    ----------
    layer : Layer
        Changed in place: it becomes linear.
    **kwargs
        Arguments of :class:`ParametricRectifierLayer`.

    Examples
    --------
    >>> from lasagnette.layers import DenseLayer
    >>> prelu(DenseLayer((None, 100), num_units=200)).output_shape
    (None, 200)
    """
    return ParametricRectifierLayer(_take_nonlinearity(layer), **kwargs)


class RandomizedRectifierLayer(Layer):
    """Multiply negative input by a slope that is drawn at random while training.

    Parameters
    ----------
    incoming : Layer or tuple
    lower, upper : number or scalar expression
        Interval that slopes are drawn from, evenly.
    shared_axes : 'auto', 'all', int or tuple of int
        Axes along which a slope is the same; 'auto': all but the second; 'all': one slope.
    name : str, optional

    Attributes
    ----------
    state : shared variable, int64, (2,)
        Key and counter of the draws, as in :class:`DropoutLayer`.

    Raises
    ------
    ValueError
        If `lower` is greater than `upper`.

    Notes
    -----
    ``get_output(..., deterministic=True)`` uses the mean of `lower` and `upper`.

    References
    ----------
    B. Xu, N. Wang, T. Chen, M. Li: Empirical evaluation of rectified activations in
    convolutional network. arXiv:1505.00853 (2015).

    Examples
    --------
    >>> from lasagnette.layers import InputLayer, get_output
    >>> net = RandomizedRectifierLayer(InputLayer((None, 1)), lower=0.25, upper=0.75)
    >>> get_output(net, [[-4.0], [4.0]], deterministic=True).eval(mode="FAST_COMPILE")
    array([[-2.],
           [ 4.]])
    """

    def __init__(
        self,
        incoming: Any,
        lower: Any = 0.3,
        upper: Any = 0.8,
        shared_axes: str | int | Sequence[int] = "auto",
        **kwargs: Any,
    ) -> None:
        super().__init__(incoming, **kwargs)
        self.fixed = not (isinstance(lower, Variable) or isinstance(upper, Variable))
        if self.fixed and lower > upper:
            raise ValueError(
                f"RandomizedRectifierLayer: lower must not be greater than upper, got {lower!r} "
                f"and {upper!r}"
            )
        self.fixed = self.fixed and lower == upper
        self.lower = lower
        self.upper = upper
        self.shared_axes = _axes(self, shared_axes)
        self._draws = Draws("slopes.state" if self.name is None else f"{self.name}.state")
        self.state = self._draws.state

    def get_output_for(self, input: Any, deterministic: bool = False, **kwargs: Any) -> Any:
        if deterministic or self.fixed:
            slope = (self.lower + self.upper) / 2
            if isinstance(input, np.ndarray) and not isinstance(slope, Variable):
                # As in Lasagne: numbers in, numbers out.
                return np.where(input > 0, input, slope * input)
            return _leaky(input, cast_like(slope, input))
        input = as_theano_expression(input)
        lengths = [1 if a in self.shared_axes else input.shape[a] for a in range(input.ndim)]
        lower, upper = cast_like(self.lower, input), cast_like(self.upper, input)
        return _leaky(input, lower + (upper - lower) * self._draws.uniform(lengths, input))


def rrelu(layer: Any, **kwargs: Any) -> RandomizedRectifierLayer:
    """Replace a layer's nonlinearity by a :class:`RandomizedRectifierLayer`.

    Parameters
    ----------
    layer : Layer
        Changed in place: it becomes linear.
    **kwargs
        Arguments of :class:`RandomizedRectifierLayer`.

    Examples
    --------
    >>> from lasagnette.layers import DenseLayer
    >>> rrelu(DenseLayer((None, 100), num_units=200)).output_shape
    (None, 200)
    """
    return RandomizedRectifierLayer(_take_nonlinearity(layer), **kwargs)
