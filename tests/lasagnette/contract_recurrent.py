"""Cases of the layer contract: recurrent.

CASES: a name, the shapes that come in (without the batch), and how to build the layer.
ARGUMENTS: what a class needs beside the incoming layer.
"""

from __future__ import annotations

from typing import Any

import lasagnette.layers as L
from lasagnette import nonlinearities

SEQUENCES = [(3, 4)]
MASKED = [(3, 4), (3,)]
STARTED = [(3, 4), (2,)]


def input_to_hidden() -> Any:
    return L.DenseLayer(L.InputLayer((None, 4)), 2)


def hidden_to_hidden() -> Any:
    return L.DenseLayer(L.InputLayer((None, 2)), 2)


CASES: dict[str, Any] = {
    "recurrent": (SEQUENCES, lambda i: L.RecurrentLayer(i, 2)),
    "recurrent backwards": (
        MASKED,
        lambda i: L.RecurrentLayer(
            i[0], 1, mask_input=i[1], backwards=True, nonlinearity=nonlinearities.tanh
        ),
    ),
    "recurrent custom": (
        SEQUENCES,
        lambda i: L.CustomRecurrentLayer(
            i, input_to_hidden(), hidden_to_hidden(), precompute_input=False
        ),
    ),
    "lstm": (MASKED, lambda i: L.LSTMLayer(i[0], 2, mask_input=i[1], learn_init=True)),
    "lstm unrolled": (
        STARTED,
        lambda i: L.LSTMLayer(i[0], 2, hid_init=i[1], unroll_scan=True, peepholes=False),
    ),
    "gru": (SEQUENCES, lambda i: L.GRULayer(i, 2, learn_init=True, only_return_final=True)),
}

ARGUMENTS: dict[type, tuple] = {
    L.CustomRecurrentLayer: (input_to_hidden(), hidden_to_hidden()),
    L.GRULayer: (2,),
    L.LSTMLayer: (2,),
    L.RecurrentLayer: (2,),
}
