"""Layers whose filters differ from position to position."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from lasagnette import init, nonlinearities, ops
from lasagnette.layers.conv_base import BaseConvLayer, tap_filters
from lasagnette.utils import as_tuple

__all__ = ["LocallyConnected2DLayer"]


class LocallyConnected2DLayer(BaseConvLayer):
    """A convolutional layer that does not share its filters among positions.

    As in Lasagne the output has the input's size: the stride is 1 and the padding 'same'.
    The patches of all positions are copied, so memory grows with the filters' size.

    Parameters
    ----------
    incoming : Layer or tuple
        Output of shape ``(batch, channels, rows, columns)``, known but for the batch.
    num_filters : int
    filter_size : int or pair of int
    stride : int or pair of int
        Only 1.
    pad : str
        Only 'same'.
    untie_biases : bool
        False: biases ``(num_filters,)``; True: one per position, ``(num_filters, rows,
        columns)``.
    W : number, array, callable, shared variable or expression
        Filters ``(num_filters, channels, filter rows, filter columns, rows, columns)``, without
        ``channels`` if `channelwise`.
    b, nonlinearity, flip_filters
        See :class:`Conv2DLayer`.
    channelwise : bool
        False: every filter sees all channels; True: each its own, of which there must be as
        many.
    name : str, optional

    Raises
    ------
    NotImplementedError
        If `stride` or `pad` is something else.
    ValueError
        If the input's size is not known, or the filters are not as many as the channels where
        `channelwise` asks for it.

    Examples
    --------
    >>> LocallyConnected2DLayer((None, 3, 8, 8), num_filters=4, filter_size=5).get_W_shape()
    (4, 3, 5, 5, 8, 8)
    """

    def __init__(
        self,
        incoming: Any,
        num_filters: int,
        filter_size: int | Sequence[int],
        stride: int | Sequence[int] = (1, 1),
        pad: str = "same",
        untie_biases: bool = False,
        W: Any = init.GlorotUniform(),  # noqa: B008 (initializers have no state)
        b: Any = init.Constant(0.0),  # noqa: B008
        nonlinearity: Callable | None = nonlinearities.rectify,
        flip_filters: bool = True,
        channelwise: bool = False,
        **kwargs: Any,
    ) -> None:
        if as_tuple(stride, 2) != (1, 1):
            raise NotImplementedError(
                f"LocallyConnected2DLayer requires stride=1 / (1, 1), got {stride!r}"
            )
        if pad != "same":
            raise NotImplementedError(f"LocallyConnected2DLayer requires pad='same', got {pad!r}")
        self.channelwise = channelwise
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
            num_groups=1,
            n=2,
            **kwargs,
        )

    def get_W_shape(self) -> tuple[int, ...]:
        """Return the filters' shape: see the parameter `W`."""
        _, *known = self.input_shape
        if None in known:
            raise ValueError(
                "A LocallyConnected2DLayer requires a fixed input shape (except for the batch "
                f"size), got {self.input_shape!r}"
            )
        channels, rows, columns = known
        if not self.channelwise:
            return (self.num_filters, channels, *self.filter_size, rows, columns)
        if self.num_filters != channels:
            raise ValueError(
                "LocallyConnected2DLayer: num_filters and the number of input channels should "
                f"match if channelwise, got {self.num_filters!r} and {channels!r}"
            )
        return (self.num_filters, *self.filter_size, rows, columns)

    def convolve(self, input: Any, **kwargs: Any) -> Variable:
        x = pt.as_tensor_variable(input)
        W = self._filters()
        if self.flip_filters:
            W = W[..., ::-1, ::-1, :, :]
        batch = x.shape[0]
        known: Any = self.input_shape[1:]
        channels, rows, columns = known
        filter_rows, filter_columns = self.filter_size
        positions, taps = rows * columns, filter_rows * filter_columns
        patches: Any = ops.conv2d(
            x.reshape((batch * channels, 1, rows, columns)),
            tap_filters(filter_rows, filter_columns, x.dtype),
            pad="same",
            flip_filters=False,
        )
        if self.channelwise:
            patches = patches.reshape((batch, channels, taps, rows, columns))
            return (patches * W.reshape((channels, taps, rows, columns))).sum(axis=2)
        # A group of channels and filters per position, and the batch as columns of an image.
        inputs = channels * taps
        patches = patches.reshape((batch, inputs, positions)).dimshuffle(2, 1, 0)
        W = W.reshape((self.num_filters, inputs, positions)).dimshuffle(2, 0, 1)
        maps: Any = ops.conv2d(
            patches.reshape((1, positions * inputs, 1, batch)),
            W.reshape((positions * self.num_filters, inputs, 1, 1)),
            groups=positions,
            flip_filters=False,
        )
        maps = maps.reshape((positions, self.num_filters, batch)).dimshuffle(2, 1, 0)
        return maps.reshape((batch, self.num_filters, rows, columns))
