"""Layers and the functions that work on networks of them.

Arrays of images are ``(batch, channels, rows, columns)``.
"""

from lasagnette.layers.base import Layer, MergeLayer
from lasagnette.layers.conv import (
    BaseConvLayer,
    Conv1DLayer,
    Conv2DLayer,
    Conv3DLayer,
    Deconv2DLayer,
    Deconv3DLayer,
    DilatedConv2DLayer,
    TransposedConv2DLayer,
    TransposedConv3DLayer,
)
from lasagnette.layers.dense import DenseLayer, NINLayer
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
from lasagnette.layers.local import LocallyConnected2DLayer
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
    "Conv1DLayer",
    "Conv2DLayer",
    "Conv3DLayer",
    "Deconv2DLayer",
    "Deconv3DLayer",
    "DenseLayer",
    "DilatedConv2DLayer",
    "DropoutLayer",
    "ElemwiseMergeLayer",
    "ElemwiseSumLayer",
    "FlattenLayer",
    "InputLayer",
    "Layer",
    "LocallyConnected2DLayer",
    "MaxPool2DLayer",
    "MergeLayer",
    "NINLayer",
    "NonlinearityLayer",
    "Pool2DLayer",
    "ReshapeLayer",
    "TransposedConv2DLayer",
    "TransposedConv3DLayer",
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
