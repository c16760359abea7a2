"""Cases of the layer contract: conv.

CASES: a name, the shapes that come in (without the batch), and how to build the layer.
ARGUMENTS: what a class needs beside the incoming layer.
"""

from __future__ import annotations

from typing import Any

import lasagnette.layers as L
from lasagnette import nonlinearities

IMAGES = [(3, 7, 6)]

CASES: dict[str, Any] = {
    "conv": (IMAGES, lambda i: L.Conv2DLayer(i, 4, 3)),
    "conv same": (IMAGES, lambda i: L.Conv2DLayer(i, 4, (3, 5), pad="same")),
    "conv same even": (IMAGES, lambda i: L.Conv2DLayer(i, 2, (2, 4), pad="same")),
    "conv full": (IMAGES, lambda i: L.Conv2DLayer(i, 2, (2, 3), pad="full", flip_filters=False)),
    "conv valid": (IMAGES, lambda i: L.Conv2DLayer(i, 2, 3, pad="valid", b=None)),
    "conv stride": (IMAGES, lambda i: L.Conv2DLayer(i, 2, 3, stride=(2, 1), pad=(1, 0))),
    "conv untied": (IMAGES, lambda i: L.Conv2DLayer(i, 2, 3, untie_biases=True)),
    "conv tanh": (IMAGES, lambda i: L.Conv2DLayer(i, 2, 3, nonlinearity=nonlinearities.tanh)),
}

ARGUMENTS: dict[type, tuple] = {L.Conv2DLayer: (4, 3)}
