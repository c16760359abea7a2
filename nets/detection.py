"""The detection nets: is this square a face? Output 0 is "background", output 1 is "face".

"Deep learning in the garage", part 1 ("Brotherhood of data") prints both, with a relu on the
output: that is what ``faithful=True`` builds. Map sides: 12, 6; and 48, 24, 12, 6, 3.
"""

from __future__ import annotations

from typing import Any

from lasagnette.layers import InputLayer, Layer, dropout
from nets.blocks import conv_pool, dense, output
from nets.registry import register

__all__ = ["build_net12", "build_net48"]


@register("net12", side=12, classes=2)
def build_net12(
    input_var: Any = None, *, faithful: bool = False, batch_norm: bool = False
) -> Layer:
    """The small net, 3 x 12 x 12; see :func:`nets.registry.build` for the parameters."""
    net: Layer = InputLayer((None, 3, 12, 12), input_var, name="input")
    net = dropout(net, p=0.1)
    net = conv_pool(net, 16, 3, "conv1", batch_norm)
    net = dense(net, 0.5, 16, "dense1", batch_norm)
    return output(net, 0.5, 2, relu=faithful)


@register("net48", side=48, classes=2)
def build_net48(
    input_var: Any = None, *, faithful: bool = False, batch_norm: bool = False
) -> Layer:
    """The large net, 3 x 48 x 48; see :func:`nets.registry.build` for the parameters."""
    net: Layer = InputLayer((None, 3, 48, 48), input_var, name="input")
    net = dropout(net, p=0.1)
    net = conv_pool(net, 64, 5, "conv1", batch_norm)
    net = conv_pool(net, 64, 5, "conv2", batch_norm)
    net = conv_pool(net, 64, 3, "conv3", batch_norm)
    net = conv_pool(net, 64, 3, "conv4", batch_norm)
    net = dense(net, 0.5, 256, "dense1", batch_norm)
    return output(net, 0.5, 2, relu=faithful)
