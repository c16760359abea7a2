"""The detection nets: is this square a face? Output 0 is "background", output 1 is "face".

"Deep learning in the garage", part 1 ("Brotherhood of data") prints net12 and net48, with a relu
on the output: that is what ``faithful=True`` builds. Part 2 ("Two networks") names what is not
printed: a net of middle size, the same with the square at several resolutions, and a larger net48.
Those are this project's.
"""

from __future__ import annotations

from typing import Any

from lasagnette.layers import ConcatLayer, InputLayer, Layer, Pool2DLayer
from nets.blocks import Drop, conv, conv_pool, dense, output
from nets.registry import register

__all__ = ["build_net12", "build_net24", "build_net24_multi", "build_net48", "build_net48_large"]


@register("net12", side=12, classes=2)
def build_net12(input_var: Any, *, faithful: bool, batch_norm: bool, drop: Drop) -> Layer:
    """The small net, 3 x 12 x 12; see :func:`nets.registry.build` for the parameters."""
    net: Layer = InputLayer((None, 3, 12, 12), input_var, name="input")
    net = drop(net, 0.1)
    net = conv_pool(net, 16, 3, "conv1", batch_norm)
    net = dense(drop(net, 0.5), 16, "dense1", batch_norm)
    return output(drop(net, 0.5), 2, relu=faithful)


@register("net24", side=24, classes=2)
def build_net24(input_var: Any, *, faithful: bool, batch_norm: bool, drop: Drop) -> Layer:
    """The net of middle size, 3 x 24 x 24; see :func:`nets.registry.build`.

    Its place in the cascade is that of Li et al.'s 24-net (CVPR 2015), whose 64 filters of 5 x 5
    it replaces by three layers of 3 x 3, with five eighths of the multiplications.
    """
    net: Layer = InputLayer((None, 3, 24, 24), input_var, name="input")
    net = drop(net, 0.1)
    net = conv_pool(net, 32, 3, "conv1", batch_norm)
    net = conv_pool(net, 32, 3, "conv2", batch_norm)
    net = conv(net, 48, 3, "conv3", batch_norm)
    net = dense(drop(net, 0.3), 64, "dense1", batch_norm)
    return output(drop(net, 0.3), 2, relu=faithful)


@register("net24_multi", side=24, classes=2)
def build_net24_multi(input_var: Any, *, faithful: bool, batch_norm: bool, drop: Drop) -> Layer:
    """net24 that also sees the square at a half and a quarter of its resolution.

    The maps of all three are joined before the classifier.
    """
    full: Layer = InputLayer((None, 3, 24, 24), input_var, name="input")
    half: Layer = Pool2DLayer(full, 2, mode="average_inc_pad", name="half")
    quarter: Layer = Pool2DLayer(half, 2, mode="average_inc_pad", name="quarter")
    net = conv_pool(drop(full, 0.1), 32, 3, "conv1", batch_norm)
    net = conv_pool(net, 32, 3, "conv2", batch_norm)
    net = conv(net, 48, 3, "conv3", batch_norm)
    half = conv_pool(drop(half, 0.1), 16, 3, "half_conv1", batch_norm)
    quarter = conv(drop(quarter, 0.1), 16, 3, "quarter_conv1", batch_norm)
    net = ConcatLayer([net, half, quarter], axis=1, name="maps")
    net = dense(drop(net, 0.3), 64, "dense1", batch_norm)
    return output(drop(net, 0.3), 2, relu=faithful)


@register("net48", side=48, classes=2)
def build_net48(input_var: Any, *, faithful: bool, batch_norm: bool, drop: Drop) -> Layer:
    """The large net, 3 x 48 x 48; see :func:`nets.registry.build` for the parameters."""
    net: Layer = InputLayer((None, 3, 48, 48), input_var, name="input")
    net = drop(net, 0.1)
    net = conv_pool(net, 64, 5, "conv1", batch_norm)
    net = conv_pool(net, 64, 5, "conv2", batch_norm)
    net = conv_pool(net, 64, 3, "conv3", batch_norm)
    net = conv_pool(net, 64, 3, "conv4", batch_norm)
    net = dense(drop(net, 0.5), 256, "dense1", batch_norm)
    return output(drop(net, 0.5), 2, relu=faithful)


@register("net48_large", side=48, classes=2)
def build_net48_large(input_var: Any, *, faithful: bool, batch_norm: bool, drop: Drop) -> Layer:
    """The larger net48, 3 x 48 x 48; see :func:`nets.registry.build`.

    Half as many parameters again as net48, most of them where the maps are small, so that a
    window costs a third of the multiplications.
    """
    net: Layer = InputLayer((None, 3, 48, 48), input_var, name="input")
    net = drop(net, 0.1)
    net = conv_pool(net, 32, 3, "conv1", batch_norm)
    net = conv_pool(net, 64, 3, "conv2", batch_norm)
    net = conv_pool(net, 96, 3, "conv3", batch_norm)
    net = conv_pool(net, 128, 3, "conv4", batch_norm)
    net = dense(drop(net, 0.3), 256, "dense1", batch_norm)
    return output(drop(net, 0.3), 2, relu=faithful)
