"""Upscaling layers, the counterpart of pooling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from lasagnette.layers.axes import check_directions
from lasagnette.layers.base import Layer, Shape
from lasagnette.utils import as_tuple, cast_like

__all__ = ["Upscale1DLayer", "Upscale2DLayer", "Upscale3DLayer"]


class _UpscaleLayer(Layer):
    """What upscaling of one, two and three directions share."""

    directions: str

    def __init__(
        self, incoming: Any, scale_factor: int | Sequence[int], mode: str = "repeat", **kwargs: Any
    ) -> None:
        super().__init__(incoming, **kwargs)
        who = type(self).__name__
        check_directions(self, self.directions)
        self.scale_factor = as_tuple(scale_factor, len(self.input_shape) - 2, int)
        if min(self.scale_factor) < 1:
            raise ValueError(f"{who}: scale_factor must be positive, got {scale_factor!r}")
        if mode not in ("repeat", "dilate"):
            raise ValueError(f"{who}: mode must be 'repeat' or 'dilate', got {mode!r}")
        self.mode = mode

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        lengths = zip(input_shape[2:], self.scale_factor, strict=True)
        return (*input_shape[:2], *(None if s is None else s * factor for s, factor in lengths))

    def get_output_for(self, input: Any, **kwargs: Any) -> Variable:
        for axis, factor in enumerate(self.scale_factor, start=2):
            if factor > 1:
                shown = np.full(factor, self.mode == "repeat")
                shown[0] = True
                copies = pt.switch(
                    pt.shape_padright(shown, input.ndim - 1 - axis),
                    pt.expand_dims(input, axis + 1),
                    cast_like(0, input),
                )
                input = pt.join_dims(copies, start_axis=axis, n_axes=2)
        return input


class Upscale1DLayer(_UpscaleLayer):
    """Make a sequence longer by a whole factor.

    Parameters
    ----------
    incoming : Layer or tuple
        Output of shape ``(batch, channels, positions)``.
    scale_factor : int or tuple of one int
    mode : {'repeat', 'dilate'}
        See :class:`Upscale2DLayer`.
    name : str, optional

    Examples
    --------
    >>> Upscale1DLayer((None, 16, 12), 3).output_shape
    (None, 16, 36)
    """

    directions = "positions"


class Upscale2DLayer(_UpscaleLayer):
    """Make an image larger by whole factors.

    Parameters
    ----------
    incoming : Layer or tuple
        Output of shape ``(batch, channels, rows, columns)``.
    scale_factor : int or pair of int
        Factors of rows and columns; an int stands for both.
    mode : {'repeat', 'dilate'}
        Repeat every value, or put zeros behind it.
    name : str, optional

    Raises
    ------
    ValueError
        If a factor is not positive, `mode` is unknown or the input is of another number of
        dimensions.

    Notes
    -----
    Dilating and then convolving costs more than :class:`TransposedConv2DLayer`, which
    computes the same.

    Examples
    --------
    >>> Upscale2DLayer((None, 16, 12, None), (2, 3)).output_shape
    (None, 16, 24, None)
    """

    directions = "rows, columns"


class Upscale3DLayer(_UpscaleLayer):
    """Make a volume larger by whole factors.

    Parameters
    ----------
    incoming : Layer or tuple
        Output of shape ``(batch, channels, depth, rows, columns)``.
    scale_factor : int or tuple of three ints
    mode : {'repeat', 'dilate'}
        See :class:`Upscale2DLayer`.
    name : str, optional

    Examples
    --------
    >>> Upscale3DLayer((None, 16, 6, 12, 12), (1, 2, 2)).output_shape
    (None, 16, 6, 24, 24)
    """

    directions = "depth, rows, columns"
