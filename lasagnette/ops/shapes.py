"""Shape rules of convolution and pooling, on plain integers.

A length of ``None`` (unknown until run time) gives ``None``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

__all__ = [
    "as_pair",
    "check_channels",
    "check_conv",
    "check_shapes",
    "conv_copy_size",
    "conv_output_length",
    "conv_output_shape",
    "conv_padding",
    "pool_output_length",
]

Pad = str | int | tuple[int, int]


def as_pair(value: Any, name: str) -> tuple[int, int]:
    """Return ``value`` as a pair of ints (an int stands for both directions).

    Raises
    ------
    ValueError
        If ``value`` is neither an int nor two ints.
    """
    if hasattr(value, "__index__"):
        value = (value, value)
    items = tuple(value) if isinstance(value, Iterable) else ()
    if len(items) != 2 or not all(hasattr(v, "__index__") for v in items):
        raise ValueError(f"{name} must be an int or a pair of ints, got {value!r}")
    return int(items[0]), int(items[1])


def conv_padding(pad: Pad, filter_size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Normalise the forms of ``pad`` to rows and columns of zeros (top, bottom, left, right).

    Parameters
    ----------
    pad : {'valid', 'same', 'full'}, int or pair of int
        'same' keeps the size; for an even filter the extra zero goes to the top and left,
        as in Lasagne.
    filter_size : pair of int
        Rows and columns that the filter spans, ``(size - 1) * dilation + 1``.

    Raises
    ------
    ValueError
        If ``pad`` has another form or is negative.
    """
    if isinstance(pad, str):
        if pad not in ("valid", "same", "full"):
            raise ValueError(
                f"conv2d: pad must be 'valid', 'same', 'full', an int or a pair of ints, "
                f"got {pad!r}"
            )
        sides = {
            "valid": [(0, 0) for _ in filter_size],
            "same": [(k // 2, (k - 1) // 2) for k in filter_size],
            "full": [(k - 1, k - 1) for k in filter_size],
        }[pad]
    else:
        rows, columns = as_pair(pad, "conv2d: pad")
        if rows < 0 or columns < 0:
            raise ValueError(f"conv2d: pad must not be negative, got {pad!r}")
        sides = [(rows, rows), (columns, columns)]
    return (*sides[0], *sides[1])


# Kernels number the values of one padded image with 32 bits.
MAX_IMAGE = 2**31 - 2**16


def check_conv(
    x: tuple[int, ...],
    w: tuple[int, ...],
    bias: tuple[int, ...] | None = None,
    g: tuple[int, ...] | None = None,
    *,
    pad: tuple[int, int, int, int] = (0, 0, 0, 0),
    stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
    groups: int = 1,
) -> None:
    """Refuse shapes of input, filters, bias and output gradient that do not fit each other.

    Raises
    ------
    ValueError
        If the channels differ, the filters are empty or do not divide into the groups, the bias
        has not one number per filter, the gradient has not the output's shape, or one padded image
        has too many values.
    """
    if min(w[2:]) < 1:
        raise ValueError(f"conv2d: the filters must have rows and columns, got shape {w!r}")
    if x[1] != w[1] * groups:
        among = f" for each of {groups} groups" if groups > 1 else ""
        raise ValueError(f"conv2d: the input has {x[1]} channels, the filters have {w[1]}{among}")
    if w[0] % groups:
        raise ValueError(f"conv2d: {w[0]} filters cannot be divided into {groups} groups")
    if bias is not None and bias != w[:1]:
        raise ValueError(f"conv2d: the bias must have shape {w[:1]!r}, got {bias!r}")
    size = conv_copy_size(x, w, pad, stride, dilation, groups)
    if size > MAX_IMAGE:
        raise ValueError(
            f"conv2d: one padded image may have {MAX_IMAGE} values, got {size} from input {x!r}, "
            f"filters {w!r}, padding {pad!r} and stride {stride!r}; cut it into pieces"
        )
    if g is not None and g != conv_output_shape(x, w, pad, stride, dilation):
        raise ValueError(
            f"conv2d: the gradient of an output of shape "
            f"{conv_output_shape(x, w, pad, stride, dilation)!r} is needed (input {x!r}, filters "
            f"{w!r}), got {g!r}"
        )


def check_shapes(who: str, wanted: tuple[int, ...], *got: tuple[int, ...]) -> None:
    """Refuse shapes other than the one that is needed.

    Raises
    ------
    ValueError
        If one is another.
    """
    for shape in got:
        if tuple(shape) != tuple(wanted):
            raise ValueError(f"{who}: an array of shape {wanted!r} is needed, got {shape!r}")


def conv_copy_size(
    x: tuple[int, ...],
    w: tuple[int, ...],
    pad: tuple[int, int, int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
    groups: int,
) -> int:
    """Values in the larger of the padded copies that the kernels make of an image.

    One is of the input, in ``stride`` x ``stride`` phases; the other, for the gradient, of the
    output spread to the input's size.
    """
    _, filters, rows, columns = conv_output_shape(x, w, pad, stride, dilation)
    reach = [(w[2 + a] - 1) * dilation[a] for a in (0, 1)]
    phases = (rows + reach[0] // stride[0]) * (columns + reach[1] // stride[1])
    forward = x[1] // groups * stride[0] * stride[1] * phases
    return max(forward, filters // groups * (x[2] + reach[0]) * (x[3] + reach[1]))


def check_channels(x: tuple[int, ...], *parameters: tuple[int, ...]) -> None:
    """Refuse shapes of parameters that have not one number for each channel of the input.

    Raises
    ------
    ValueError
        If one has another shape.
    """
    for shape in parameters:
        if shape != x[1:2]:
            raise ValueError(
                f"normalize: a parameter needs one number for each of the {x[1]} channels, "
                f"got shape {shape!r}"
            )


def conv_output_shape(
    x: tuple[int, ...],
    w: tuple[int, ...],
    pad: tuple[int, int, int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
) -> tuple[int, int, int, int]:
    """Shape of a convolution's output, from the shapes of input and filters."""
    rows = (x[2] + pad[0] + pad[1] - (w[2] - 1) * dilation[0] - 1) // stride[0] + 1
    columns = (x[3] + pad[2] + pad[3] - (w[3] - 1) * dilation[1] - 1) // stride[1] + 1
    return x[0], w[0], max(0, rows), max(0, columns)


def conv_output_length(
    length: int | None,
    filter_length: int,
    stride: int,
    before: int,
    after: int,
    dilation: int = 1,
) -> int | None:
    """Length of a convolution's output along one direction.

    Parameters
    ----------
    length : int or None
        Input length.
    filter_length, stride : int
    before, after : int
        Zeros added at the two ends.
    dilation : int
        Step between the filter's taps.
    """
    if length is None:
        return None
    reach = (filter_length - 1) * dilation
    return max(0, (length + before + after - reach - 1) // stride + 1)


def pool_output_length(
    length: int | None, size: int, stride: int, pad: int, ignore_border: bool
) -> int | None:
    """Length of a pooling's output along one direction (Theano's and Lasagne's rule).

    Parameters
    ----------
    length : int or None
        Input length.
    size, stride, pad : int
        Window, step, and padding at both ends.
    ignore_border : bool
        Whether a last, incomplete window is dropped.
    """
    if length is None:
        return None
    if ignore_border:
        return max(0, (length + 2 * pad - size) // stride + 1)
    if stride >= size:
        return (length + stride - 1) // stride
    return max(0, (length - size + stride - 1) // stride) + 1
