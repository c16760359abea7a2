"""Cases of the layer contract: shape.

CASES: a name, the shapes that come in (without the batch), and how to build the layer.
ARGUMENTS: what a class needs beside the incoming layer.
"""

from __future__ import annotations

from typing import Any

import lasagnette.layers as L

IMAGES = [(3, 7, 6)]

CASES: dict[str, Any] = {
    "flatten": (IMAGES, lambda i: L.FlattenLayer(i)),
    "flatten 3": (IMAGES, lambda i: L.flatten(i, outdim=3)),
    "reshape": (IMAGES, lambda i: L.ReshapeLayer(i, ([0], 3, -1))),
    "reshape split": (IMAGES, lambda i: L.reshape(i, ([0], [2], 2, -1))),
}

ARGUMENTS: dict[type, tuple] = {L.ReshapeLayer: (([0], -1),)}
