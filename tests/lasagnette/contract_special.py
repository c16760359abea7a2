"""Cases of the layer contract: special.

CASES: a name, the shapes that come in (without the batch), and how to build the layer.
ARGUMENTS: what a class needs beside the incoming layer.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytensor.tensor as pt

import lasagnette.layers as L
from lasagnette import nonlinearities

IMAGES = [(3, 7, 6)]
VECTORS = [(5,)]


def inverse(layer: Any) -> Any:
    return L.InverseLayer(layer, layer)


CASES: dict[str, Any] = {
    "nonlinearity": (VECTORS, lambda i: L.NonlinearityLayer(i, nonlinearities.elu)),
    "bias": (IMAGES, lambda i: L.BiasLayer(i)),
    "bias axes": (IMAGES, lambda i: L.BiasLayer(i, shared_axes=0)),
    "scale": (IMAGES, lambda i: L.ScaleLayer(i)),
    "scale axes": (IMAGES, lambda i: L.ScaleLayer(i, shared_axes=(0, 3))),
    "standardize": (VECTORS, lambda i: L.standardize(i, np.arange(5), np.full(5, 3))),
    "expression": (IMAGES, lambda i: L.ExpressionLayer(i, pt.tanh)),
    "expression auto": (IMAGES, lambda i: L.ExpressionLayer(i, lambda x: x.flatten(2), "auto")),
    "inverse dense": (VECTORS, lambda i: inverse(L.DenseLayer(i, 4, nonlinearity=None))),
    "inverse conv": (IMAGES, lambda i: inverse(L.Conv2DLayer(i, 2, 3, nonlinearity=None))),
    "inverse pool": (
        IMAGES,
        lambda i: inverse(L.Pool2DLayer(i, 2, mode="average_inc_pad")),
    ),
    "inverse max pool": (IMAGES, lambda i: inverse(L.MaxPool2DLayer(i, 2))),
    "prelu": (IMAGES, lambda i: L.ParametricRectifierLayer(i)),
    "prelu all": (IMAGES, lambda i: L.ParametricRectifierLayer(i, shared_axes="all")),
    "prelu function": (VECTORS, lambda i: L.prelu(L.DenseLayer(i, 4), shared_axes=0)),
    "rrelu": (IMAGES, lambda i: L.RandomizedRectifierLayer(i)),
    "rrelu function": (VECTORS, lambda i: L.rrelu(L.DenseLayer(i, 4), shared_axes=())),
    "transformer": (
        [(3, 7, 6), (6,)],
        lambda i: L.TransformerLayer(*i, downsample_factor=(1.5, 1)),
    ),
    "transformer mirror": ([(3, 7, 6), (6,)], lambda i: L.TransformerLayer(*i, 1, "mirror")),
    "transformer wrap": ([(3, 7, 6), (6,)], lambda i: L.TransformerLayer(*i, 1, "wrap")),
    "spline transformer": ([(3, 7, 6), (8,)], lambda i: L.TPSTransformerLayer(*i, 2, 4)),
    "spline transformer symbolic": (
        [(3, 7, 6), (8,)],
        lambda i: L.TPSTransformerLayer(*i, 2, 4, precompute_grid=False),
    ),
}

ARGUMENTS: dict[type, tuple] = {
    L.ExpressionLayer: (pt.tanh,),
    L.InverseLayer: (L.DenseLayer(L.InputLayer((None, 5)), 4),),
    L.TransformerLayer: ((None, 6),),
    L.TPSTransformerLayer: ((None, 8), 1, 4),
}
