"""Transposed convolutions, which enlarge what convolutions of the same settings reduce."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from lasagnette import init, nonlinearities, ops
from lasagnette.layers.base import Shape
from lasagnette.layers.conv_base import (
    BaseConvLayer,
    conv_input_length,
    conv_output_length,
    tap_filters,
)
from lasagnette.utils import as_tuple

__all__ = [
    "Deconv2DLayer",
    "Deconv3DLayer",
    "TransposedConv2DLayer",
    "TransposedConv3DLayer",
]


class _TransposedConvLayer(BaseConvLayer):
    """What transposed convolutions of any number of directions share: shapes and `crop`."""

    def __init__(self, incoming: Any, output_size: Any, n: int, crop: Any, **kwargs: Any) -> None:
        if "pad" in kwargs:
            raise TypeError(
                f"{type(self).__name__} takes crop=, not pad; give crop={kwargs['pad']!r}"
            )
        if output_size is not None and not isinstance(output_size, Variable):
            output_size = as_tuple(output_size, n, int)
        self.output_size = output_size
        super().__init__(incoming, n=n, pad=crop, **kwargs)
        lengths = self.get_output_shape_for(self.input_shape)[2:]
        reduced = map(conv_output_length, lengths, self.filter_size, self.stride, self._pads)
        for length, given in zip(reduced, self.input_shape[2:], strict=True):
            if length is not None and given is not None and length != given:
                raise ValueError(
                    f"{type(self).__name__}: output_size must be one that the convolution takes "
                    f"to the input of shape {self.input_shape!r}, got {output_size!r}"
                )

    @property
    def crop(self) -> Any:
        """What is cut off the result: the padding of the convolution that is transposed."""
        return self.pad

    def get_W_shape(self) -> tuple[int, ...]:
        """Return the filters' shape ``(channels, num_filters // num_groups, *filter_size)``."""
        return (self._channels(), self.num_filters // self.num_groups, *self.filter_size)

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        if self.output_size is None:
            lengths = tuple(
                map(conv_input_length, input_shape[2:], self.filter_size, self.stride, self._pads)
            )
        elif isinstance(self.output_size, Variable):
            lengths = (None,) * self.n
        else:
            lengths = self.output_size
        return (input_shape[0], self.num_filters, *lengths)

    def _output_lengths(self) -> tuple[Any, ...]:
        """Return :attr:`output_size` with a number, scalar or None per direction."""
        if self.output_size is None:
            return (None,) * self.n
        return tuple(self.output_size[i] for i in range(self.n))


class TransposedConv2DLayer(_TransposedConvLayer):
    """A transposed convolution over images, also called fractionally strided.

    It computes what carries the gradient from the output of a :class:`Conv2DLayer` of the same
    `filter_size`, `stride` and padding to its input, then adds biases and applies a
    nonlinearity. A stride enlarges the image.

    Parameters
    ----------
    incoming : Layer or tuple
        Output of shape ``(batch, channels, rows, columns)``.
    num_filters : int
        Channels of the result.
    filter_size : int or pair of int
    stride : int or pair of int
    crop : int, pair of int, 'valid', 'same' or 'full'
        The padding of the convolution that is transposed, which is cut off here. 'valid', or 0:
        every partial overlap counts; 'full': only full ones do; 'same': the output of stride 1
        has the input's size.
    untie_biases : bool
        False: biases ``(num_filters,)``; True: one per position of the output.
    W : number, array, callable, shared variable or expression
        Filters ``(channels, num_filters // num_groups, filter rows, filter columns)``.
    b, nonlinearity
        See :class:`Conv2DLayer`.
    flip_filters : bool
        Whether the filters are flipped where they slide over the enlarged input. False
        (default): the transpose of a :class:`Conv2DLayer` with its default, True, and the same
        filters; True: that of one with False.
    output_size : int, pair of int or symbolic vector, optional
        Rows and columns of the result. With a stride several sizes belong to the same input;
        the smallest is taken unless given.
    num_groups : int
    name : str, optional

    Raises
    ------
    ValueError
        If `output_size` is none of the sizes that belong to the input.
    TypeError
        If `pad` is given instead of `crop`.

    Examples
    --------
    >>> TransposedConv2DLayer((None, 16, 12, 12), 8, 3, stride=2).output_shape
    (None, 8, 25, 25)
    >>> TransposedConv2DLayer((None, 16, 12, 12), 8, 3, stride=2, crop="same").output_shape
    (None, 8, 23, 23)
    >>> TransposedConv2DLayer((None, 16, 12, 12), 8, 3, 2, crop=1, output_size=24).output_shape
    (None, 8, 24, 24)
    """

    def __init__(
        self,
        incoming: Any,
        num_filters: int,
        filter_size: int | Sequence[int],
        stride: int | Sequence[int] = (1, 1),
        crop: int | Sequence[int] | str = 0,
        untie_biases: bool = False,
        W: Any = init.GlorotUniform(),  # noqa: B008 (initializers have no state)
        b: Any = init.Constant(0.0),  # noqa: B008
        nonlinearity: Callable | None = nonlinearities.rectify,
        flip_filters: bool = False,
        output_size: Any = None,
        num_groups: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            incoming,
            output_size,
            n=2,
            num_filters=num_filters,
            filter_size=filter_size,
            stride=stride,
            crop=crop,
            untie_biases=untie_biases,
            W=W,
            b=b,
            nonlinearity=nonlinearity,
            flip_filters=flip_filters,
            num_groups=num_groups,
            **kwargs,
        )

    def convolve(self, input: Any, **kwargs: Any) -> Variable:
        return ops.conv2d_transpose(
            input,
            self._filters(),
            self._output_lengths(),
            pad=self.pad,
            stride=self.stride,
            groups=self.num_groups,
            flip_filters=not self.flip_filters,
        )


class TransposedConv3DLayer(_TransposedConvLayer):
    """A transposed convolution over volumes; see :class:`TransposedConv2DLayer`.

    As in :class:`Conv3DLayer` the filter's steps in depth are further channels of images.

    Parameters
    ----------
    incoming : Layer or tuple
        Output of shape ``(batch, channels, depth, rows, columns)``.
    num_filters : int
    filter_size : int or triple of int
    stride : int or triple of int
    crop : int, triple of int, 'valid', 'same' or 'full'
    untie_biases : bool
    W : number, array, callable, shared variable or expression
        Filters ``(channels, num_filters // num_groups, *filter_size)``.
    b, nonlinearity, flip_filters
    output_size : int, triple of int or symbolic vector, optional
    num_groups : int
    name : str, optional

    Examples
    --------
    >>> TransposedConv3DLayer((None, 16, 4, 12, 12), 8, 3, stride=2, crop=1).output_shape
    (None, 8, 7, 23, 23)
    """

    def __init__(
        self,
        incoming: Any,
        num_filters: int,
        filter_size: int | Sequence[int],
        stride: int | Sequence[int] = (1, 1, 1),
        crop: int | Sequence[int] | str = 0,
        untie_biases: bool = False,
        W: Any = init.GlorotUniform(),  # noqa: B008 (initializers have no state)
        b: Any = init.Constant(0.0),  # noqa: B008
        nonlinearity: Callable | None = nonlinearities.rectify,
        flip_filters: bool = False,
        output_size: Any = None,
        num_groups: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            incoming,
            output_size,
            n=3,
            num_filters=num_filters,
            filter_size=filter_size,
            stride=stride,
            crop=crop,
            untie_biases=untie_biases,
            W=W,
            b=b,
            nonlinearity=nonlinearity,
            flip_filters=flip_filters,
            num_groups=num_groups,
            **kwargs,
        )

    def convolve(self, input: Any, **kwargs: Any) -> Variable:
        x = pt.as_tensor_variable(input)
        channels, group_filters, taps, *plane = self.get_W_shape()
        W = self._filters()
        if not self.flip_filters:
            W = W[:, :, ::-1]
        batch, _, depth, rows, columns = x.shape
        deep, *size = self._output_lengths()
        images = x.dimshuffle(0, 2, 1, 3, 4).reshape((batch * depth, channels, rows, columns))
        maps: Any = ops.conv2d_transpose(
            images,
            W.reshape((channels, group_filters * taps, *plane)),
            (size[0], size[1]),
            pad=self.pad if isinstance(self.pad, str) else self.pad[1:],
            stride=self.stride[1:],
            groups=self.num_groups,
            flip_filters=not self.flip_filters,
        )
        rows, columns = maps.shape[2:]
        maps = maps.reshape((batch, depth, self.num_filters * taps, rows * columns))
        sums: Any = ops.conv2d_transpose(
            maps.dimshuffle(0, 2, 1, 3).reshape(
                (batch * self.num_filters, taps, depth, rows * columns)
            ),
            tap_filters(taps, 1, maps.dtype),
            (deep, rows * columns),
            pad=self.pad if isinstance(self.pad, str) else (self.pad[0], 0),
            stride=(self.stride[0], 1),
        )
        return sums.reshape((batch, self.num_filters, sums.shape[2], rows, columns))


Deconv2DLayer = TransposedConv2DLayer
Deconv3DLayer = TransposedConv3DLayer
