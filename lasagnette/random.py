"""The generator that initializers and dropout layers draw from.

It draws while a network is built, never while a compiled function runs: set it before the
build to get the same network again.

>>> import lasagnette
>>> lasagnette.random.set_rng(1)
>>> first = lasagnette.init.Normal()((2, 2))
>>> lasagnette.random.set_rng(1)
>>> bool((first == lasagnette.init.Normal()((2, 2))).all())
True
"""

from __future__ import annotations

import numpy as np

__all__ = ["get_rng", "set_rng"]


class _Generator(np.random.Generator):
    """NumPy's generator with the method of its predecessor that Lasagne's users call."""

    def seed(self, seed: int | None = None) -> None:
        """Start again from a seed."""
        self.bit_generator.state = type(self.bit_generator)(seed).state


_rng = _Generator(np.random.PCG64())


def get_rng() -> np.random.Generator:
    """Return the generator in use (seeded by the system until :func:`set_rng` is called).

    Beside the methods of ``numpy.random.Generator`` it has ``seed(number)``.
    """
    return _rng


def set_rng(new_rng: np.random.Generator | np.random.RandomState | int) -> None:
    """Set the generator that initializers and dropout layers draw from.

    Parameters
    ----------
    new_rng : numpy.random.Generator, numpy.random.RandomState or int
        A generator, Lasagne's ``RandomState`` (its bit generator is used), or a seed.
    """
    global _rng
    _rng = _Generator(np.random.default_rng(new_rng).bit_generator)
