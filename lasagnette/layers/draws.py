"""Random numbers of layers that need more than a dropout mask.

A number is a function of a key, a counter and its position alone (a mixing hash in the manner
of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011). The hash is written
with PyTensor's integer arithmetic, so every backend computes the same numbers and no
generator's state is hidden in the graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from lasagnette.random import get_rng
from lasagnette.utils import cast_like, set_default_update

__all__ = ["Draws"]

WORD = 2**32 - 1


class Draws:
    """A layer's own sequence of random numbers.

    Parameters
    ----------
    name : str
        Name of the state.

    Attributes
    ----------
    state : shared variable, int64, (2,)
        Key, drawn from :func:`lasagnette.random.get_rng`, and counter. Its default update
        advances the counter by one per call of a function that draws.
    """

    def __init__(self, name: str) -> None:
        self.state = pytensor.shared(
            np.array([get_rng().integers(2**62), 0], dtype="int64"), name=name, shape=(2,)
        )
        set_default_update(self.state, self.state + np.array([0, 1]))
        self._calls = 0

    def uniform(self, lengths: Sequence[Any], like: Any) -> Variable:
        """Return a tensor of numbers from 0 to below 1, independent of those of earlier calls.

        Parameters
        ----------
        lengths : sequence of int or scalar expression
            Shape of the result.
        like : tensor
            Gives the dtype. The numbers are multiples of 2**-24, exact in float32.
        """
        # Neighbouring keys give unrelated numbers.
        key, counter = self.state[0] + self._calls, self.state[1]
        self._calls += 1
        seed = _hash(_hash(_hash(key & WORD) ^ (key // 2**32)) ^ (counter & WORD))
        # Sums of ones, since JAX has no arange of a length that it learns while it traces.
        position: Any = pt.zeros((1,) * len(lengths), dtype="int64")
        for axis, length in enumerate(lengths):
            index = pt.cumsum(pt.ones((length,), dtype="int64")) - 1
            later = tuple(range(1, len(lengths) - axis))
            position = position * length + pt.expand_dims(index, later)
        # The second seed keeps sequences of different counters from being shifts of each other.
        word = _hash(_hash((position + seed) & WORD) ^ _hash(seed ^ 0x9E3779B9))
        fraction = pt.cast(word // 2**8, like.type.dtype) * cast_like(2.0**-24, like)
        return fraction


def _hash(x: Any) -> Any:
    """Mix the 32 bits of non-negative int64 numbers; no product exceeds 63 bits."""
    x = ((x ^ (x // 2**16)) * 0x21F0AAAD) & WORD
    x = ((x ^ (x // 2**15)) * 0x735A2D97) & WORD
    return x ^ (x // 2**15)
