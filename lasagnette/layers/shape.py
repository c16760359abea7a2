"""Layers that change the shape and nothing else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pytensor.graph.basic import Variable

from lasagnette.layers.base import Layer, Shape

__all__ = ["FlattenLayer", "ReshapeLayer", "flatten", "reshape"]


def _size(shape: Sequence[int | None]) -> int | None:
    """Return the number of elements, None if not known."""
    return None if None in shape else math.prod(shape)  # type: ignore[arg-type]


class FlattenLayer(Layer):
    """Collapse trailing axes into one.

    Parameters
    ----------
    incoming : Layer or tuple
    outdim : int
        Number of dimensions of the output: the first ``outdim - 1`` axes are kept.
    name : str, optional

    Examples
    --------
    >>> FlattenLayer((None, 16, 6, 6)).output_shape
    (None, 576)
    >>> FlattenLayer((None, 16, 6, 6), outdim=3).output_shape
    (None, 16, 36)
    """

    def __init__(self, incoming: Any, outdim: int = 2, **kwargs: Any) -> None:
        super().__init__(incoming, **kwargs)
        if not 1 <= outdim <= len(self.input_shape):
            raise ValueError(
                f"FlattenLayer: outdim must be from 1 to the input's {len(self.input_shape)} "
                f"dimensions, got {outdim!r}"
            )
        self.outdim = outdim

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        kept = self.outdim - 1
        return (*input_shape[:kept], _size(input_shape[kept:]))

    def get_output_for(self, input: Any, **kwargs: Any) -> Variable:
        return input.flatten(self.outdim)


flatten = FlattenLayer


class ReshapeLayer(Layer):
    """Give the elements of the input, in C order, another shape.

    Parameters
    ----------
    incoming : Layer or tuple
    shape : tuple
        For each axis of the output one of: a positive int, its length; ``[i]``, the length of
        the input's axis ``i``; -1, at most once, the length that follows from the others; a
        symbolic scalar, its length.
    name : str, optional

    Raises
    ------
    ValueError
        If `shape` is not of this form, or the number of elements would change.

    Examples
    --------
    >>> ReshapeLayer((32, 100, 20), (32, 50, 40)).output_shape
    (32, 50, 40)
    >>> ReshapeLayer((None, 100, 20), ([0], [1], 5, -1)).output_shape
    (None, 100, 5, 4)
    """

    def __init__(self, incoming: Any, shape: Sequence[Any], **kwargs: Any) -> None:
        super().__init__(incoming, **kwargs)
        shape = tuple(shape)
        if not all(self._is_valid(s) for s in shape) or shape.count(-1) > 1:
            raise ValueError(
                "ReshapeLayer: shape must consist of positive ints, [i] with an axis i of the "
                f"input {self.input_shape!r}, scalar expressions and at most one -1, "
                f"got {shape!r}"
            )
        self.shape = shape
        self.get_output_shape_for(self.input_shape)  # raises if the size does not fit

    def _is_valid(self, s: Any) -> bool:
        if isinstance(s, list):
            return len(s) == 1 and isinstance(s[0], int) and 0 <= s[0] < len(self.input_shape)
        if isinstance(s, Variable):
            return s.type.ndim == 0  # type: ignore[attr-defined]
        return isinstance(s, int) and (s > 0 or s == -1)

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        # Lengths that are copied do not matter for -1; leaving them out of both sides lets
        # it be inferred beside unknown ones.
        rest_in = list(input_shape)
        output: list[int | None] = []
        rest_out: list[int | None] = []
        for s in self.shape:
            if isinstance(s, list):
                output.append(input_shape[s[0]])
                first = rest_in[s[0]] is None
                rest_out.append(1 if first else input_shape[s[0]])
                if first:
                    rest_in[s[0]] = 1
            else:
                output.append(None if isinstance(s, Variable) else s)
                rest_out.append(None if isinstance(s, Variable) else abs(s))
        size_in, size_out = _size(rest_in), _size(rest_out)
        inferred = -1 in output
        if inferred:
            known = size_in is not None and size_out is not None
            output[output.index(-1)] = size_in // size_out if known else None  # type: ignore
        if size_in is not None and size_out is not None:
            fits = size_in % size_out == 0 if inferred else size_in == size_out
            if not fits:
                raise ValueError(
                    f"ReshapeLayer: an input of shape {input_shape!r} has not as many elements "
                    f"as shape {self.shape!r}"
                )
        return tuple(output)

    def get_output_for(self, input: Any, **kwargs: Any) -> Variable:
        return input.reshape([input.shape[s[0]] if isinstance(s, list) else s for s in self.shape])


reshape = ReshapeLayer
