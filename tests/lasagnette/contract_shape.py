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
    "dimshuffle": (IMAGES, lambda i: L.DimshuffleLayer(i, (0, 2, "x", 3, 1))),
    "dimshuffle drops": ([(3, 1, 6)], lambda i: L.dimshuffle(i, (0, 3, 1))),
    "pad": (IMAGES, lambda i: L.PadLayer(i, 2)),
    "pad ends": (IMAGES, lambda i: L.pad(i, ((1, 0), (0, 2)), val=0.5)),
    "pad channels": (IMAGES, lambda i: L.PadLayer(i, [1, 2], batch_ndim=1)),
    "slice": (IMAGES, lambda i: L.SliceLayer(i, slice(1, None, 2), axis=2)),
    "slice one": (IMAGES, lambda i: L.SliceLayer(i, -1)),
}

ARGUMENTS: dict[type, tuple] = {
    L.ReshapeLayer: (([0], -1),),
    L.DimshuffleLayer: ((0, 2, 3, 1),),
    L.PadLayer: (1,),
    L.SliceLayer: (0,),
}
