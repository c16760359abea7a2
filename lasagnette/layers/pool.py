"""Pooling layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pytensor.graph.basic import Variable

from lasagnette import ops
from lasagnette.layers.base import Layer, Shape
from lasagnette.utils import as_tuple

__all__ = ["MaxPool2DLayer", "Pool2DLayer"]

MODES = ("max", "average_inc_pad", "average_exc_pad")


class Pool2DLayer(Layer):
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
        super().__init__(incoming, **kwargs)
        who = type(self).__name__
        if len(self.input_shape) != 4:
            raise ValueError(
                f"{who}: the input must have 4 dimensions (batch, channels, rows, columns), "
                f"got shape {self.input_shape!r}"
            )
        self.pool_size = as_tuple(pool_size, 2, int)
        self.stride = self.pool_size if stride is None else as_tuple(stride, 2, int)
        self.pad = as_tuple(pad, 2, int)
        if min(self.pool_size) < 1 or min(self.stride) < 1:
            raise ValueError(
                f"{who}: pool_size and stride must be positive, got {pool_size!r} and {stride!r}"
            )
        if any(not 0 <= p < size for p, size in zip(self.pad, self.pool_size, strict=True)):
            raise ValueError(
                f"{who}: pad must be from 0 to pool_size - 1, got {pad!r} for {pool_size!r}"
            )
        if not ignore_border and self.pad != (0, 0):
            raise ValueError(f"{who}: ignore_border=False excludes padding, got pad {pad!r}")
        if mode not in MODES:
            raise ValueError(f"{who}: mode must be one of {', '.join(MODES)}, got {mode!r}")
        self.ignore_border = ignore_border
        self.mode = mode

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        return (
            *input_shape[:2],
            *(
                ops.pool_output_length(*lengths, self.ignore_border)
                for lengths in zip(
                    input_shape[2:], self.pool_size, self.stride, self.pad, strict=True
                )
            ),
        )

    def get_output_for(self, input: Any, **kwargs: Any) -> Variable:
        return ops.pool2d(
            input, self.pool_size, self.stride, self.pad, self.ignore_border, self.mode
        )


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
