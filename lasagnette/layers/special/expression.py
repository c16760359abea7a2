"""A layer from a function, without writing a class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytensor
import pytensor.tensor as pt
from pytensor.compile.builders import infer_shape
from pytensor.graph.basic import Variable

from lasagnette.layers.base import Layer, Shape
from lasagnette.utils import floatX, interpreted_mode

__all__ = ["ExpressionLayer"]


class ExpressionLayer(Layer):
    """Apply a function from expression to expression.

    Parameters
    ----------
    incoming : Layer or tuple
    function : callable
        From the input to the output.
    output_shape : None, 'auto', callable or tuple
        None: the input's shape. 'auto': found out from the expression that `function` makes
        for an input of dtype ``floatX``. A callable takes the input's shape and returns the
        output's. A tuple is the output's shape for every input; None in it stands for a length
        that may change.
    name : str, optional

    Raises
    ------
    ValueError
        If `output_shape` is another string.

    Examples
    --------
    >>> layer = ExpressionLayer((None, 100, 20), lambda x: x.mean(-1), output_shape="auto")
    >>> layer.output_shape
    (None, 100)
    """

    def __init__(
        self,
        incoming: Any,
        function: Callable,
        output_shape: str | Callable | Sequence[int | None] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(incoming, **kwargs)
        if isinstance(output_shape, str) and output_shape != "auto":
            raise ValueError(
                "ExpressionLayer: output_shape must be None, 'auto', a callable or a tuple, "
                f"got {output_shape!r}"
            )
        self.function = function
        self._output_shape = output_shape

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        if self._output_shape is None:
            return input_shape
        if self._output_shape == "auto":
            return _shape_after(self.function, input_shape)
        if callable(self._output_shape):
            return self._output_shape(input_shape)
        return tuple(self._output_shape)  # type: ignore[arg-type]

    def get_output_for(self, input: Any, **kwargs: Any) -> Variable:
        return self.function(input)


def _shape_after(function: Callable, shape: Shape) -> Shape:
    """Return the shape of the function's result, None where it varies with an unknown length."""
    # Two trials, with lengths that functions are likely to divide into equal parts; only
    # lengths are computed, never elements.
    trials = []
    for unknown in (48, 96):
        x = pt.alloc(floatX(0), *(unknown if length is None else length for length in shape))
        (lengths,) = infer_shape([pt.as_tensor_variable(function(x))], [], [])
        f = pytensor.function(
            [], [pt.as_tensor_variable(s) for s in lengths], mode=interpreted_mode()
        )
        trials.append(tuple(int(length) for length in f()))
    return tuple(a if a == b else None for a, b in zip(*trials, strict=True))
