"""The smiley net: which of 17 smileys does this face make?

"Deep learning in the garage", part 3 ("The return of smileys"): net48 with batch normalisation
and less dropout. Map sides: 48, 24, 12, 6, 3.
"""

from __future__ import annotations

from typing import Any

from lasagnette.layers import InputLayer, Layer
from nets.blocks import Drop, conv_pool, dense, output
from nets.registry import register

__all__ = ["build_net_smiles"]


@register("net_smiles", side=48, classes=17)
def build_net_smiles(input_var: Any, *, faithful: bool, batch_norm: bool, drop: Drop) -> Layer:
    """The net, 3 x 48 x 48; see :func:`nets.registry.build` for the parameters.

    The default is the printed net, batch normalisation included, so that neither `faithful` nor
    `batch_norm` changes anything.
    """
    net: Layer = InputLayer((None, 3, 48, 48), input_var, name="input")
    net = drop(net, 0.1)
    net = conv_pool(net, 64, 5, "conv1", normalise=True)
    net = conv_pool(net, 64, 5, "conv2", normalise=True)
    net = conv_pool(net, 64, 3, "conv3", normalise=True)
    net = conv_pool(net, 64, 3, "conv4", normalise=True)
    net = dense(drop(net, 0.3), 256, "dense1", normalise=True)
    return output(drop(net, 0.3), 17)
