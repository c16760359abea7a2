"""Axes along which a layer's parameters or statistics are shared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lasagnette.layers.base import Layer

__all__ = ["axes_or_auto", "expand"]


def axes_or_auto(layer: Layer, axes: str | int | Sequence[int]) -> tuple[int, ...]:
    """Return the axes that 'auto' (all but the second), an int or a sequence stands for.

    Raises
    ------
    ValueError
        If an axis is not one of the layer's input.
    """
    ndim = len(layer.input_shape)
    if isinstance(axes, str):
        if axes != "auto":
            raise ValueError(
                f"{type(layer).__name__}: axes must be 'auto', an int or ints, got {axes!r}"
            )
        return (0, *range(2, ndim))
    given = (axes,) if isinstance(axes, int) else tuple(axes)
    if any(not -ndim <= axis < ndim for axis in given):
        raise ValueError(
            f"{type(layer).__name__}: axes must be axes of the input of shape "
            f"{layer.input_shape!r}, got {axes!r}"
        )
    return tuple(axis % ndim for axis in given)


def expand(parameter: Any, shared_axes: Sequence[int], ndim: int) -> Any:
    """Return a parameter with axes of length 1 where it is shared."""
    remaining = iter(range(parameter.ndim))
    return parameter.dimshuffle(
        *("x" if axis in shared_axes else next(remaining) for axis in range(ndim))
    )
