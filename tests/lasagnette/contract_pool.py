"""Cases of the layer contract: pool.

CASES: a name, the shapes that come in (without the batch), and how to build the layer.
ARGUMENTS: what a class needs beside the incoming layer.
"""

from __future__ import annotations

from typing import Any

import pytensor.tensor as pt

import lasagnette.layers as L

IMAGES = [(3, 7, 6)]
SEQUENCES = [(3, 7)]

CASES: dict[str, Any] = {
    "max pool": (IMAGES, lambda i: L.MaxPool2DLayer(i, 2)),
    "max pool pad": (IMAGES, lambda i: L.MaxPool2DLayer(i, (3, 2), stride=2, pad=(1, 1))),
    "max pool border": (IMAGES, lambda i: L.MaxPool2DLayer(i, 2, ignore_border=False)),
    "average pool": (IMAGES, lambda i: L.Pool2DLayer(i, 2, pad=1, mode="average_inc_pad")),
    "average pool no pad": (IMAGES, lambda i: L.Pool2DLayer(i, 2, pad=1, mode="average_exc_pad")),
    "max pool 1d": (SEQUENCES, lambda i: L.MaxPool1DLayer(i, 3, stride=2, pad=1)),
    "max pool 1d border": (SEQUENCES, lambda i: L.MaxPool1DLayer(i, 3, ignore_border=False)),
    "average pool 1d": (SEQUENCES, lambda i: L.Pool1DLayer(i, 3, 2, 1, mode="average_inc_pad")),
    "upscale 1d": (SEQUENCES, lambda i: L.Upscale1DLayer(i, 2, mode="dilate")),
    "upscale 2d": (IMAGES, lambda i: L.Upscale2DLayer(i, (2, 3))),
    "upscale 2d dilate": (IMAGES, lambda i: L.Upscale2DLayer(i, (3, 1), mode="dilate")),
    "upscale 3d": ([(2, 3, 2, 2)], lambda i: L.Upscale3DLayer(i, (2, 1, 3))),
    "feature pool": ([(6, 4)], lambda i: L.FeaturePoolLayer(i, 3)),
    "feature pool mean": ([(3, 4)], lambda i: L.FeaturePoolLayer(i, 2, -1, pool_function=pt.mean)),
    "feature wta": ([(6, 4, 2)], lambda i: L.FeatureWTALayer(i, 3)),
    "global pool": (IMAGES, lambda i: L.GlobalPoolLayer(i)),
    "global pool max": (IMAGES, lambda i: L.GlobalPoolLayer(i, pt.max)),
    "pyramid": (IMAGES, lambda i: L.SpatialPyramidPoolingLayer(i, [3, 2, 1])),
    "pyramid average": (
        IMAGES,
        lambda i: L.SpatialPyramidPoolingLayer(i, [3, 2], mode="average_exc_pad"),
    ),
    "pyramid kaiming": (
        IMAGES,
        lambda i: L.SpatialPyramidPoolingLayer(i, [4, 1], implementation="kaiming"),
    ),
    "pyramid kaiming average": (
        IMAGES,
        lambda i: L.SpatialPyramidPoolingLayer(i, [4, 1], "average_inc_pad", "kaiming"),
    ),
}

ARGUMENTS: dict[type, tuple] = {
    L.Pool2DLayer: (2,),
    L.MaxPool2DLayer: (2,),
    L.Pool1DLayer: (2,),
    L.MaxPool1DLayer: (2,),
    L.Upscale1DLayer: (2,),
    L.Upscale2DLayer: (2,),
    L.Upscale3DLayer: (2,),
    L.FeaturePoolLayer: (3,),
    L.FeatureWTALayer: (3,),
}
