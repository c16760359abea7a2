"""The Inception net: is this square a face? Output 0 is "background", output 1 is "face".

"Deep learning in the garage", part 2 ("Two networks"), after Szegedy et al., "Going deeper with
convolutions", CVPR 2015, without the branch that pools. Map sides: 64, 33, 17, 9.
"""

from __future__ import annotations

from typing import Any

from lasagnette.layers import ConcatLayer, InputLayer, Layer, MaxPool2DLayer
from nets.blocks import Drop, conv, dense, output
from nets.registry import register

__all__ = ["build_net64_inception"]

Module = tuple[int, tuple[int, int], tuple[int, int]]


def _module(net: Layer, filters: Module, name: str, normalise: bool) -> Layer:
    """Three branches side by side (1 x 1; 1 x 1, 3 x 3; 1 x 1, 5 x 5), then max pooling."""
    one, (to_three, three), (to_five, five) = filters
    branch1 = conv(net, one, 1, f"{name}_1x1", normalise)
    branch2 = conv(net, to_three, 1, f"{name}_to3x3", normalise)
    branch2 = conv(branch2, three, 3, f"{name}_3x3", normalise)
    branch3 = conv(net, to_five, 1, f"{name}_to5x5", normalise)
    branch3 = conv(branch3, five, 5, f"{name}_5x5", normalise)
    net = ConcatLayer([branch1, branch2, branch3], axis=1, name=name)
    return MaxPool2DLayer(net, (2, 2), pad=(1, 1))


@register("net64_inception", side=64, classes=2)
def build_net64_inception(input_var: Any, *, faithful: bool, batch_norm: bool, drop: Drop) -> Layer:
    """Three Inception modules, 3 x 64 x 64; see :func:`nets.registry.build`.

    The default is the printed net, so that `faithful` changes nothing. The article reports that
    `batch_norm` destroyed it.
    """
    net: Layer = InputLayer((None, 3, 64, 64), input_var, name="input")
    net = drop(net, 0.1)
    net = _module(net, (32, (48, 64), (8, 16)), "module1", batch_norm)
    net = _module(net, (64, (64, 96), (16, 48)), "module2", batch_norm)
    net = _module(net, (96, (48, 104), (8, 24)), "module3", batch_norm)
    net = dense(drop(net, 0.5), 256, "dense1", batch_norm)
    return output(drop(net, 0.5), 2)
