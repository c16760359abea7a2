"""Pooling of images of any size to a fixed number of features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from lasagnette.layers.axes import check_directions
from lasagnette.layers.base import Layer, Shape
from lasagnette.layers.pool_windows import check_mode, pool_2d, pool_output_length
from lasagnette.utils import cast_like

__all__ = ["SpatialPyramidPoolingLayer"]


class SpatialPyramidPoolingLayer(Layer):
    """Pool an image of any size to a fixed number of features: nets of squares of regions.

    Parameters
    ----------
    incoming : Layer or tuple
        Output of shape ``(batch, channels, rows, columns)``; rows and columns may be None.
    pool_dims : list of int
        Levels of the pyramid: a level n cuts the image into n by n regions.
    mode : {'max', 'average_inc_pad', 'average_exc_pad'}
        There is no padding, so that the averages are the same.
    implementation : {'fast', 'kaiming'}
        'fast': all regions of a level are of one size, ``ceil(length / n)``, which few small
        images do not allow; 'kaiming': as in the paper, from ``floor(i * length / n)`` to
        ``ceil((i + 1) * length / n)``.
    name : str, optional

    Raises
    ------
    ValueError
        If an argument breaks these rules, or 'fast' does not give n by n regions for the
        input's size. For a size that is not known here, the compiled function raises.

    References
    ----------
    K. He et al.: Spatial pyramid pooling in deep convolutional networks for visual
    recognition. ECCV 2014.

    Examples
    --------
    >>> SpatialPyramidPoolingLayer((None, 16, None, None), [4, 2, 1]).output_shape
    (None, 16, 21)
    """

    def __init__(
        self,
        incoming: Any,
        pool_dims: Sequence[int] = (4, 2, 1),
        mode: str = "max",
        implementation: str = "fast",
        **kwargs: Any,
    ) -> None:
        super().__init__(incoming, **kwargs)
        who = type(self).__name__
        check_directions(self, "rows, columns")
        check_mode(who, mode)
        if implementation not in ("fast", "kaiming"):
            raise ValueError(
                f"{who}: implementation must be 'fast' or 'kaiming', got {implementation!r}"
            )
        self.pool_dims = pool_dims
        self.mode = mode
        self.implementation = implementation
        for n in pool_dims if implementation == "fast" else ():
            lengths = [length for length in self.input_shape[2:] if length is not None]
            if not all(self._fits(length, n) for length in lengths):
                raise ValueError(
                    f"{who}: windows of one size do not cut an image of shape "
                    f"{self.input_shape[2:]!r} into {n} by {n} regions; "
                    "use implementation='kaiming'"
                )

    @staticmethod
    def _fits(length: int, n: int) -> bool:
        size, stride = -(-length // n), length // n
        return stride > 0 and pool_output_length(length, size, stride, 0, True) == n

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        return (*input_shape[:2], sum(n * n for n in self.pool_dims))

    def get_output_for(self, input: Any, **kwargs: Any) -> Variable:
        pool = self._pool_fast if self.implementation == "fast" else self._pool_kaiming
        lengths = [
            input.shape[axis] if length is None else length
            for axis, length in enumerate(self.input_shape[2:], start=2)
        ]
        levels = [
            pool(input, lengths, n).reshape((input.shape[0], input.shape[1], n * n))
            for n in self.pool_dims
        ]
        return pt.concatenate(levels, axis=2)

    def _pool_fast(self, input: Any, lengths: Sequence[Any], n: int) -> Any:
        sizes = [(length + n - 1) // n for length in lengths]
        pooled = pool_2d(input, ws=sizes, stride=[s // n for s in lengths], mode=self.mode)
        return pt.specify_shape(pooled, (None, None, n, n))

    def _pool_kaiming(self, input: Any, lengths: Sequence[Any], n: int) -> Any:
        number = np.arange(n)
        for axis, length in zip((2, 3), lengths, strict=True):
            start, stop = number * length // n, ((number + 1) * length + n - 1) // n
            position = pt.arange(length, dtype="int64")
            inside = (start[:, None] <= position) & (position < stop[:, None])
            # Regions differ in size and overlap, so each gets a whole line, blank outside it.
            inside = pt.shape_padright(inside, 3 - axis)
            lines = pt.expand_dims(input, axis)
            if self.mode == "max":
                blank = cast_like(-np.inf, input)
                input = pt.max(pt.switch(inside, lines, blank), axis=axis + 1)
            else:
                total = pt.sum(pt.switch(inside, lines, cast_like(0, input)), axis=axis + 1)
                input = total / pt.shape_padright(cast_like(stop - start, input), 3 - axis)
        return input
