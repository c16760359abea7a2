"""Convolutional layers.

The dilated and transposed ones have modules of their own and are members of this one, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from lasagnette import init, nonlinearities, ops
from lasagnette.layers.conv_base import (
    BaseConvLayer,
    conv_input_length,
    conv_output_length,
    tap_filters,
)
from lasagnette.layers.conv_dilated import DilatedConv2DLayer
from lasagnette.layers.conv_transposed import (
    Deconv2DLayer,
    Deconv3DLayer,
    TransposedConv2DLayer,
    TransposedConv3DLayer,
)

__all__ = [
    "BaseConvLayer",
    "Conv1DLayer",
    "Conv2DLayer",
    "Conv3DLayer",
    "Deconv2DLayer",
    "Deconv3DLayer",
    "DilatedConv2DLayer",
    "TransposedConv2DLayer",
    "TransposedConv3DLayer",
    "conv_input_length",
    "conv_output_length",
]


class Conv1DLayer(BaseConvLayer):
    """A convolutional layer over sequences: ``nonlinearity(input * W + b)``.

    Parameters
    ----------
    incoming : Layer or tuple
        Output of shape ``(batch, channels, length)``.
    num_filters : int
    filter_size : int or tuple of an int
    stride : int or tuple of an int
    pad : int, tuple of an int, 'valid', 'same' or 'full'
    untie_biases : bool
        False: biases ``(num_filters,)``; True: one per position, ``(num_filters, length)`` of
        the output.
    W : number, array, callable, shared variable or expression
        Filters ``(num_filters, channels // num_groups, filter length)``.
    b, nonlinearity, flip_filters
        See :class:`Conv2DLayer`.
    convolution : callable
        Called as :func:`lasagnette.ops.conv2d` is, with images of one row.
    num_groups : int
    name : str, optional

    Examples
    --------
    >>> Conv1DLayer((None, 3, 100), num_filters=16, filter_size=5, stride=2).output_shape
    (None, 16, 48)
    """

    def __init__(
        self,
        incoming: Any,
        num_filters: int,
        filter_size: int | Sequence[int],
        stride: int | Sequence[int] = 1,
        pad: int | Sequence[int] | str = 0,
        untie_biases: bool = False,
        W: Any = init.GlorotUniform(),  # noqa: B008 (initializers have no state)
        b: Any = init.Constant(0.0),  # noqa: B008
        nonlinearity: Callable | None = nonlinearities.rectify,
        flip_filters: bool = True,
        convolution: Callable = ops.conv2d,
        num_groups: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            incoming,
            num_filters,
            filter_size,
            stride,
            pad,
            untie_biases,
            W,
            b,
            nonlinearity,
            flip_filters,
            num_groups,
            n=1,
            **kwargs,
        )
        self.convolution = convolution

    def convolve(self, input: Any, bias: Any = None, relu: bool = False, **kwargs: Any) -> Variable:
        maps = self.convolution(
            pt.as_tensor_variable(input)[:, :, None],
            self._filters()[:, :, None],
            bias,
            pad=self.pad if isinstance(self.pad, str) else (0, *self.pad),
            stride=(1, *self.stride),
            groups=self.num_groups,
            flip_filters=self.flip_filters,
            relu=relu,
        )
        return maps[:, :, 0]


class Conv2DLayer(BaseConvLayer):
    """A convolutional layer over images: ``nonlinearity(input * W + b)``.

    Parameters
    ----------
    incoming : Layer or tuple
        Output of shape ``(batch, channels, rows, columns)``.
    num_filters : int
    filter_size : int or pair of int
        Rows and columns; an int stands for both.
    stride : int or pair of int
    pad : int, pair of int, 'valid', 'same' or 'full'
        Zeros around the image: so many above and below, left and right; none; so many that
        the output of stride 1 has the input's size (for an even filter, which Lasagne refuses,
        the extra row and column go above and to the left); or so many that every partial
        overlap counts.
    untie_biases : bool
        False: biases ``(num_filters,)``; True: one per position, ``(num_filters, rows,
        columns)`` of the output.
    W : number, array, callable, shared variable or expression
        Filters ``(num_filters, channels // num_groups, filter rows, filter columns)``; see
        :func:`lasagnette.utils.create_param`.
    b : number, array, callable, shared variable, expression or None
        Biases; None for a layer without.
    nonlinearity : callable or None
        None for a linear layer.
    flip_filters : bool
        True (default): convolution, which flips the filters; False: correlation, as in most
        other libraries. Weights trained with one need the same setting or flipped filters.
    convolution : callable
        Called as :func:`lasagnette.ops.conv2d` is.
    num_groups : int
        Channels and filters are cut into so many groups; a filter sees its group's channels
        only. As many as there are channels: a depthwise convolution.
    name : str, optional

    Examples
    --------
    >>> Conv2DLayer((None, 3, 48, 48), num_filters=64, filter_size=5).output_shape
    (None, 64, 44, 44)
    >>> Conv2DLayer((None, 3, 48, 48), num_filters=64, filter_size=(5, 5), pad="same").output_shape
    (None, 64, 48, 48)
    >>> Conv2DLayer((None, 3, 48, None), 64, 3, stride=2, pad=1).output_shape
    (None, 64, 24, None)
    >>> Conv2DLayer((None, 32, 24, 24), 64, 3, num_groups=32).get_W_shape()
    (64, 1, 3, 3)
    """

    def __init__(
        self,
        incoming: Any,
        num_filters: int,
        filter_size: int | Sequence[int],
        stride: int | Sequence[int] = (1, 1),
        pad: int | Sequence[int] | str = 0,
        untie_biases: bool = False,
        W: Any = init.GlorotUniform(),  # noqa: B008 (initializers have no state)
        b: Any = init.Constant(0.0),  # noqa: B008
        nonlinearity: Callable | None = nonlinearities.rectify,
        flip_filters: bool = True,
        convolution: Callable = ops.conv2d,
        num_groups: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            incoming,
            num_filters,
            filter_size,
            stride,
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
        self.convolution = convolution

    def convolve(self, input: Any, bias: Any = None, relu: bool = False, **kwargs: Any) -> Variable:
        return self.convolution(
            input,
            self._filters(),
            bias,
            pad=self.pad,
            stride=self.stride,
            groups=self.num_groups,
            flip_filters=self.flip_filters,
            relu=relu,
        )


class Conv3DLayer(BaseConvLayer):
    """A convolutional layer over volumes or short films: ``nonlinearity(input * W + b)``.

    The filter's steps in depth are taken as further channels of a two-dimensional convolution,
    which costs a copy of the input per step.

    Parameters
    ----------
    incoming : Layer or tuple
        Output of shape ``(batch, channels, depth, rows, columns)``.
    num_filters : int
    filter_size : int or triple of int
        Depth, rows and columns; an int stands for all.
    stride : int or triple of int
    pad : int, triple of int, 'valid', 'same' or 'full'
    untie_biases : bool
        False: biases ``(num_filters,)``; True: one per position of the output.
    W : number, array, callable, shared variable or expression
        Filters ``(num_filters, channels // num_groups, *filter_size)``.
    b, nonlinearity, flip_filters, num_groups
        See :class:`Conv2DLayer`.
    name : str, optional

    Examples
    --------
    >>> Conv3DLayer((None, 3, 16, 48, 48), num_filters=8, filter_size=(3, 5, 5)).output_shape
    (None, 8, 14, 44, 44)
    """

    def __init__(
        self,
        incoming: Any,
        num_filters: int,
        filter_size: int | Sequence[int],
        stride: int | Sequence[int] = (1, 1, 1),
        pad: int | Sequence[int] | str = 0,
        untie_biases: bool = False,
        W: Any = init.GlorotUniform(),  # noqa: B008 (initializers have no state)
        b: Any = init.Constant(0.0),  # noqa: B008
        nonlinearity: Callable | None = nonlinearities.rectify,
        flip_filters: bool = True,
        num_groups: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            incoming,
            num_filters,
            filter_size,
            stride,
            pad,
            untie_biases,
            W,
            b,
            nonlinearity,
            flip_filters,
            num_groups,
            n=3,
            **kwargs,
        )

    def convolve(self, input: Any, bias: Any = None, relu: bool = False, **kwargs: Any) -> Variable:
        x = pt.as_tensor_variable(input)
        filters, group_channels, taps, *plane = self.get_W_shape()
        W = self._filters()
        if self.flip_filters:
            W = W[:, :, ::-1]
        batch, channels, depth, rows, columns = x.shape
        windows: Any = ops.conv2d(
            x.reshape((batch * channels, 1, depth, rows * columns)),
            tap_filters(taps, 1, x.dtype),
            pad=self.pad if isinstance(self.pad, str) else (self.pad[0], 0),
            stride=(self.stride[0], 1),
            flip_filters=False,
        )
        depth = windows.shape[2]
        windows = windows.reshape((batch, channels * taps, depth, rows * columns))
        maps: Any = ops.conv2d(
            windows.dimshuffle(0, 2, 1, 3).reshape((batch * depth, channels * taps, rows, columns)),
            W.reshape((filters, group_channels * taps, *plane)),
            bias,
            pad=self.pad if isinstance(self.pad, str) else self.pad[1:],
            stride=self.stride[1:],
            groups=self.num_groups,
            flip_filters=self.flip_filters,
            relu=relu,
        )
        maps = maps.reshape((batch, depth, filters, maps.shape[2], maps.shape[3]))
        return maps.dimshuffle(0, 2, 1, 3, 4)
