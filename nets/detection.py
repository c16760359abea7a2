"""The detection nets: is this square a face? Output 0 is "background", output 1 is "face".

"Deep learning in the garage", part 1 ("Brotherhood of data") prints both. Every convolution
keeps the map's size; every pooling halves it.
"""

from __future__ import annotations

from typing import Any

from lasagnette.layers import (
    Conv2DLayer,
    DenseLayer,
    InputLayer,
    Layer,
    MaxPool2DLayer,
    batch_norm,
    dropout,
)
from lasagnette.nonlinearities import linear, rectify
from nets.registry import register

__all__ = ["build_net12", "build_net48"]


def _conv(net: Layer, filters: int, size: int, name: str, normalise: bool) -> Layer:
    """Convolution that keeps the map's size, relu, 2 x 2 max pooling."""
    net = Conv2DLayer(net, filters, (size, size), pad="same", nonlinearity=rectify, name=name)
    return MaxPool2DLayer(batch_norm(net) if normalise else net, (2, 2))


def _dense(net: Layer, units: int, name: str, normalise: bool) -> Layer:
    net = DenseLayer(dropout(net, p=0.5), units, nonlinearity=rectify, name=name)
    return batch_norm(net) if normalise else net


def _output(net: Layer, faithful: bool) -> Layer:
    nonlinearity = rectify if faithful else linear
    return DenseLayer(dropout(net, p=0.5), 2, nonlinearity=nonlinearity, name="output")


@register("net12", side=12, classes=2)
def build_net12(
    input_var: Any = None, *, faithful: bool = False, batch_norm: bool = False
) -> Layer:
    """The small net, 3 x 12 x 12; see :func:`nets.registry.build` for the parameters."""
    net: Layer = InputLayer((None, 3, 12, 12), input_var, name="input")
    net = dropout(net, p=0.1)
    net = _conv(net, 16, 3, "conv1", batch_norm)
    net = _dense(net, 16, "dense1", batch_norm)
    return _output(net, faithful)


@register("net48", side=48, classes=2)
def build_net48(
    input_var: Any = None, *, faithful: bool = False, batch_norm: bool = False
) -> Layer:
    """The large net, 3 x 48 x 48; see :func:`nets.registry.build` for the parameters."""
    net: Layer = InputLayer((None, 3, 48, 48), input_var, name="input")
    net = dropout(net, p=0.1)
    for number, (filters, size) in enumerate([(64, 5), (64, 5), (64, 3), (64, 3)], start=1):
        net = _conv(net, filters, size, f"conv{number}", batch_norm)
    net = _dense(net, 256, "dense1", batch_norm)
    return _output(net, faithful)
