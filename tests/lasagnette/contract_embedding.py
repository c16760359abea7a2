"""Cases of the layer contract: embedding.

CASES: a name, the shapes that come in (without the batch), and how to build the layer.
ARGUMENTS: what a class needs beside the incoming layer.
"""

from __future__ import annotations

from typing import Any

import pytensor.tensor as pt

import lasagnette.layers as L


def words(i: Any) -> Any:
    """Integers from 0 to 6."""
    return L.ExpressionLayer(i, lambda x: pt.cast(abs(x) * 10, "int32") % 7)


CASES: dict[str, Any] = {
    "embedding": ([(5,)], lambda i: L.EmbeddingLayer(words(i), 7, 4)),
    "embedding of maps": ([(5, 2)], lambda i: L.EmbeddingLayer(words(i), 7, 4)),
}

ARGUMENTS: dict[type, tuple] = {L.EmbeddingLayer: (7, 4)}
