"""Cases of the layer contract: special.

CASES: a name, the shapes that come in (without the batch), and how to build the layer.
ARGUMENTS: what a class needs beside the incoming layer.
"""

from __future__ import annotations

from typing import Any

import lasagnette.layers as L
from lasagnette import nonlinearities

IMAGES = [(3, 7, 6)]
VECTORS = [(5,)]

CASES: dict[str, Any] = {
    "nonlinearity": (VECTORS, lambda i: L.NonlinearityLayer(i, nonlinearities.elu)),
    "bias": (IMAGES, lambda i: L.BiasLayer(i)),
    "bias axes": (IMAGES, lambda i: L.BiasLayer(i, shared_axes=0)),
}

ARGUMENTS: dict[type, tuple] = {}
