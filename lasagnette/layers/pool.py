"""Pooling and upscaling layers.

They stand in one file per kind; here are all, under the name that Lasagne gives them.
"""

from lasagnette.layers.pool_features import FeaturePoolLayer, FeatureWTALayer, GlobalPoolLayer
from lasagnette.layers.pool_pyramid import SpatialPyramidPoolingLayer
from lasagnette.layers.pool_windows import (
    MaxPool1DLayer,
    MaxPool2DLayer,
    Pool1DLayer,
    Pool2DLayer,
    pool_2d,
    pool_output_length,
)
from lasagnette.layers.upscale import Upscale1DLayer, Upscale2DLayer, Upscale3DLayer

__all__ = [
    "FeaturePoolLayer",
    "FeatureWTALayer",
    "GlobalPoolLayer",
    "MaxPool1DLayer",
    "MaxPool2DLayer",
    "Pool1DLayer",
    "Pool2DLayer",
    "SpatialPyramidPoolingLayer",
    "Upscale1DLayer",
    "Upscale2DLayer",
    "Upscale3DLayer",
    "pool_2d",
    "pool_output_length",
]
