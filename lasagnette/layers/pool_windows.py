"""Pooling of the windows that a stride lays over a sequence or an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from lasagnette import ops
from lasagnette.layers.axes import check_directions
from lasagnette.layers.base import Layer, Shape
from lasagnette.utils import as_tuple

__all__ = [
    "MaxPool1DLayer",
    "MaxPool2DLayer",
    "Pool1DLayer",
    "Pool2DLayer",
    "check_mode",
    "pool_2d",
    "pool_output_length",
]


def pool_output_length(
    input_length: int | None, pool_size: int | None, stride: int, pad: int, ignore_border: bool
) -> int | None:
    """Return the length of a pooling's output along one direction.

    Parameters
    ----------
    input_length, pool_size : int or None
        None, if not known, gives None.
    stride : int
    pad : int
        Padding at both ends.
    ignore_border : bool
        Whether a last, incomplete window is dropped.

    Examples
    --------
    >>> pool_output_length(13, 2, 2, 0, True), pool_output_length(13, 2, 2, 0, False)
    (6, 7)
    """
    if pool_size is None:
        return None
    return ops.pool_output_length(input_length, pool_size, stride, pad, ignore_border)


def pool_2d(
    input: Any,
    *,
    ws: Any,
    stride: Any = None,
    pad: Any = None,
    ignore_border: bool = True,
    mode: str = "max",
) -> Variable:
    """Pool rectangles whose size may be known only when the function runs.

    Parameters
    ----------
    input : tensor4, (batch, channels, rows, columns)
    ws : pair of int or of scalar expressions
        Rows and columns of a window.
    stride : pair of int or of scalar expressions, optional
        `ws` if not given.
    pad : pair of int, optional
        None for no padding; it must be None for windows given by expressions.
    ignore_border : bool
        It must be True for windows given by expressions.
    mode : {'max', 'average_inc_pad', 'average_exc_pad'}

    Returns
    -------
    tensor4, (batch, channels, pooled rows, pooled columns)

    Raises
    ------
    ValueError
        For an unknown `mode`, or what expressions do not allow.
    """
    check_mode("pool_2d", mode)
    sizes = (ws[0], ws[1])
    steps = sizes if stride is None else (stride[0], stride[1])
    if all(isinstance(number, int) for number in (*sizes, *steps)):
        return ops.pool2d(input, sizes, steps, pad or (0, 0), ignore_border, mode)
    if pad is not None or not ignore_border:
        raise ValueError(
            "pool_2d: windows given by expressions need pad=None and ignore_border=True, "
            f"got {pad!r} and {ignore_border!r}"
        )
    reduce = pt.max if mode == "max" else pt.mean
    for axis, size, step in zip((2, 3), sizes, steps, strict=True):
        starts = pt.arange(0, input.shape[axis] - size + 1, step)
        windows = pt.take(input, starts[:, None] + pt.arange(size), axis=axis)
        input = reduce(windows, axis=axis + 1)
    return input


def check_mode(who: str, mode: str) -> None:
    """Raise a ValueError if `mode` is none of pooling."""
    if mode not in ("max", "average_inc_pad", "average_exc_pad"):
        raise ValueError(
            f"{who}: Mode must be either 'max', 'average_inc_pad' or 'average_exc_pad'. "
            f"Got {mode!r}"
        )


class _WindowLayer(Layer):
    """What poolings of one and of two directions share: window, stride, padding, mode."""

    directions: str

    def __init__(
        self,
        incoming: Any,
        pool_size: int | Sequence[int],
        stride: int | Sequence[int] | None,
        pad: int | Sequence[int],
        ignore_border: bool,
        mode: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(incoming, **kwargs)
        who = type(self).__name__
        check_directions(self, self.directions)
        n = len(self.input_shape) - 2
        self.pool_size = as_tuple(pool_size, n, int)
        self.stride = self.pool_size if stride is None else as_tuple(stride, n, int)
        self.pad = as_tuple(pad, n, int)
        if min(self.pool_size) < 1 or min(self.stride) < 1:
            raise ValueError(
                f"{who}: pool_size and stride must be positive, got {pool_size!r} and {stride!r}"
            )
        if any(not 0 <= p < size for p, size in zip(self.pad, self.pool_size, strict=True)):
            raise ValueError(
                f"{who}: pad must be from 0 to pool_size - 1, got {pad!r} for {pool_size!r}"
            )
        if not ignore_border and any(self.pad):
            raise ValueError(f"{who}: ignore_border=False excludes padding, got pad {pad!r}")
        check_mode(who, mode)
        self.ignore_border = ignore_border
        self.mode = mode

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        lengths = zip(input_shape[2:], self.pool_size, self.stride, self.pad, strict=True)
        return (
            *input_shape[:2],
            *(pool_output_length(*numbers, self.ignore_border) for numbers in lengths),
        )


class Pool1DLayer(_WindowLayer):
    """Pooling of stretches of a sequence.

    Parameters
    ----------
    incoming : Layer or tuple
        Output of shape ``(batch, channels, positions)``.
    pool_size : int or tuple of one int
        Length of a window.
    stride : int or tuple of one int, optional
        Step between windows; `pool_size` if not given.
    pad : int or tuple of one int
        Padding at both ends, less than `pool_size`.
    ignore_border : bool
        See :class:`Pool2DLayer`.
    mode : {'max', 'average_inc_pad', 'average_exc_pad'}
        See :class:`Pool2DLayer`.
    name : str, optional

    Raises
    ------
    ValueError
        If an argument breaks these rules.

    Examples
    --------
    >>> Pool1DLayer((None, 16, 13), 3, stride=2, mode="average_exc_pad").output_shape
    (None, 16, 6)
    """

    directions = "positions"

    def __init__(
        self,
        incoming: Any,
        pool_size: int | Sequence[int],
        stride: int | Sequence[int] | None = None,
        pad: int | Sequence[int] = 0,
        ignore_border: bool = True,
        mode: str = "max",
        **kwargs: Any,
    ) -> None:
        super().__init__(incoming, pool_size, stride, pad, ignore_border, mode, **kwargs)

    def get_output_for(self, input: Any, **kwargs: Any) -> Variable:
        column = pt.expand_dims(input, 3)
        geometry = (*self.pool_size, 1), (*self.stride, 1), (*self.pad, 0)
        return pt.squeeze(ops.pool2d(column, *geometry, self.ignore_border, self.mode), axis=3)


class Pool2DLayer(_WindowLayer):
    """Pooling of rectangles of an image.

    Parameters
    ----------
    incoming : Layer or tuple
        Output of shape ``(batch, channels, rows, columns)``.
    pool_size : int or pair of int
        Rows and columns of a window; an int stands for both.
    stride : int or pair of int, optional
        Step between windows; `pool_size` if not given.
    pad : int or pair of int
        Padding above and below, left and right, less than `pool_size`.
    ignore_border : bool
        True: a last, incomplete window is dropped; False: it is pooled, too, which excludes
        padding.
    mode : {'max', 'average_inc_pad', 'average_exc_pad'}
        The averages count the zeros of the padding, or leave them out. Padding never is the
        maximum.
    name : str, optional

    Raises
    ------
    ValueError
        If an argument breaks these rules.

    Examples
    --------
    >>> Pool2DLayer((None, 16, 13, 13), 2, mode="average_exc_pad").output_shape
    (None, 16, 6, 6)
    >>> Pool2DLayer((None, 16, 13, 13), 2, ignore_border=False).output_shape
    (None, 16, 7, 7)
    """

    directions = "rows, columns"

    def __init__(
        self,
        incoming: Any,
        pool_size: int | Sequence[int],
        stride: int | Sequence[int] | None = None,
        pad: int | Sequence[int] = (0, 0),
        ignore_border: bool = True,
        mode: str = "max",
        **kwargs: Any,
    ) -> None:
        super().__init__(incoming, pool_size, stride, pad, ignore_border, mode, **kwargs)

    def get_output_for(self, input: Any, **kwargs: Any) -> Variable:
        return ops.pool2d(
            input, self.pool_size, self.stride, self.pad, self.ignore_border, self.mode
        )


class MaxPool1DLayer(Pool1DLayer):
    """Maximum over stretches of a sequence.

    Parameters
    ----------
    incoming : Layer or tuple
        Output of shape ``(batch, channels, positions)``.
    pool_size : int or tuple of one int
    stride : int or tuple of one int, optional
        `pool_size` if not given.
    pad : int or tuple of one int
    ignore_border : bool
        See :class:`Pool2DLayer`.
    name : str, optional

    Examples
    --------
    >>> MaxPool1DLayer((None, 16, 13), 3, ignore_border=False).output_shape
    (None, 16, 5)
    """

    def __init__(
        self,
        incoming: Any,
        pool_size: int | Sequence[int],
        stride: int | Sequence[int] | None = None,
        pad: int | Sequence[int] = 0,
        ignore_border: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(incoming, pool_size, stride, pad, ignore_border, mode="max", **kwargs)


class MaxPool2DLayer(Pool2DLayer):
    """Maximum over rectangles of an image.

    Parameters
    ----------
    incoming : Layer or tuple
        Output of shape ``(batch, channels, rows, columns)``.
    pool_size : int or pair of int
    stride : int or pair of int, optional
        `pool_size` if not given.
    pad : int or pair of int
    ignore_border : bool
        See :class:`Pool2DLayer`.
    name : str, optional

    Examples
    --------
    >>> MaxPool2DLayer((None, 16, 64, 64), pool_size=(2, 2), pad=(1, 1)).output_shape
    (None, 16, 33, 33)
    """

    def __init__(
        self,
        incoming: Any,
        pool_size: int | Sequence[int],
        stride: int | Sequence[int] | None = None,
        pad: int | Sequence[int] = (0, 0),
        ignore_border: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(incoming, pool_size, stride, pad, ignore_border, mode="max", **kwargs)
