"""Where data enters a network."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytensor
import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from lasagnette.layers.base import Layer, Shape

__all__ = ["InputLayer"]


class InputLayer(Layer):
    """A layer without incoming layers that holds a network's input variable.

    Parameters
    ----------
    shape : tuple of int and None
        Shape of the data; None for a length that may change, usually the batch size.
    input_var : expression, optional
        The input. If not given, a new variable of dtype ``floatX`` and of this shape.
    name : str, optional

    Raises
    ------
    TypeError
        If `shape` is no tuple (or other iterable).
    ValueError
        If a length is not positive, or `input_var` has another number of dimensions.

    Examples
    --------
    >>> l_in = InputLayer((None, 3, 12, 12), name="faces")
    >>> l_in.input_var.name, l_in.output_shape
    ('faces.input', (None, 3, 12, 12))
    """

    def __init__(
        self,
        shape: Shape,
        input_var: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if isinstance(shape, Variable) or not isinstance(shape, Iterable):
            raise TypeError(
                "InputLayer: shape must be a tuple of int and None, such as (None, 10), "
                f"got {shape!r}"
            )
        super().__init__(tuple(shape), name=name, **kwargs)
        self.shape = self.input_shape
        if input_var is None:
            input_var = pt.tensor(
                name="input" if name is None else f"{name}.input",
                dtype=pytensor.config.floatX,
                shape=self.shape,
            )
        elif input_var.type.ndim != len(self.shape):
            raise ValueError(
                f"InputLayer: input_var must have the {len(self.shape)} dimensions of shape "
                f"{self.shape!r}, got {input_var.type.ndim!r}"
            )
        self.input_var = input_var

    def get_output_for(self, input: Any, **kwargs: Any) -> Variable:
        return input
