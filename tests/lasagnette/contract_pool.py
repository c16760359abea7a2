"""Cases of the layer contract: pool.

CASES: a name, the shapes that come in (without the batch), and how to build the layer.
ARGUMENTS: what a class needs beside the incoming layer.
"""

from __future__ import annotations

from typing import Any

import lasagnette.layers as L

IMAGES = [(3, 7, 6)]

CASES: dict[str, Any] = {
    "max pool": (IMAGES, lambda i: L.MaxPool2DLayer(i, 2)),
    "max pool pad": (IMAGES, lambda i: L.MaxPool2DLayer(i, (3, 2), stride=2, pad=(1, 1))),
    "max pool border": (IMAGES, lambda i: L.MaxPool2DLayer(i, 2, ignore_border=False)),
    "average pool": (IMAGES, lambda i: L.Pool2DLayer(i, 2, pad=1, mode="average_inc_pad")),
    "average pool no pad": (IMAGES, lambda i: L.Pool2DLayer(i, 2, pad=1, mode="average_exc_pad")),
}

ARGUMENTS: dict[type, tuple] = {L.Pool2DLayer: (2,), L.MaxPool2DLayer: (2,)}
