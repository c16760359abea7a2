"""Nets with random parameters and statistics."""

from __future__ import annotations

import numpy as np

from lasagnette.layers import Layer, get_all_layers

__all__ = ["randomised"]


def randomised(layer: Layer, seed: int = 0) -> Layer:
    """Fill a net: parameters of any sign, batch normalisation's averages off their defaults."""
    rng = np.random.default_rng(seed)
    for one in get_all_layers(layer):
        for parameter in one.get_params():
            value = parameter.get_value()
            fan_in = value[0].size if value.ndim > 2 else max(1, len(value))
            spread = (2 / fan_in) ** 0.5 if value.ndim > 1 else 0.3
            middle = (parameter.name or "").endswith(("gamma", "inv_std"))
            parameter.set_value((middle + spread * rng.normal(size=value.shape)).astype("f"))
    return layer
