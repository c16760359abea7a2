"""Cases of the layer contract: noise.

CASES: a name, the shapes that come in (without the batch), and how to build the layer.
ARGUMENTS: what a class needs beside the incoming layer.
"""

from __future__ import annotations

from typing import Any

import lasagnette.layers as L

IMAGES = [(3, 7, 6)]
VECTORS = [(5,)]

CASES: dict[str, Any] = {
    "dropout": (IMAGES, lambda i: L.DropoutLayer(i, p=0.3)),
    "dropout channels": (IMAGES, lambda i: L.DropoutLayer(i, p=0.3, shared_axes=(2, -1))),
    "dropout unscaled": (VECTORS, lambda i: L.dropout(i, rescale=False)),
    "dropout none": (VECTORS, lambda i: L.dropout(i, p=0)),
    "dropout_channels": (IMAGES, lambda i: L.dropout_channels(i, p=0.3)),
    "spatial_dropout": (IMAGES, lambda i: L.spatial_dropout(i)),
    "dropout_locations": (IMAGES, lambda i: L.dropout_locations(i, p=0.3)),
    "noise": (IMAGES, lambda i: L.GaussianNoiseLayer(i, sigma=0.5)),
}

ARGUMENTS: dict[type, tuple] = {}
