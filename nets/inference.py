"""Running a net of layers without a compiler.

PyTensor's default mode compiles for half a minute; here the graph runs as plain Python over Ops
whose work is done in kernels and NumPy. Such a graph must end in logits: PyTensor's softmax is a
graph of its own that would be compiled. Trained nets of the detector run as :mod:`nets.plan`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytensor

from lasagnette.layers import InputLayer, Layer, get_all_layers, get_output
from lasagnette.utils import interpreted_mode

__all__ = ["forward"]


def forward(layer: Layer) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that runs the net, dropout off, on batches.

    Parameters
    ----------
    layer : Layer
        Output layer of a net whose outputs are logits.

    Returns
    -------
    callable
        From float32 ``(batch, channels, rows, columns)``, scaled, to float32 logits
        ``(batch, classes)``. An empty batch gives an empty result.

    Raises
    ------
    TypeError
        If the net has no InputLayer.
    """
    first = get_all_layers(layer)[0]
    if not isinstance(first, InputLayer):
        raise TypeError(f"forward: the net must begin with an InputLayer, got {first!r}")
    output = get_output(layer, deterministic=True)
    function = pytensor.function([first.input_var], output, mode=interpreted_mode())
    classes = int(layer.output_shape[1] or 0)

    def run(batch: np.ndarray) -> np.ndarray:
        if not len(batch):
            return np.empty((0, classes), np.float32)
        return function(np.asarray(batch, np.float32))

    return run
