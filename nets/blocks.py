"""What the nets of the articles are put together from.

The articles abbreviate alike: a convolution keeps the map's size, relu follows every convolution
and hidden dense layer, and dropout comes before every dense layer. `drop` is the dropout that
:func:`nets.registry.build` was asked for: from a layer and the architecture's probability to a
layer.
"""

from __future__ import annotations

from collections.abc import Callable

from lasagnette.layers import Conv2DLayer, DenseLayer, Layer, MaxPool2DLayer, batch_norm
from lasagnette.nonlinearities import linear, rectify

__all__ = ["Drop", "conv", "conv_pool", "dense", "output"]

Drop = Callable[[Layer, float], Layer]


def conv(net: Layer, filters: int, size: int, name: str, normalise: bool) -> Layer:
    """Convolution that keeps the map's size, `normalise` for batch normalisation, relu."""
    net = Conv2DLayer(net, filters, (size, size), pad="same", nonlinearity=rectify, name=name)
    return batch_norm(net) if normalise else net


def conv_pool(net: Layer, filters: int, size: int, name: str, normalise: bool) -> Layer:
    """:func:`conv`, then max pooling of 2 x 2."""
    return MaxPool2DLayer(conv(net, filters, size, name, normalise), (2, 2))


def dense(net: Layer, units: int, name: str, normalise: bool) -> Layer:
    """Dense layer, `normalise` for batch normalisation, relu."""
    net = DenseLayer(net, units, nonlinearity=rectify, name=name)
    return batch_norm(net) if normalise else net


def output(net: Layer, classes: int, relu: bool = False) -> Layer:
    """Dense layer whose outputs are logits, one per class."""
    return DenseLayer(net, classes, nonlinearity=rectify if relu else linear, name="output")
