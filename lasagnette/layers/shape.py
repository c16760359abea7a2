"""Layers that change the shape and nothing else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from lasagnette.layers.base import Layer, Shape
from lasagnette.utils import cast_like

__all__ = [
    "DimshuffleLayer",
    "FlattenLayer",
    "PadLayer",
    "ReshapeLayer",
    "SliceLayer",
    "dimshuffle",
    "flatten",
    "pad",
    "reshape",
]


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
        if outdim < 1:
            raise ValueError(f"FlattenLayer: outdim must be at least 1, got {outdim!r}")
        self.outdim = outdim

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        if self.outdim > len(input_shape):
            raise ValueError(
                f"FlattenLayer: outdim must be from 1 to the input's {len(input_shape)} "
                f"dimensions, got {self.outdim!r}"
            )
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
        input_shape = tuple(None if isinstance(s, Variable) else s for s in input_shape)
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
                    f"ReshapeLayer: the numbers of elements of the input's shape "
                    f"{input_shape!r} and of {self.shape!r} do not match"
                )
        return tuple(output)

    def get_output_for(self, input: Any, **kwargs: Any) -> Variable:
        return input.reshape([input.shape[s[0]] if isinstance(s, list) else s for s in self.shape])


reshape = ReshapeLayer


class DimshuffleLayer(Layer):
    """Put the axes of the input into another order, with new axes of length 1 where wanted.

    Parameters
    ----------
    incoming : Layer or tuple
    pattern : tuple of int and 'x'
        For each axis of the output the axis of the input, or 'x' for a new one of length 1.
        An axis of the input that is left out must have length 1.
    name : str, optional

    Raises
    ------
    ValueError
        If `pattern` names an axis twice or one that the input does not have, or leaves out an
        axis of another length than 1. An axis of unknown length is tested when the function
        runs.

    Examples
    --------
    >>> DimshuffleLayer((2, 3, 5, 7), (3, 2, 1, "x", 0)).output_shape
    (7, 5, 3, 1, 2)
    >>> DimshuffleLayer((7, 5, 3, 1, 2), (4, 2, 1, 0)).output_shape
    (2, 3, 5, 7)
    """

    def __init__(self, incoming: Any, pattern: Sequence[int | str], **kwargs: Any) -> None:
        super().__init__(incoming, **kwargs)
        axes = [p for p in pattern if p != "x"]
        if len(set(axes)) < len(axes) or not all(isinstance(p, int) for p in axes):
            raise ValueError(
                "DimshuffleLayer: pattern must consist of the input's axes, each once, "
                f"and 'x', got {pattern!r}"
            )
        self.pattern = pattern
        self.get_output_shape_for(self.input_shape)  # raises if the pattern does not fit

    def _left_out(self, ndim: int) -> list[int]:
        return [axis for axis in range(ndim) if axis not in self.pattern]

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        ndim = len(input_shape)
        if not all(p == "x" or 0 <= p < ndim for p in self.pattern):  # type: ignore[operator]
            raise ValueError(
                f"DimshuffleLayer: pattern must consist of axes from 0 to {ndim - 1} and 'x', "
                f"got {self.pattern!r}"
            )
        if any(input_shape[axis] not in (None, 1) for axis in self._left_out(ndim)):
            raise ValueError(
                f"DimshuffleLayer: pattern {self.pattern!r} must not leave out axes of another "
                f"length than 1 of the input's shape {input_shape!r}"
            )
        return tuple(1 if p == "x" else input_shape[p] for p in self.pattern)  # type: ignore

    def get_output_for(self, input: Any, **kwargs: Any) -> Variable:
        # PyTensor leaves out only axes that it knows to be of length 1.
        return pt.specify_broadcastable(input, *self._left_out(input.ndim)).dimshuffle(self.pattern)


dimshuffle = DimshuffleLayer


class PadLayer(Layer):
    """Put zeros, or another value, around the input.

    Parameters
    ----------
    incoming : Layer or tuple
    width : int, or sequence of int or of pairs of int
        How much goes at both ends of every axis; or of each axis; or, as pairs, at the
        beginning and at the end of each axis. The axes are those after the first
        `batch_ndim`.
    val : float
        What is put there.
    batch_ndim : int
        Number of leading axes that stay as they are.
    name : str, optional

    Raises
    ------
    ValueError
        If a width is negative or no int, or there are more widths than axes.

    Examples
    --------
    >>> PadLayer((None, 3, 12, 12), width=2).output_shape
    (None, 3, 16, 16)
    >>> PadLayer((None, 3, 12, 12), width=((1, 0), (0, 3))).output_shape
    (None, 3, 13, 15)
    """

    def __init__(
        self, incoming: Any, width: Any, val: float = 0, batch_ndim: int = 2, **kwargs: Any
    ) -> None:
        super().__init__(incoming, **kwargs)
        self.width = width
        self.val = val
        self.batch_ndim = batch_ndim
        widths = [width] if isinstance(width, int) else width
        if not isinstance(widths, list | tuple) or not all(self._is_width(w) for w in widths):
            raise ValueError(
                "PadLayer: width must be an int, ints or pairs of ints, none negative, "
                f"got {width!r}"
            )

    @staticmethod
    def _is_width(w: Any) -> bool:
        pair = (w, w) if isinstance(w, int) else w
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            return False
        return all(isinstance(n, int) and n >= 0 for n in pair)

    def _ends(self, ndim: int) -> list[tuple[int, int]]:
        """Return what goes at the beginning and at the end of every axis."""
        axes = ndim - self.batch_ndim
        widths = [self.width] * axes if isinstance(self.width, int) else list(self.width)
        if len(widths) > axes:
            raise ValueError(
                f"PadLayer: width must be given for at most the {axes} axes after the first "
                f"{self.batch_ndim}, got {self.width!r}"
            )
        ends = [(w, w) if isinstance(w, int) else (w[0], w[1]) for w in widths]
        return [(0, 0)] * self.batch_ndim + ends + [(0, 0)] * (axes - len(ends))

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        ends = zip(input_shape, self._ends(len(input_shape)), strict=True)
        return tuple(None if s is None else before + s + after for s, (before, after) in ends)

    def get_output_for(self, input: Any, **kwargs: Any) -> Variable:
        ends = self._ends(input.ndim)
        lengths = [before + input.shape[i] + after for i, (before, after) in enumerate(ends)]
        inside = tuple(slice(before, -after if after else None) for before, after in ends)
        padded: Any = pt.alloc(cast_like(self.val, input), *lengths)
        return padded[inside].set(input)


pad = PadLayer


class SliceLayer(Layer):
    """Take a part of the input along one axis.

    Parameters
    ----------
    incoming : Layer or tuple
    indices : int or slice
        An int takes one element and drops the axis; a slice keeps it.
    axis : int
    name : str, optional

    Raises
    ------
    ValueError
        If the input has no such axis, or no such element along it.

    Examples
    --------
    >>> SliceLayer((2, 3, 4), indices=0, axis=1).output_shape
    (2, 4)
    >>> SliceLayer((2, 3, 4), indices=slice(-2, None)).output_shape
    (2, 3, 2)
    """

    def __init__(self, incoming: Any, indices: int | slice, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(incoming, **kwargs)
        self.slice = indices
        self.axis = axis
        ndim = len(self.input_shape)
        if not -ndim <= axis < ndim:
            raise ValueError(f"SliceLayer: axis must be from {-ndim} to {ndim - 1}, got {axis!r}")
        length = self.input_shape[axis]
        if isinstance(indices, int) and length is not None and not -length <= indices < length:
            raise ValueError(
                f"SliceLayer: indices must be from {-length} to {length - 1} for axis {axis!r} "
                f"of an input of shape {self.input_shape!r}, got {indices!r}"
            )

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        output = list(input_shape)
        length = output.pop(self.axis)
        if isinstance(self.slice, slice):
            kept = None if length is None else len(range(*self.slice.indices(length)))
            output.insert(self.axis % len(input_shape), kept)
        return tuple(output)

    def get_output_for(self, input: Any, **kwargs: Any) -> Variable:
        return input[(slice(None),) * (self.axis % input.ndim) + (self.slice,)]
