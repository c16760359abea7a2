"""Normalisation over a batch, over the parts of a sample, and between channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from lasagnette import nonlinearities, ops
from lasagnette.layers.axes import axes_or_auto, check_directions
from lasagnette.layers.base import Layer
from lasagnette.layers.batch_norm import BatchNormLayer
from lasagnette.layers.special.elementwise import BiasLayer, NonlinearityLayer, ScaleLayer
from lasagnette.utils import cast_like

__all__ = [
    "BatchNormLayer",
    "LocalResponseNormalization2DLayer",
    "StandardizationLayer",
    "batch_norm",
    "instance_norm",
    "layer_norm",
]


def batch_norm(layer: Any, **kwargs: Any) -> Layer:
    """Put batch normalisation between a layer and its nonlinearity.

    The layer loses its nonlinearity, which is applied after the normalisation, and its
    biases, which the normalisation would take away again.

    Parameters
    ----------
    layer : Layer
        Changed in place.
    **kwargs
        Arguments of :class:`BatchNormLayer`.

    Returns
    -------
    BatchNormLayer or NonlinearityLayer
        The new output layer. Names are the layer's with ``_bn`` and ``_bn_nonlin`` after it.

    Examples
    --------
    >>> from lasagnette.layers import DenseLayer, get_all_layers
    >>> net = batch_norm(DenseLayer((None, 8), num_units=4))
    >>> [type(l).__name__ for l in get_all_layers(net)]
    ['DenseLayer', 'BatchNormLayer', 'NonlinearityLayer']
    """
    nonlinearity = _take_nonlinearity_and_bias(layer)
    name = _name(layer, kwargs, "bn")
    normalized = BatchNormLayer(layer, name=name, **kwargs)
    return _with_nonlinearity(normalized, nonlinearity, name)


class StandardizationLayer(Layer):
    """Bring every sample's units to mean 0 and variance 1, each sample for itself.

    .. math:: y = \\frac{x - \\mu}{\\sqrt{\\sigma^2 + \\epsilon}}

    There are no parameters and no running averages, so training and testing do the same.

    Parameters
    ----------
    incoming : Layer or tuple
    axes : 'auto', 'spatial', 'features', int or tuple of int
        Axes to normalise over. 'spatial': all but the first two, every channel for itself;
        'features': all but the first; 'auto': 'features' for an input of two dimensions, else
        'spatial'.
    epsilon : float
        Added to the variance.
    name : str, optional

    Raises
    ------
    ValueError
        If `axes` are neither of these names nor axes of the input.

    See Also
    --------
    instance_norm, layer_norm : Put it between a layer and its nonlinearity.

    Examples
    --------
    >>> StandardizationLayer((None, 64, 24, 24)).axes, StandardizationLayer((None, 64)).axes
    ((2, 3), (1,))
    """

    def __init__(
        self,
        incoming: Any,
        axes: str | int | Sequence[int] = "auto",
        epsilon: float = 1e-4,
        **kwargs: Any,
    ) -> None:
        super().__init__(incoming, **kwargs)
        ndim = len(self.input_shape)
        if isinstance(axes, str):
            first = {"auto": min(2, ndim - 1), "spatial": 2, "features": 1}
            if axes not in first:
                raise ValueError(
                    "StandardizationLayer: axes must be 'auto', 'spatial', 'features', an int or "
                    f"ints, got {axes!r}"
                )
            axes = tuple(range(first[axes], ndim))
        self.axes = axes_or_auto(self, axes)
        self.epsilon = epsilon

    def get_output_for(self, input: Any, **kwargs: Any) -> Variable:
        centred = input - input.mean(self.axes, keepdims=True)
        variance = pt.sqr(centred).mean(self.axes, keepdims=True)
        return centred / pt.sqrt(variance + cast_like(self.epsilon, variance))


def instance_norm(
    layer: Any, learn_scale: bool = True, learn_bias: bool = True, **kwargs: Any
) -> Layer:
    """Put instance normalisation between a layer and its nonlinearity.

    Every channel of every sample is normalised over its positions.

    Parameters
    ----------
    layer : Layer
        Output of shape ``(batch, channels, ...)``; changed in place: it loses its
        nonlinearity and its biases.
    learn_scale, learn_bias : bool
        Whether every channel is scaled and shifted after that.
    **kwargs
        Arguments of :class:`StandardizationLayer`, except `axes`.

    Returns
    -------
    Layer
        The new output layer. Names are the layer's with ``_in``, ``_in_scale``, ``_in_bias``
        and ``_in_nonlin`` after it.

    References
    ----------
    D. Ulyanov, A. Vedaldi, V. Lempitsky: Instance normalization: the missing ingredient for
    fast stylization. arXiv:1607.08022 (2016).

    Examples
    --------
    >>> from lasagnette.layers import Conv2DLayer, get_all_layers
    >>> net = instance_norm(Conv2DLayer((None, 3, 12, 12), num_filters=16, filter_size=3))
    >>> [type(l).__name__ for l in get_all_layers(net)][1:]
    ['StandardizationLayer', 'ScaleLayer', 'BiasLayer', 'NonlinearityLayer']
    """
    return _standardized(layer, "in", "spatial", learn_scale, learn_bias, kwargs)


def layer_norm(layer: Any, **kwargs: Any) -> Layer:
    """Put layer normalisation between a layer and its nonlinearity.

    Every sample is normalised over all its units; then every unit, or channel, is scaled and
    shifted.

    Parameters
    ----------
    layer : Layer
        Changed in place: it loses its nonlinearity and its biases.
    **kwargs
        Arguments of :class:`StandardizationLayer`, except `axes`.

    Returns
    -------
    Layer
        The new output layer. Names are the layer's with ``_ln``, ``_ln_scale``, ``_ln_bias``
        and ``_ln_nonlin`` after it.

    References
    ----------
    J. L. Ba, J. R. Kiros, G. E. Hinton: Layer normalization. arXiv:1607.06450 (2016).

    Examples
    --------
    >>> from lasagnette.layers import DenseLayer, get_all_layers
    >>> [type(l).__name__ for l in get_all_layers(layer_norm(DenseLayer((None, 8), 4)))][1:]
    ['StandardizationLayer', 'ScaleLayer', 'BiasLayer', 'NonlinearityLayer']
    """
    return _standardized(layer, "ln", "features", True, True, kwargs)


def _standardized(
    layer: Any, suffix: str, axes: str, scale: bool, bias: bool, kwargs: dict[str, Any]
) -> Layer:
    nonlinearity = _take_nonlinearity_and_bias(layer)
    name = _name(layer, kwargs, suffix)
    layer = StandardizationLayer(layer, axes=axes, name=name, **kwargs)
    if scale:
        layer = ScaleLayer(layer, name=name and f"{name}_scale")
    if bias:
        layer = BiasLayer(layer, name=name and f"{name}_bias")
    return _with_nonlinearity(layer, nonlinearity, name)


def _take_nonlinearity_and_bias(layer: Any) -> Any:
    """Make a layer linear without biases; return the nonlinearity that it had, or None."""
    nonlinearity = getattr(layer, "nonlinearity", None)
    if nonlinearity is not None:
        layer.nonlinearity = nonlinearities.identity
    if getattr(layer, "b", None) is not None:
        del layer.params[layer.b]
        layer.b = None
    return nonlinearity


def _name(layer: Any, kwargs: dict[str, Any], suffix: str) -> str | None:
    """Take the name of what is put on a layer out of the arguments, or make one."""
    own = getattr(layer, "name", None)
    return kwargs.pop("name", None) or (own and f"{own}_{suffix}")


def _with_nonlinearity(layer: Layer, nonlinearity: Any, name: str | None) -> Layer:
    if nonlinearity is None:
        return layer
    return NonlinearityLayer(layer, nonlinearity, name=name and f"{name}_nonlin")


class LocalResponseNormalization2DLayer(Layer):
    """Divide every unit by the size of its neighbours in other channels.

    .. math:: y_i = \\frac{x_i}{(k + \\alpha \\sum_j x_j^2)^\\beta}

    The sum is over the `n` channels around channel i, itself among them, at one position.

    Parameters
    ----------
    incoming : Layer or tuple
        Output of shape ``(batch, channels, rows, columns)``.
    alpha, k, beta : float
        See the equation.
    n : int
        Number of channels, odd.
    name : str, optional

    Raises
    ------
    NotImplementedError
        If `n` is even.
    ValueError
        If the input has not four dimensions.

    References
    ----------
    A. Krizhevsky, I. Sutskever, G. E. Hinton: ImageNet classification with deep convolutional
    neural networks. NIPS 2012. Li et al.'s 48-nets have it, too.

    Examples
    --------
    >>> LocalResponseNormalization2DLayer((None, 64, 24, 24), n=9).output_shape
    (None, 64, 24, 24)
    """

    def __init__(
        self,
        incoming: Any,
        alpha: float = 1e-4,
        k: float = 2,
        beta: float = 0.75,
        n: int = 5,
        **kwargs: Any,
    ) -> None:
        super().__init__(incoming, **kwargs)
        check_directions(self, "rows, columns")
        if n % 2 == 0:
            raise NotImplementedError(
                f"LocalResponseNormalization2DLayer: n must be odd, got {n!r}"
            )
        self.alpha = alpha
        self.k = k
        self.beta = beta
        self.n = n

    def get_output_for(self, input: Any, **kwargs: Any) -> Variable:
        # A sum over channels is a pooling of maps whose rows are the channels.
        maps = pt.sqr(input).transpose(0, 2, 1, 3)
        means: Any = ops.pool2d(maps, (self.n, 1), (1, 1), (self.n // 2, 0), mode="average_inc_pad")
        sums = cast_like(self.n * self.alpha, input) * means.transpose(0, 2, 1, 3)
        return input / (cast_like(self.k, input) + sums) ** cast_like(self.beta, input)
