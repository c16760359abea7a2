"""The Inception net: is this square a face? Output 0 is "background", output 1 is "face".

"Deep learning in the garage", part 2 ("Two networks"), after Szegedy et al., "Going deeper with
convolutions", CVPR 2015, without the branch that pools. Map sides: 64, 33, 17, 9.

What the article could not do is built here, too: the branch that pools (3 x 3, stride 1, padded,
then 1 x 1), and a fourth module.
"""

from __future__ import annotations

from typing import Any

from lasagnette.layers import ConcatLayer, InputLayer, Layer, MaxPool2DLayer
from nets.blocks import Drop, conv, dense, output
from nets.registry import register

__all__ = [
    "build_net64_inception",
    "build_net64_inception4",
    "build_net64_inception4_pool",
    "build_net64_inception_pool",
]

Module = tuple[int, tuple[int, int], tuple[int, int]]
MODULES: tuple[Module, ...] = (
    (32, (48, 64), (8, 16)),
    (64, (64, 96), (16, 48)),
    (96, (48, 104), (8, 24)),
)
FOURTH: Module = (128, (64, 128), (16, 32))  # not printed: a little wider than the third
POOLED = (16, 24, 32, 48)  # filters of the branch that pools; not printed


def _module(net: Layer, filters: Module, pooled: int, name: str, normalise: bool) -> Layer:
    """Branches side by side (1 x 1; 1 x 1, 3 x 3; 1 x 1, 5 x 5; pooled, 1 x 1), then max pooling.

    The last branch is left out where it has no filters.
    """
    one, (to_three, three), (to_five, five) = filters
    branch1 = conv(net, one, 1, f"{name}_1x1", normalise)
    branch2 = conv(net, to_three, 1, f"{name}_to3x3", normalise)
    branch2 = conv(branch2, three, 3, f"{name}_3x3", normalise)
    branch3 = conv(net, to_five, 1, f"{name}_to5x5", normalise)
    branch3 = conv(branch3, five, 5, f"{name}_5x5", normalise)
    branches = [branch1, branch2, branch3]
    if pooled:
        around = MaxPool2DLayer(net, (3, 3), stride=1, pad=(1, 1))
        branches.append(conv(around, pooled, 1, f"{name}_pool", normalise))
    return MaxPool2DLayer(ConcatLayer(branches, axis=1, name=name), (2, 2), pad=(1, 1))


def _inception(input_var: Any, modules: int, pooled: bool, normalise: bool, drop: Drop) -> Layer:
    net: Layer = InputLayer((None, 3, 64, 64), input_var, name="input")
    net = drop(net, 0.1)
    for number, filters in enumerate((*MODULES, FOURTH)[:modules]):
        of_pool = POOLED[number] if pooled else 0
        net = _module(net, filters, of_pool, f"module{number + 1}", normalise)
    net = dense(drop(net, 0.5), 256, "dense1", normalise)
    return output(drop(net, 0.5), 2)


@register("net64_inception", side=64, classes=2)
def build_net64_inception(input_var: Any, *, faithful: bool, batch_norm: bool, drop: Drop) -> Layer:
    """Three Inception modules, 3 x 64 x 64; see :func:`nets.registry.build`.

    The default is the printed net, so that `faithful` changes nothing. The article reports that
    `batch_norm` destroyed it.
    """
    return _inception(input_var, 3, False, batch_norm, drop)


@register("net64_inception_pool", side=64, classes=2)
def build_net64_inception_pool(
    input_var: Any, *, faithful: bool, batch_norm: bool, drop: Drop
) -> Layer:
    """net64_inception with the branch that pools in every module."""
    return _inception(input_var, 3, True, batch_norm, drop)


@register("net64_inception4", side=64, classes=2)
def build_net64_inception4(
    input_var: Any, *, faithful: bool, batch_norm: bool, drop: Drop
) -> Layer:
    """net64_inception with a fourth module; map sides 64, 33, 17, 9, 5."""
    return _inception(input_var, 4, False, batch_norm, drop)


@register("net64_inception4_pool", side=64, classes=2)
def build_net64_inception4_pool(
    input_var: Any, *, faithful: bool, batch_norm: bool, drop: Drop
) -> Layer:
    """Four modules, each with the branch that pools."""
    return _inception(input_var, 4, True, batch_norm, drop)
