"""Cases of the layer contract: conv.

CASES: a name, the shapes that come in (without the batch), and how to build the layer.
ARGUMENTS: what a class needs beside the incoming layer.
"""

from __future__ import annotations

from typing import Any

import lasagnette.layers as L
from lasagnette import nonlinearities

IMAGES = [(3, 7, 6)]
SEQUENCES = [(3, 9)]
VOLUMES = [(2, 5, 4, 6)]
EVEN = [(4, 5, 6)]

CASES: dict[str, Any] = {
    "conv": (IMAGES, lambda i: L.Conv2DLayer(i, 4, 3)),
    "conv same": (IMAGES, lambda i: L.Conv2DLayer(i, 4, (3, 5), pad="same")),
    "conv same even": (IMAGES, lambda i: L.Conv2DLayer(i, 2, (2, 4), pad="same")),
    "conv full": (IMAGES, lambda i: L.Conv2DLayer(i, 2, (2, 3), pad="full", flip_filters=False)),
    "conv valid": (IMAGES, lambda i: L.Conv2DLayer(i, 2, 3, pad="valid", b=None)),
    "conv stride": (IMAGES, lambda i: L.Conv2DLayer(i, 2, 3, stride=(2, 1), pad=(1, 0))),
    "conv untied": (IMAGES, lambda i: L.Conv2DLayer(i, 2, 3, untie_biases=True)),
    "conv tanh": (IMAGES, lambda i: L.Conv2DLayer(i, 2, 3, nonlinearity=nonlinearities.tanh)),
    "conv groups": (EVEN, lambda i: L.Conv2DLayer(i, 6, 3, pad="same", num_groups=2)),
    "conv depthwise": (IMAGES, lambda i: L.Conv2DLayer(i, 6, 2, stride=2, num_groups=3)),
    "conv 1d": (SEQUENCES, lambda i: L.Conv1DLayer(i, 4, 3)),
    "conv 1d same": (SEQUENCES, lambda i: L.Conv1DLayer(i, 3, 5, pad="same", num_groups=3)),
    "conv 1d stride": (SEQUENCES, lambda i: L.Conv1DLayer(i, 2, 3, stride=2, pad=(2,), b=None)),
    "conv 1d untied": (SEQUENCES, lambda i: L.Conv1DLayer(i, 2, 4, untie_biases=True)),
    "conv 3d": (VOLUMES, lambda i: L.Conv3DLayer(i, 3, (3, 2, 3))),
    "conv 3d stride": (VOLUMES, lambda i: L.Conv3DLayer(i, 2, 3, (2, 1, 2), pad=(1, 2, 0))),
    "conv 3d groups": (VOLUMES, lambda i: L.Conv3DLayer(i, 4, 2, pad="full", num_groups=2)),
    "conv 3d untied": (
        VOLUMES,
        lambda i: L.Conv3DLayer(i, 2, 3, pad="same", untie_biases=True, flip_filters=False),
    ),
    "dilated": (IMAGES, lambda i: L.DilatedConv2DLayer(i, 4, 3, dilation=2)),
    "dilated groups": (EVEN, lambda i: L.DilatedConv2DLayer(i, 6, 2, (1, 3), num_groups=2)),
    "dilated untied": (
        IMAGES,
        lambda i: L.DilatedConv2DLayer(i, 2, (2, 3), (3, 2), untie_biases=True),
    ),
    "transposed": (IMAGES, lambda i: L.TransposedConv2DLayer(i, 4, 3)),
    "transposed stride": (
        IMAGES,
        lambda i: L.TransposedConv2DLayer(i, 2, (3, 4), (2, 3), crop="same", nonlinearity=None),
    ),
    "transposed crop": (
        IMAGES,
        lambda i: L.TransposedConv2DLayer(i, 2, 3, crop=(1, 2), flip_filters=True),
    ),
    "transposed full": (IMAGES, lambda i: L.TransposedConv2DLayer(i, 2, 2, crop="full", b=None)),
    "transposed size": (
        IMAGES,
        lambda i: L.TransposedConv2DLayer(i, 2, 3, 2, crop=1, output_size=(14, 11)),
    ),
    "transposed untied": (IMAGES, lambda i: L.TransposedConv2DLayer(i, 2, 2, untie_biases=True)),
    "transposed groups": (EVEN, lambda i: L.TransposedConv2DLayer(i, 6, 3, 2, num_groups=2)),
    "transposed 3d": (VOLUMES, lambda i: L.TransposedConv3DLayer(i, 3, (2, 3, 2))),
    "transposed 3d stride": (
        VOLUMES,
        lambda i: L.TransposedConv3DLayer(i, 2, 3, (2, 3, 1), crop="same", flip_filters=True),
    ),
    "transposed 3d size": (
        VOLUMES,
        lambda i: L.TransposedConv3DLayer(
            i, 4, (1, 2, 3), 2, crop=(0, 1, 0), output_size=(10, 7, 14), num_groups=2
        ),
    ),
    "local": (IMAGES, lambda i: L.LocallyConnected2DLayer(i, 4, (3, 2))),
    "local channelwise": (
        IMAGES,
        lambda i: L.LocallyConnected2DLayer(
            i, 3, 3, channelwise=True, untie_biases=True, flip_filters=False
        ),
    ),
}

ARGUMENTS: dict[type, tuple] = {
    L.Conv1DLayer: (4, 3),
    L.Conv2DLayer: (4, 3),
    L.Conv3DLayer: (4, 3),
    L.DilatedConv2DLayer: (4, 3),
    L.LocallyConnected2DLayer: (4, 3),
    L.TransposedConv2DLayer: (4, 3),
    L.TransposedConv3DLayer: (4, 3),
}
