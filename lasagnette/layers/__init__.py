"""Layers and the functions that work on networks of them.

Arrays of images are ``(batch, channels, rows, columns)``.
"""

from lasagnette.layers.base import Layer, MergeLayer
from lasagnette.layers.conv import BaseConvLayer, Conv2DLayer
from lasagnette.layers.dense import DenseLayer
from lasagnette.layers.helper import (
    count_params,
    get_all_layers,
    get_all_param_values,
    get_all_params,
    get_output,
    get_output_shape,
    get_updates,
    set_all_param_values,
)
from lasagnette.layers.input import InputLayer
from lasagnette.layers.merge import (
    ConcatLayer,
    ElemwiseMergeLayer,
    ElemwiseSumLayer,
    autocrop,
    autocrop_array_shapes,
    concat,
)
from lasagnette.layers.noise import DropoutLayer, dropout
from lasagnette.layers.normalization import BatchNormLayer, batch_norm
from lasagnette.layers.pool import MaxPool2DLayer, Pool2DLayer
from lasagnette.layers.shape import FlattenLayer, ReshapeLayer, flatten, reshape
from lasagnette.layers.special import BiasLayer, NonlinearityLayer

__all__ = [
    "BaseConvLayer",
    "BatchNormLayer",
    "BiasLayer",
    "ConcatLayer",
    "Conv2DLayer",
    "DenseLayer",
    "DropoutLayer",
    "ElemwiseMergeLayer",
    "ElemwiseSumLayer",
    "FlattenLayer",
    "InputLayer",
    "Layer",
    "MaxPool2DLayer",
    "MergeLayer",
    "NonlinearityLayer",
    "Pool2DLayer",
    "ReshapeLayer",
    "autocrop",
    "autocrop_array_shapes",
    "batch_norm",
    "concat",
    "count_params",
    "dropout",
    "flatten",
    "get_all_layers",
    "get_all_param_values",
    "get_all_params",
    "get_output",
    "get_output_shape",
    "get_updates",
    "reshape",
    "set_all_param_values",
]
