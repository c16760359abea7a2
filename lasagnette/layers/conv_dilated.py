"""Dilated convolutions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pytensor.graph.basic import Variable

from lasagnette import init, nonlinearities, ops
from lasagnette.layers.base import Shape
from lasagnette.layers.conv_base import BaseConvLayer
from lasagnette.utils import as_tuple

__all__ = ["DilatedConv2DLayer"]


class DilatedConv2DLayer(BaseConvLayer):
    """A convolutional layer whose filters' taps stand apart: "à trous".

    The filters see a larger part of the image without more parameters [1]_. As in Lasagne they
    are not flipped, their first two axes are exchanged, and the input is not padded: put a
    :class:`PadLayer` before.

    Parameters
    ----------
    incoming : Layer or tuple
        Output of shape ``(batch, channels, rows, columns)``.
    num_filters : int
    filter_size : int or pair of int
    dilation : int or pair of int
        Step between the taps; 1 is an ordinary filter.
    pad : int, pair of int or 'valid'
        Only 0 or 'valid'.
    untie_biases : bool
        False: biases ``(num_filters,)``; True: one per position of the output.
    W : number, array, callable, shared variable or expression
        Filters ``(channels // num_groups, num_filters, filter rows, filter columns)``.
    b, nonlinearity
        See :class:`Conv2DLayer`.
    flip_filters : bool
        Only False.
    num_groups : int
    name : str, optional

    Raises
    ------
    NotImplementedError
        If `pad` or `flip_filters` is something else.

    References
    ----------
    .. [1] Yu, Koltun: Multi-scale context aggregation by dilated convolutions (ICLR 2016).

    Examples
    --------
    >>> DilatedConv2DLayer((None, 16, 24, 24), 32, 3, dilation=4).output_shape
    (None, 32, 16, 16)
    """

    def __init__(
        self,
        incoming: Any,
        num_filters: int,
        filter_size: int | Sequence[int],
        dilation: int | Sequence[int] = (1, 1),
        pad: int | Sequence[int] | str = 0,
        untie_biases: bool = False,
        W: Any = init.GlorotUniform(),  # noqa: B008 (initializers have no state)
        b: Any = init.Constant(0.0),  # noqa: B008
        nonlinearity: Callable | None = nonlinearities.rectify,
        flip_filters: bool = False,
        num_groups: int = 1,
        **kwargs: Any,
    ) -> None:
        if flip_filters:
            raise NotImplementedError(
                f"DilatedConv2DLayer requires flip_filters=False, got {flip_filters!r}"
            )
        self.dilation = as_tuple(dilation, 2, int)
        if min(self.dilation) < 1:
            raise ValueError(f"DilatedConv2DLayer: dilation must be positive, got {dilation!r}")
        super().__init__(
            incoming,
            num_filters,
            filter_size,
            1,
            pad,
            untie_biases,
            W,
            b,
            nonlinearity,
            flip_filters,
            num_groups,
            n=2,
            **kwargs,
        )
        if self.pad != (0, 0):
            raise NotImplementedError(
                f"DilatedConv2DLayer requires pad=0, (0, 0) or 'valid', got {pad!r}; "
                "put a PadLayer before it"
            )

    def get_W_shape(self) -> tuple[int, ...]:
        """Return the filters' shape ``(channels // num_groups, num_filters, rows, columns)``."""
        return (self._channels() // self.num_groups, self.num_filters, *self.filter_size)

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        lengths = (
            ops.conv_output_length(length, size, 1, 0, 0, dilation)
            for length, size, dilation in zip(
                input_shape[2:], self.filter_size, self.dilation, strict=True
            )
        )
        return (input_shape[0], self.num_filters, *lengths)

    def convolve(self, input: Any, bias: Any = None, relu: bool = False, **kwargs: Any) -> Variable:
        return ops.conv2d(
            input,
            self._filters().dimshuffle(1, 0, 2, 3),
            bias,
            dilation=self.dilation,
            groups=self.num_groups,
            flip_filters=False,
            relu=relu,
        )
