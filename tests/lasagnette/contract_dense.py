"""Cases of the layer contract: dense.

CASES: a name, the shapes that come in (without the batch), and how to build the layer.
ARGUMENTS: what a class needs beside the incoming layer.
"""

from __future__ import annotations

from typing import Any

import lasagnette.layers as L

IMAGES = [(3, 7, 6)]
VECTORS = [(5,)]

CASES: dict[str, Any] = {
    "input": (IMAGES, lambda i: i),
    "dense": (VECTORS, lambda i: L.DenseLayer(i, 4)),
    "dense flattens": (IMAGES, lambda i: L.DenseLayer(i, 4, b=None, nonlinearity=None)),
    "dense leading": (IMAGES, lambda i: L.DenseLayer(i, 4, num_leading_axes=-1)),
}

ARGUMENTS: dict[type, tuple] = {L.DenseLayer: (4,)}
