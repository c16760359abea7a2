"""The calibration nets: by how much is this square off the face?

An output is one of 45 classes, 5 scales times 9 shifts (Li et al., "A convolutional neural network
cascade for face detection", CVPR 2015). "Deep learning in the garage", part 2 ("Two networks")
prints net12_cal and net48_cal; net24_cal it only names.
"""

from __future__ import annotations

from typing import Any

from lasagnette.layers import InputLayer, Layer
from nets.blocks import Drop, conv, conv_pool, dense, output
from nets.registry import register

__all__ = ["build_net12_cal", "build_net24_cal", "build_net48_cal"]


@register("net12_cal", side=12, classes=45)
def build_net12_cal(input_var: Any, *, faithful: bool, batch_norm: bool, drop: Drop) -> Layer:
    """The small net, 3 x 12 x 12; see :func:`nets.registry.build` for the parameters.

    The default is the printed net, so that `faithful` changes nothing.
    """
    net: Layer = InputLayer((None, 3, 12, 12), input_var, name="input")
    net = drop(net, 0.1)
    net = conv_pool(net, 16, 3, "conv1", batch_norm)
    net = dense(drop(net, 0.5), 128, "dense1", batch_norm)
    return output(drop(net, 0.5), 45)


@register("net24_cal", side=24, classes=45)
def build_net24_cal(input_var: Any, *, faithful: bool, batch_norm: bool, drop: Drop) -> Layer:
    """The net of middle size, 3 x 24 x 24; see :func:`nets.registry.build`.

    After Li et al.'s 24-calibration-net (32 filters of 5 x 5, 64 dense units), with a second
    convolution and smaller filters; `faithful` changes nothing.
    """
    net: Layer = InputLayer((None, 3, 24, 24), input_var, name="input")
    net = drop(net, 0.1)
    net = conv_pool(net, 32, 3, "conv1", batch_norm)
    net = conv_pool(net, 32, 3, "conv2", batch_norm)
    net = dense(drop(net, 0.3), 128, "dense1", batch_norm)
    return output(drop(net, 0.3), 45)


@register("net48_cal", side=48, classes=45)
def build_net48_cal(input_var: Any, *, faithful: bool, batch_norm: bool, drop: Drop) -> Layer:
    """The large net, 3 x 48 x 48; see :func:`nets.registry.build` for the parameters.

    `faithful` leaves out the second pooling, as printed: the maps stay at 24 x 24 and the net
    has 9.6 million parameters instead of 2.5 million.
    """
    net: Layer = InputLayer((None, 3, 48, 48), input_var, name="input")
    net = drop(net, 0.1)
    net = conv_pool(net, 64, 5, "conv1", batch_norm)
    net = (conv if faithful else conv_pool)(net, 64, 5, "conv2", batch_norm)
    net = dense(drop(net, 0.3), 256, "dense1", batch_norm)
    return output(drop(net, 0.3), 45)
