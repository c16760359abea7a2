"""Layers that join several inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from lasagnette.layers.base import MergeLayer, Shape
from lasagnette.utils import cast_like

__all__ = [
    "ConcatLayer",
    "ElemwiseMergeLayer",
    "ElemwiseSumLayer",
    "autocrop",
    "autocrop_array_shapes",
    "concat",
]

Cropping = Sequence[str | None] | None


def _modes(cropping: Sequence[str | None], ndims: Sequence[int]) -> list[str | None]:
    """Return one cropping mode per axis, for inputs of one number of dimensions."""
    if len(set(ndims)) != 1:
        raise ValueError(f"cropping needs inputs of one number of dimensions, got {list(ndims)!r}")
    for mode in cropping:
        if mode not in (None, "lower", "upper", "center"):
            raise ValueError(
                f"cropping must consist of None, 'lower', 'upper' and 'center', got {mode!r}"
            )
    return [*cropping, *[None] * (ndims[0] - len(cropping))]


def autocrop(inputs: Sequence[Any], cropping: Cropping) -> list[Any]:
    """Crop arrays to their common size.

    Parameters
    ----------
    inputs : list of expressions
    cropping : list of {None, 'lower', 'upper', 'center'}, or None
        What to keep along each axis: everything, the first elements, the last, or those in
        the middle; as many as the smallest input has. Missing entries, and None for the
        whole list, stand for None.

    Returns
    -------
    list of expressions

    Examples
    --------
    >>> a, b = pt.alloc(1, 1, 2, 5), pt.alloc(1, 1, 4, 3)
    >>> [x.shape.eval(mode="FAST_COMPILE") for x in autocrop([a, b], [None, "lower", "center"])]
    [array([1, 2, 3]), array([1, 2, 3])]
    """
    if cropping is None:
        return list(inputs)
    cropped = list(inputs)
    for axis, mode in enumerate(_modes(cropping, [x.ndim for x in inputs])):
        if mode is None:
            continue
        lengths = [x.shape[axis] for x in inputs]
        size = pt.min(pt.stack(lengths))
        for i, length in enumerate(lengths):
            start = {"lower": 0, "upper": length - size, "center": (length - size) // 2}[mode]
            cropped[i] = cropped[i][(slice(None),) * axis + (slice(start, start + size),)]
    return cropped


def autocrop_array_shapes(input_shapes: Sequence[Shape], cropping: Cropping) -> list[Shape]:
    """Return the shapes of :func:`autocrop`'s results.

    Parameters
    ----------
    input_shapes : list of tuple
    cropping : list of {None, 'lower', 'upper', 'center'}, or None

    Returns
    -------
    list of tuple
        The length along a cropped axis is None if it is not known for all inputs.

    Examples
    --------
    >>> shapes = [(1, 2, 3, 4), (5, 4, 4, 2), (7, 1, 8, 9)]
    >>> autocrop_array_shapes(shapes, [None, "lower", "center", "upper"])
    [(1, 1, 3, 2), (5, 1, 3, 2), (7, 1, 3, 2)]
    """
    if cropping is None:
        return list(input_shapes)
    axes = []
    modes = _modes(cropping, [len(shape) for shape in input_shapes])
    for lengths, mode in zip(zip(*input_shapes, strict=True), modes, strict=True):
        if mode is None:
            axes.append(lengths)
        else:
            axes.append((None if None in lengths else min(lengths),) * len(lengths))
    return list(zip(*axes, strict=True))


def _shapes_are_known(layer: MergeLayer) -> bool:
    """Tell whether all inputs are real; stand-ins for layers need not have a shape."""
    return all(isinstance(shape, tuple) for shape in layer.input_shapes)


def _check_shapes(layer: MergeLayer) -> None:
    """Raise now what building on the layer would raise."""
    if _shapes_are_known(layer):
        layer.get_output_shape_for(layer.input_shapes)


class ConcatLayer(MergeLayer):
    """Join inputs along an axis.

    Parameters
    ----------
    incomings : list of Layer or tuple
        All of one shape, except along `axis`.
    axis : int
    cropping : list of {None, 'lower', 'upper', 'center'}, optional
        How to crop the inputs along the other axes first; see :func:`autocrop`.
    name : str, optional

    Examples
    --------
    >>> ConcatLayer([(None, 32, 8, 8), (None, 64, 8, 8)]).output_shape
    (None, 96, 8, 8)
    """

    def __init__(
        self, incomings: Sequence[Any], axis: int = 1, cropping: Cropping = None, **kwargs: Any
    ) -> None:
        super().__init__(incomings, **kwargs)
        self.axis = axis
        self.cropping = cropping
        _check_shapes(self)

    def _cropping(self, ndim: int) -> Cropping:
        """Return :attr:`cropping` for inputs of `ndim` dimensions, without the joined axis."""
        if not -ndim <= self.axis < ndim:
            raise ValueError(
                f"ConcatLayer: axis must be from {-ndim} to {ndim - 1}, got {self.axis!r}"
            )
        if self.cropping is None:
            return None
        modes = [*self.cropping, *[None] * (ndim - len(self.cropping))]
        modes[self.axis] = None
        return modes

    def get_output_shape_for(self, input_shapes: Sequence[Shape]) -> Shape:
        cropping = self._cropping(len(input_shapes[0]))
        shapes = autocrop_array_shapes(input_shapes, cropping)
        joined = self.axis % len(shapes[0])
        output: list[int | None] = []
        if len({len(shape) for shape in shapes}) > 1:
            raise self._mismatch(shapes)
        for axis, lengths in enumerate(zip(*shapes, strict=True)):
            known = {length for length in lengths if length is not None}
            if axis == joined:
                output.append(None if None in lengths else sum(lengths))
            elif len(known) > 1:
                raise self._mismatch(shapes)
            else:
                output.append(known.pop() if known else None)
        return tuple(output)

    def _mismatch(self, shapes: Sequence[Shape]) -> ValueError:
        return ValueError(
            f"ConcatLayer: the inputs must have one shape except along axis {self.axis!r}, "
            f"got {list(shapes)!r}; crop or pad them"
        )

    def get_output_for(self, inputs: Any, **kwargs: Any) -> Variable:  # type: ignore[override]
        cropped = autocrop(inputs, self._cropping(inputs[0].ndim))
        return pt.concatenate(cropped, axis=self.axis)


concat = ConcatLayer


class ElemwiseMergeLayer(MergeLayer):
    """Merge inputs element by element.

    Parameters
    ----------
    incomings : list of Layer or tuple
        All of one shape after cropping; a length of 1 is repeated to the others' length.
    merge_function : callable
        From two expressions to one, such as ``pytensor.tensor.mul`` or ``maximum``; applied
        from left to right.
    cropping : list of {None, 'lower', 'upper', 'center'}, optional
        How to crop the inputs first; see :func:`autocrop`.
    name : str, optional

    Examples
    --------
    >>> ElemwiseMergeLayer([(None, 16, 1, 1), (None, 16, 8, 8)], pt.mul).output_shape
    (None, 16, 8, 8)
    """

    def __init__(
        self,
        incomings: Sequence[Any],
        merge_function: Callable,
        cropping: Cropping = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(incomings, **kwargs)
        self.merge_function = merge_function
        self.cropping = cropping
        _check_shapes(self)

    def get_output_shape_for(self, input_shapes: Sequence[Shape]) -> Shape:
        shapes = autocrop_array_shapes(input_shapes, self.cropping)
        if len({len(shape) for shape in shapes}) > 1:
            raise self._mismatch(shapes)
        output: list[int | None] = []
        for lengths in zip(*shapes, strict=True):
            known = {length for length in lengths if length not in (None, 1)}
            if len(known) > 1:
                raise self._mismatch(shapes)
            if known:
                output.append(known.pop())
            else:
                output.append(None if None in lengths else 1)
        return tuple(output)

    def _mismatch(self, shapes: Sequence[Shape]) -> ValueError:
        return ValueError(
            f"{type(self).__name__}: the inputs must have one shape, except for lengths of 1, "
            f"got {list(shapes)!r}; crop or pad them"
        )

    def get_output_for(self, inputs: Any, **kwargs: Any) -> Variable:  # type: ignore[override]
        output, *others = self._broadcastable(autocrop(inputs, self.cropping))
        for other in others:
            output = self.merge_function(output, other)
        return output

    def _broadcastable(self, inputs: Sequence[Any]) -> list[Any]:
        """Declare the lengths of 1 that are repeated; PyTensor repeats no others."""
        if not _shapes_are_known(self):
            return list(inputs)
        shapes = autocrop_array_shapes(self.input_shapes, self.cropping)
        repeated = [
            [
                axis
                for axis, (s, o) in enumerate(zip(shape, self.output_shape, strict=True))
                if s == 1 and o != 1
            ]
            for shape in shapes
        ]
        return [
            pt.specify_broadcastable(x, *axes) if axes else x
            for x, axes in zip(inputs, repeated, strict=True)
        ]


class ElemwiseSumLayer(ElemwiseMergeLayer):
    """Add inputs element by element.

    Parameters
    ----------
    incomings : list of Layer or tuple
        All of one shape after cropping; a length of 1 is repeated to the others' length.
    coeffs : number or list of numbers
        Factors of the inputs, not learned.
    cropping : list of {None, 'lower', 'upper', 'center'}, optional
        How to crop the inputs first; see :func:`autocrop`.
    name : str, optional

    Examples
    --------
    >>> ElemwiseSumLayer([(None, 16, 8, 8)] * 2, coeffs=[1, -1]).output_shape
    (None, 16, 8, 8)
    """

    def __init__(
        self,
        incomings: Sequence[Any],
        coeffs: Any = 1,
        cropping: Cropping = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(incomings, pt.add, cropping=cropping, **kwargs)
        coeffs = list(coeffs) if isinstance(coeffs, list | tuple) else [coeffs] * len(incomings)
        if len(coeffs) != len(incomings):
            raise ValueError(
                f"ElemwiseSumLayer: as many coeffs as inputs are needed, "
                f"got {len(coeffs)} for {len(incomings)} inputs"
            )
        self.coeffs = coeffs

    def get_output_for(self, inputs: Any, **kwargs: Any) -> Variable:  # type: ignore[override]
        scaled = [
            x if isinstance(c, int) and c == 1 else cast_like(c, x) * x
            for c, x in zip(self.coeffs, inputs, strict=True)
        ]
        return super().get_output_for(scaled, **kwargs)
