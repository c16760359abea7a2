"""Cases of the layer contract: dense.

CASES: a name, the shapes that come in (without the batch), and how to build the layer.
ARGUMENTS: what a class needs beside the incoming layer.
"""

from __future__ import annotations

from typing import Any

import lasagnette.layers as L

IMAGES = [(3, 7, 6)]
VECTORS = [(5,)]
SEQUENCES = [(3, 9)]
VOLUMES = [(2, 5, 4, 6)]

CASES: dict[str, Any] = {
    "input": (IMAGES, lambda i: i),
    "dense": (VECTORS, lambda i: L.DenseLayer(i, 4)),
    "dense flattens": (IMAGES, lambda i: L.DenseLayer(i, 4, b=None, nonlinearity=None)),
    "dense leading": (IMAGES, lambda i: L.DenseLayer(i, 4, num_leading_axes=-1)),
    "arcface": (VECTORS, lambda i: L.ArcFaceLayer(i, 4, [0, 3, 1], scale=5)),
    "nin": (IMAGES, lambda i: L.NINLayer(i, 4)),
    "nin untied": (IMAGES, lambda i: L.NINLayer(i, 4, untie_biases=True, nonlinearity=None)),
    "nin vectors": (VECTORS, lambda i: L.NINLayer(i, 4)),
    "nin sequences": (SEQUENCES, lambda i: L.NINLayer(i, 4, untie_biases=True)),
    "nin volumes": (VOLUMES, lambda i: L.NINLayer(i, 3, b=None)),
}

ARGUMENTS: dict[type, tuple] = {
    L.ArcFaceLayer: (4, [0]),
    L.DenseLayer: (4,),
    L.NINLayer: (4,),
}
