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
}

ARGUMENTS: dict[type, tuple] = {}
