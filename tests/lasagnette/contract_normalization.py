"""Cases of the layer contract: normalization.

CASES: a name, the shapes that come in (without the batch), and how to build the layer.
ARGUMENTS: what a class needs beside the incoming layer.
"""

from __future__ import annotations

from typing import Any

import lasagnette.layers as L

IMAGES = [(3, 7, 6)]
VECTORS = [(5,)]

CASES: dict[str, Any] = {
    "batch norm": (IMAGES, lambda i: L.BatchNormLayer(i)),
    "batch norm plain": (VECTORS, lambda i: L.BatchNormLayer(i, axes=0, beta=None, gamma=None)),
    "batch_norm": (IMAGES, lambda i: L.batch_norm(L.Conv2DLayer(i, 2, 3))),
    "batch norm axes": (IMAGES, lambda i: L.BatchNormLayer(i, axes=(0, 1))),
    "batch_norm linear": (IMAGES, lambda i: L.batch_norm(L.FlattenLayer(i))),
    "local response": (IMAGES, lambda i: L.LocalResponseNormalization2DLayer(i, alpha=0.3, n=3)),
    "local response wide": (
        IMAGES,
        lambda i: L.LocalResponseNormalization2DLayer(i, alpha=0.3, k=1, beta=0.5, n=9),
    ),
    "standardization": (IMAGES, lambda i: L.StandardizationLayer(i)),
    "standardization units": (VECTORS, lambda i: L.StandardizationLayer(i)),
    "standardization features": (IMAGES, lambda i: L.StandardizationLayer(i, axes="features")),
    "standardization axes": (IMAGES, lambda i: L.StandardizationLayer(i, axes=(1, -1))),
    "instance_norm": (IMAGES, lambda i: L.instance_norm(L.Conv2DLayer(i, 2, 3))),
    "instance_norm plain": (IMAGES, lambda i: L.instance_norm(i, False, False)),
    "layer_norm": (VECTORS, lambda i: L.layer_norm(L.DenseLayer(i, 4))),
}

ARGUMENTS: dict[type, tuple] = {}
