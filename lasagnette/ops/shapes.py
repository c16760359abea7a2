"""Shape rules of convolution and pooling, on plain integers.

A length of ``None`` (unknown until run time) gives ``None``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

__all__ = ["as_pair", "check_conv", "conv_output_length", "conv_padding", "pool_output_length"]

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
        Rows and columns of the filter.

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


def check_conv(x: tuple[int, ...], w: tuple[int, ...], bias: tuple[int, ...] | None = None) -> None:
    """Refuse shapes of input, filters and bias that do not fit each other.

    Raises
    ------
    ValueError
        If the channels differ, or the bias has not one number per filter.
    """
    if x[1] != w[1]:
        raise ValueError(f"conv2d: the input has {x[1]} channels, the filters have {w[1]}")
    if bias is not None and bias != w[:1]:
        raise ValueError(f"conv2d: the bias must have shape {w[:1]!r}, got {bias!r}")


def conv_output_length(
    length: int | None, filter_length: int, stride: int, before: int, after: int
) -> int | None:
    """Length of a convolution's output along one direction.

    Parameters
    ----------
    length : int or None
        Input length.
    filter_length, stride : int
    before, after : int
        Zeros added at the two ends.
    """
    if length is None:
        return None
    return max(0, (length + before + after - filter_length) // stride + 1)


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
