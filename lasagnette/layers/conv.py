"""Convolutional layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from lasagnette import init, nonlinearities, ops
from lasagnette.layers.base import Layer, Shape
from lasagnette.utils import as_tuple

__all__ = ["BaseConvLayer", "Conv2DLayer", "conv_output_length"]


def conv_output_length(
    input_length: int | None, filter_size: int, stride: int, pad: int | str = 0
) -> int | None:
    """Return the length of a convolution's output along one direction.

    Parameters
    ----------
    input_length : int or None
        None, if not known, gives None.
    filter_size, stride : int
    pad : int, 'valid', 'same' or 'full'

    Examples
    --------
    >>> conv_output_length(12, 3, 1), conv_output_length(12, 3, 2, pad="same")
    (10, 6)
    """
    if isinstance(pad, int):
        before = after = pad
    else:
        before, after = {
            "valid": (0, 0),
            "same": (filter_size // 2, (filter_size - 1) // 2),
            "full": (filter_size - 1, filter_size - 1),
        }[pad]
    return ops.conv_output_length(input_length, filter_size, stride, before, after)


class BaseConvLayer(Layer):
    """What convolutional layers of any number of directions share.

    Subclasses define :meth:`convolve`.

    Parameters
    ----------
    incoming : Layer or tuple
        Output of shape ``(batch, channels, *directions)``.
    num_filters : int
    filter_size : int or tuple of int
        An int stands for all directions.
    stride : int or tuple of int
    pad : int, tuple of int, 'valid', 'same' or 'full'
        Zeros around the input: a number per direction; none; so many that the output of
        stride 1 has the input's size (for an even filter, the extra one goes before); or so
        many that every partial overlap counts.
    untie_biases : bool
        False: one bias per filter; True: one per filter and position, for which the input's
        size must be known.
    W : number, array, callable, shared variable or expression
        Filters ``(num_filters, channels, *filter_size)``.
    b : number, array, callable, shared variable, expression or None
        Biases; None for a layer without.
    nonlinearity : callable or None
        None for a linear layer.
    flip_filters : bool
        True: convolution; False: correlation, as in most other libraries.
    n : int, optional
        Number of directions; the input's dimensions less two if not given.
    name : str, optional
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
        n: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(incoming, **kwargs)
        who = type(self).__name__
        self.nonlinearity = nonlinearities.identity if nonlinearity is None else nonlinearity
        self.n = len(self.input_shape) - 2 if n is None else n
        if len(self.input_shape) != self.n + 2:
            raise ValueError(
                f"{who}: the input must have {self.n + 2} dimensions (batch, channels and "
                f"{self.n} directions), got shape {self.input_shape!r}"
            )
        if self.input_shape[1] is None:
            raise ValueError(
                f"{who}: the number of channels must be known, got {self.input_shape!r}"
            )
        self.num_filters = num_filters
        self.filter_size = as_tuple(filter_size, self.n, int)
        self.stride = as_tuple(stride, self.n, int)
        if min(self.filter_size) < 1 or min(self.stride) < 1:
            raise ValueError(
                f"{who}: filter_size and stride must be positive, "
                f"got {filter_size!r} and {stride!r}"
            )
        self.pad = self._normalized(pad)
        self.flip_filters = flip_filters
        self.untie_biases = untie_biases

        self.W = self.add_param(W, self.get_W_shape(), name="W")
        if b is None:
            self.b = None
        else:
            positions = self.output_shape[2:] if untie_biases else ()
            self.b = self.add_param(b, (num_filters, *positions), name="b", regularizable=False)

    def _normalized(self, pad: Any) -> Any:
        """Return `pad` as 'same', 'full' or one number per direction."""
        if isinstance(pad, str):
            if pad not in ("valid", "same", "full"):
                raise ValueError(
                    f"{type(self).__name__}: pad must be 'valid', 'same', 'full', an int or "
                    f"{self.n} ints, got {pad!r}"
                )
            return (0,) * self.n if pad == "valid" else pad
        return as_tuple(pad, self.n, int)

    def get_W_shape(self) -> tuple[int, ...]:
        """Return the filters' shape ``(num_filters, channels, *filter_size)``."""
        channels = self.input_shape[1]
        assert channels is not None
        return (self.num_filters, channels, *self.filter_size)

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        pads = (self.pad,) * self.n if isinstance(self.pad, str) else self.pad
        lengths = map(conv_output_length, input_shape[2:], self.filter_size, self.stride, pads)
        return (input_shape[0], self.num_filters, *lengths)

    def get_output_for(self, input: Any, **kwargs: Any) -> Variable:
        # A relu of tied biases goes into the convolution's own pass over memory.
        fused = self.nonlinearity is nonlinearities.rectify and not self._adds_bias_after()
        activation = self.convolve(input, relu=fused)
        if self._adds_bias_after():
            activation = activation + self.b[None]  # type: ignore[index]
        return activation if fused else self.nonlinearity(activation)

    def _adds_bias_after(self) -> bool:
        return self.b is not None and self.untie_biases

    def convolve(self, input: Any, relu: bool) -> Variable:
        """Return the convolution with :attr:`W`, plus the biases if they are tied.

        Parameters
        ----------
        input : expression
        relu : bool
            Whether to cut the result at zero.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define convolve()")


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
        the output of stride 1 has the input's size (for an even filter, the extra row and
        column go above and to the left); or so many that every partial overlap counts.
    untie_biases : bool
        False: biases ``(num_filters,)``; True: one per position, ``(num_filters, rows,
        columns)`` of the output.
    W : number, array, callable, shared variable or expression
        Filters ``(num_filters, channels, filter rows, filter columns)``; see
        :func:`lasagnette.utils.create_param`.
    b : number, array, callable, shared variable, expression or None
        Biases; None for a layer without.
    nonlinearity : callable or None
        None for a linear layer.
    flip_filters : bool
        True (default): convolution, which flips the filters; False: correlation, as in most
        other libraries. Weights trained with one need the same setting or flipped filters.
    name : str, optional

    Examples
    --------
    >>> Conv2DLayer((None, 3, 48, 48), num_filters=64, filter_size=5).output_shape
    (None, 64, 44, 44)
    >>> Conv2DLayer((None, 3, 48, 48), num_filters=64, filter_size=(5, 5), pad="same").output_shape
    (None, 64, 48, 48)
    >>> Conv2DLayer((None, 3, 48, None), 64, 3, stride=2, pad=1).output_shape
    (None, 64, 24, None)
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
            n=2,
            **kwargs,
        )

    def convolve(self, input: Any, relu: bool) -> Variable:
        W = self.W
        if None in W.type.shape:
            # A given variable may not tell its shape; the convolution needs the filters'.
            W = pt.specify_shape(W, self.get_W_shape())
        return ops.conv2d(
            input,
            W,
            None if self._adds_bias_after() else self.b,
            pad=self.pad,
            stride=self.stride,
            flip_filters=self.flip_filters,
            relu=relu,
        )
