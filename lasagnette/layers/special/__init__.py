"""Layers that apply one operation, invert another layer, or transform images."""

from lasagnette.layers.special.elementwise import (
    BiasLayer,
    NonlinearityLayer,
    ScaleLayer,
    standardize,
)
from lasagnette.layers.special.expression import ExpressionLayer
from lasagnette.layers.special.inverse import InverseLayer
from lasagnette.layers.special.rectifier import (
    ParametricRectifierLayer,
    RandomizedRectifierLayer,
    prelu,
    rrelu,
)
from lasagnette.layers.special.transformer import TPSTransformerLayer, TransformerLayer

__all__ = [
    "BiasLayer",
    "ExpressionLayer",
    "InverseLayer",
    "NonlinearityLayer",
    "ParametricRectifierLayer",
    "RandomizedRectifierLayer",
    "ScaleLayer",
    "TPSTransformerLayer",
    "TransformerLayer",
    "prelu",
    "rrelu",
    "standardize",
]
