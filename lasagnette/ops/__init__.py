"""Convolution, pooling and dropout masks: the Ops that PyTensor does not ship.

The symbolic functions are :func:`conv2d`, :func:`conv2d_transpose`, :func:`pool2d` and
:func:`dropout_mask`; what computes them is chosen in :mod:`lasagnette.ops.kernels`.
"""

from lasagnette.ops import conv_pool, dispatch, kernels
from lasagnette.ops.conv import conv2d, conv2d_transpose
from lasagnette.ops.dropout import dropout_mask
from lasagnette.ops.pool import pool2d
from lasagnette.ops.shapes import conv_output_length, conv_padding, pool_output_length

__all__ = [
    "conv2d",
    "conv2d_transpose",
    "conv_output_length",
    "conv_padding",
    "conv_pool",
    "dispatch",
    "dropout_mask",
    "kernels",
    "pool2d",
    "pool_output_length",
]
