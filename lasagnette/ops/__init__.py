"""Convolution, pooling, normalisation, dropout masks: the Ops that PyTensor does not ship.

The symbolic functions are :func:`conv2d`, :func:`conv2d_transpose`, :func:`pool2d`,
:func:`batch_statistics`, :func:`normalize`, :func:`relu` and :func:`dropout_mask`; what computes
them is chosen in :mod:`lasagnette.ops.kernels`, and :mod:`lasagnette.ops.fusion` puts several of
them into one pass.
"""

from lasagnette.ops import dispatch, dot, fusion, kernels
from lasagnette.ops.batch_norm import batch_statistics, normalize
from lasagnette.ops.conv import conv2d, conv2d_transpose
from lasagnette.ops.dropout import dropout_mask
from lasagnette.ops.pool import pool2d
from lasagnette.ops.relu import relu
from lasagnette.ops.shapes import conv_output_length, conv_padding, pool_output_length

__all__ = [
    "batch_statistics",
    "conv2d",
    "conv2d_transpose",
    "conv_output_length",
    "conv_padding",
    "dispatch",
    "dot",
    "dropout_mask",
    "fusion",
    "kernels",
    "normalize",
    "pool2d",
    "pool_output_length",
    "relu",
]
