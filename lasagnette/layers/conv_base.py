"""What convolutional layers of any number of directions share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from lasagnette import init, nonlinearities, ops
from lasagnette.layers.base import Layer, Shape, as_nonlinearity
from lasagnette.utils import as_tuple, inspect_kwargs

__all__ = [
    "BaseConvLayer",
    "conv_input_length",
    "conv_output_length",
    "conv_zeros",
    "tap_filters",
]


def conv_zeros(filter_size: int, pad: int | str) -> tuple[int, int]:
    """Return how many zeros a convolution adds before and after the input's one direction.

    Parameters
    ----------
    filter_size : int
    pad : int, 'valid', 'same' or 'full'

    Raises
    ------
    ValueError
        If `pad` is something else.

    Examples
    --------
    >>> conv_zeros(4, "same"), conv_zeros(4, "full"), conv_zeros(4, 1)
    ((2, 1), (3, 3), (1, 1))
    """
    if not isinstance(pad, str):
        return pad, pad
    if pad == "valid":
        return 0, 0
    if pad == "same":
        return filter_size // 2, (filter_size - 1) // 2
    if pad == "full":
        return filter_size - 1, filter_size - 1
    raise ValueError(f"Invalid pad: it must be 'valid', 'same', 'full' or an int, got {pad!r}")


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

    Raises
    ------
    ValueError
        If `pad` is something else.

    Examples
    --------
    >>> conv_output_length(12, 3, 1), conv_output_length(12, 3, 2, pad="same")
    (10, 6)
    """
    return ops.conv_output_length(input_length, filter_size, stride, *conv_zeros(filter_size, pad))


def conv_input_length(
    output_length: int | None, filter_size: int, stride: int, pad: int | str = 0
) -> int | None:
    """Return the smallest length that a convolution takes to the given one in one direction.

    That is the length of a transposed convolution's output. Inputs that are longer by less than
    `stride` are taken to the same length.

    Parameters
    ----------
    output_length : int or None
        None, if not known, gives None.
    filter_size, stride : int
    pad : int, 'valid', 'same' or 'full'

    Raises
    ------
    ValueError
        If `pad` is something else.

    Examples
    --------
    >>> conv_input_length(6, 3, 2, pad="same"), conv_output_length(11, 3, 2, pad="same")
    (11, 6)
    """
    before, after = conv_zeros(filter_size, pad)
    if output_length is None:
        return None
    return (output_length - 1) * stride + filter_size - before - after


def tap_filters(rows: int, columns: int, dtype: str) -> np.ndarray:
    """Return filters ``(rows * columns, 1, rows, columns)`` of which each picks one pixel.

    A convolution with them gathers what a window of that size sees, and its transpose puts
    things back and adds them up: with padding, stride and gradient, and one Op to compile.

    Examples
    --------
    >>> tap_filters(2, 1, "float32")[:, 0, :, 0]
    array([[1., 0.],
           [0., 1.]], dtype=float32)
    """
    return np.eye(rows * columns, dtype=dtype).reshape((rows * columns, 1, rows, columns))


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
        Filters ``(num_filters, channels // num_groups, *filter_size)``.
    b : number, array, callable, shared variable, expression or None
        Biases; None for a layer without.
    nonlinearity : callable or None
        None for a linear layer.
    flip_filters : bool
        True: convolution; False: correlation, as in most other libraries.
    num_groups : int
        Channels and filters are cut into so many groups; a filter sees its group's channels
        only.
    n : int, optional
        Number of directions; the input's dimensions less two if not given.
    name : str, optional

    Raises
    ------
    ValueError
        If the input has another number of dimensions or of channels than the other arguments
        ask for, or a size is not positive.
    TypeError
        If `pad` is another word, or a size is not an int.
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
        num_groups: int = 1,
        n: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(incoming, **kwargs)
        who = type(self).__name__
        self.nonlinearity = as_nonlinearity(self, nonlinearity)
        self.n = len(self.input_shape) - 2 if n is None else n
        self.pad = self._normalized(pad)
        if len(self.input_shape) != self.n + 2:
            raise ValueError(
                f"{who}: Expected {self.n + 2} input dimensions (batch, channels and "
                f"{self.n} directions), got shape {self.input_shape!r}"
            )
        self.num_filters = num_filters
        self.filter_size = as_tuple(filter_size, self.n, int)
        self.stride = as_tuple(stride, self.n, int)
        if min(self.filter_size) < 1 or min(self.stride) < 1:
            raise ValueError(
                f"{who}: filter_size and stride must be positive, "
                f"got {filter_size!r} and {stride!r}"
            )
        self.flip_filters = flip_filters
        self.num_groups = num_groups
        self.untie_biases = untie_biases

        self.W = self.add_param(W, self.get_W_shape(), name="W")
        if b is None:
            self.b = None
        else:
            positions = self.output_shape[2:] if untie_biases else ()
            self.b = self.add_param(b, (num_filters, *positions), name="b", regularizable=False)

    def _normalized(self, pad: Any) -> Any:
        """Return `pad` as 'same', 'full' or one number per direction."""
        who = type(self).__name__
        if isinstance(pad, str):
            if pad not in ("valid", "same", "full"):
                raise TypeError(
                    f"{who}: pad must be 'valid', 'same', 'full', an int or an iterable of int, "
                    f"got {pad!r}"
                )
            return (0,) * self.n if pad == "valid" else pad
        numbers = as_tuple(pad, self.n, int)
        if min(numbers) < 0:
            raise ValueError(f"{who}: pad must not be negative, got {pad!r}")
        return numbers

    @property
    def _pads(self) -> tuple[int | str, ...]:
        """The padding of every direction."""
        return (self.pad,) * self.n if isinstance(self.pad, str) else self.pad

    def _channels(self) -> int:
        """Return the number of the input's channels, or raise if it does not suit the groups."""
        who = type(self).__name__
        channels = self.input_shape[1]
        if channels is None:
            raise ValueError(
                f"{who}: the number of channels must be known, got {self.input_shape!r}"
            )
        groups = self.num_groups
        if groups < 1 or channels % groups or self.num_filters % groups:
            raise ValueError(
                f"{who}: num_groups must be positive and divide the {channels} channels and "
                f"{self.num_filters} filters, got {groups!r}"
            )
        return channels

    def get_W_shape(self) -> tuple[int, ...]:
        """Return the filters' shape ``(num_filters, channels // num_groups, *filter_size)``."""
        return (self.num_filters, self._channels() // self.num_groups, *self.filter_size)

    def _filters(self) -> Any:
        """Return :attr:`W` with the static shape that the convolutions need."""
        if None in self.W.type.shape:  # a variable that was given may not tell its shape
            return pt.specify_shape(self.W, self.get_W_shape())
        return self.W

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        lengths = map(
            conv_output_length, input_shape[2:], self.filter_size, self.stride, self._pads
        )
        return (input_shape[0], self.num_filters, *lengths)

    def get_output_for(self, input: Any, **kwargs: Any) -> Variable:
        untied = self.b is not None and self.untie_biases
        if not untied and {"bias", "relu"} <= set(inspect_kwargs(self.convolve)):
            # Bias and relu go into the convolution's own pass over memory.
            relu = self.nonlinearity is nonlinearities.rectify
            activation = self.convolve(input, bias=self.b, relu=relu, **kwargs)
            return activation if relu else self.nonlinearity(activation)
        activation = self.convolve(input, **kwargs)
        if self.b is not None:
            positions = range(1, self.n + 1) if untied else "x" * self.n
            activation = activation + self.b.dimshuffle("x", 0, *positions)
        return self.nonlinearity(activation)

    def convolve(self, input: Any, **kwargs: Any) -> Variable:
        """Return the convolution with :attr:`W`, without biases and nonlinearity.

        A subclass's method that has the keywords ``bias=None`` and ``relu=False`` is asked to
        add tied biases (a vector) and to cut the result at zero, too.

        Parameters
        ----------
        input : expression
        **kwargs
            The keywords of :meth:`get_output_for`.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define convolve()")
