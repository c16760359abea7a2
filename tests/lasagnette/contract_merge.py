"""Cases of the layer contract: merge.

CASES: a name, the shapes that come in (without the batch), and how to build the layer.
ARGUMENTS: what a class needs beside the incoming layer.
"""

from __future__ import annotations

from typing import Any

import pytensor.tensor as pt

import lasagnette.layers as L

CASES: dict[str, Any] = {
    "concat": ([(3, 4), (2, 4)], lambda i: L.ConcatLayer(i)),
    "concat last": ([(3, 4), (3, 5)], lambda i: L.concat(i, axis=-1)),
    "concat crop": ([(3, 4), (2, 7)], lambda i: L.ConcatLayer(i, cropping=[None, None, "center"])),
    "merge": ([(3, 4), (3, 4)], lambda i: L.ElemwiseMergeLayer(i, pt.mul)),
    "merge broadcast": ([(3, 1), (3, 4)], lambda i: L.ElemwiseMergeLayer(i, pt.mul)),
    "sum": ([(3, 4)] * 3, lambda i: L.ElemwiseSumLayer(i, coeffs=[1, -0.3, 2])),
    "sum crop": (
        [(3, 4), (5, 3)],
        lambda i: L.ElemwiseSumLayer(i, coeffs=0.1, cropping=[None, "lower", "upper"]),
    ),
    "concat crop few": ([(3, 4, 2), (3, 5, 2)], lambda i: L.ConcatLayer(i, -1, ["lower"] * 3)),
    "merge maximum": ([(3, 4), (3, 4)], lambda i: L.ElemwiseMergeLayer(i, pt.maximum)),
    "merge crop": (
        [(3, 4), (2, 7)],
        lambda i: L.ElemwiseMergeLayer(i, pt.mul, cropping=[None, "center", "upper"]),
    ),
}

ARGUMENTS: dict[type, tuple] = {L.ElemwiseMergeLayer: (pt.mul,)}
