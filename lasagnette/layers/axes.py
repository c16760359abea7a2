"""Axes of a layer's input: their number, and those along which parameters are shared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lasagnette.layers.base import Layer

__all__ = ["axes_or_auto", "check_directions", "expand", "unshared_shape"]


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


def check_directions(layer: Layer, directions: str) -> None:
    """Raise unless the input has axes for the batch, the channels and these directions.

    Parameters
    ----------
    layer : Layer
    directions : str
        Such as ``"rows, columns"``.

    Raises
    ------
    ValueError
    """
    ndim = 2 + len(directions.split(", "))
    if len(layer.input_shape) != ndim:
        raise ValueError(
            f"{type(layer).__name__}: Expected {ndim} input dimensions "
            f"(batch, channels, {directions}), got shape {layer.input_shape!r}"
        )


def unshared_shape(layer: Any, what: str) -> list[int]:
    """Return the shape of a parameter that the layer's ``shared_axes`` are left out of.

    Parameters
    ----------
    layer : Layer
        With ``input_shape`` and ``shared_axes``.
    what : str
        What is shared, for the message.

    Raises
    ------
    ValueError
        If a length is not known.
    """
    shape = [s for axis, s in enumerate(layer.input_shape) if axis not in layer.shared_axes]
    if None in shape:
        raise ValueError(
            f"{type(layer).__name__} needs specified input sizes for all axes that {what} are not "
            f"shared over, got {layer.input_shape!r} and shared_axes {layer.shared_axes!r}"
        )
    return shape


def expand(parameter: Any, shared_axes: Sequence[int], ndim: int) -> Any:
    """Return a parameter with axes of length 1 where it is shared."""
    remaining = iter(range(parameter.ndim))
    return parameter.dimshuffle(
        *("x" if axis in shared_axes else next(remaining) for axis in range(ndim))
    )
