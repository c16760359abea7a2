"""What the nets of the articles are put together from.

The articles abbreviate alike: a convolution keeps the map's size, relu follows every convolution
and hidden dense layer, and dropout comes before every dense layer.
"""

from __future__ import annotations

from lasagnette.layers import (
    Conv2DLayer,
    DenseLayer,
    Layer,
    MaxPool2DLayer,
    batch_norm,
    dropout,
)
from lasagnette.nonlinearities import linear, rectify

__all__ = ["conv", "conv_pool", "dense", "output"]


def conv(net: Layer, filters: int, size: int, name: str, normalise: bool) -> Layer:
    """Convolution that keeps the map's size, `normalise` for batch normalisation, relu."""
    net = Conv2DLayer(net, filters, (size, size), pad="same", nonlinearity=rectify, name=name)
    return batch_norm(net) if normalise else net


def conv_pool(net: Layer, filters: int, size: int, name: str, normalise: bool) -> Layer:
    """:func:`conv`, then max pooling of 2 x 2."""
    return MaxPool2DLayer(conv(net, filters, size, name, normalise), (2, 2))


def dense(net: Layer, drop: float, units: int, name: str, normalise: bool) -> Layer:
    """Dropout, dense layer, `normalise` for batch normalisation, relu."""
    net = DenseLayer(dropout(net, p=drop), units, nonlinearity=rectify, name=name)
    return batch_norm(net) if normalise else net


def output(net: Layer, drop: float, classes: int, relu: bool = False) -> Layer:
    """Dropout, and a dense layer whose outputs are logits, one per class."""
    nonlinearity = rectify if relu else linear
    return DenseLayer(dropout(net, p=drop), classes, nonlinearity=nonlinearity, name="output")
