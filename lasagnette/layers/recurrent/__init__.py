"""Recurrent layers: sequences ``(batch, steps, features)`` in, states of every step out.

The loops are PyTensor's scans, or written out with ``unroll_scan=True``.

Examples
--------
A batch of sequences of several lengths: the shorter ones are padded, and a mask says which
steps count. Where the mask is 0, the state is carried over, so that the final state is the one
after the last step that counts.

>>> import numpy as np
>>> import pytensor
>>> import pytensor.tensor as pt
>>> import lasagnette.layers as L
>>> words = [[3, 1, 4], [1], [5, 9]]
>>> steps = max(len(s) for s in words)
>>> padded = np.zeros((len(words), steps), dtype="int32")
>>> mask = np.zeros((len(words), steps), dtype="int8")
>>> for row, sequence in enumerate(words):
...     padded[row, : len(sequence)] = sequence
...     mask[row, : len(sequence)] = 1
>>> mask
array([[1, 1, 1],
       [1, 0, 0],
       [1, 1, 0]], dtype=int8)

The number of sequences and of steps may change from batch to batch; every class of the
network's output gets a score per sequence (the mode is for a quick example):

>>> from lasagnette.utils import interpreted_mode
>>> l_words = L.InputLayer((None, None), input_var=pt.imatrix("words"))
>>> l_mask = L.InputLayer((None, None), input_var=pt.bmatrix("mask"))
>>> net = L.EmbeddingLayer(l_words, input_size=10, output_size=6)
>>> net = L.LSTMLayer(net, num_units=8, mask_input=l_mask, only_return_final=True)
>>> net = L.DenseLayer(net, num_units=2, nonlinearity=None)
>>> f = pytensor.function(
...     [l_words.input_var, l_mask.input_var], L.get_output(net), mode=interpreted_mode()
... )
>>> f(padded, mask).shape
(3, 2)

What lies in the padding does not matter:

>>> other = np.where(mask, padded, 7).astype("int32")
>>> bool((f(other, mask) == f(padded, mask)).all())
True

An output for every step needs no reshaping: ``L.DenseLayer(l_lstm, 2, num_leading_axes=2)``.
"""

from lasagnette.layers.recurrent.base import BaseRecurrentLayer
from lasagnette.layers.recurrent.custom import CustomRecurrentLayer, RecurrentLayer
from lasagnette.layers.recurrent.gates import Gate
from lasagnette.layers.recurrent.gru import GRULayer
from lasagnette.layers.recurrent.lstm import LSTMLayer

__all__ = [
    "BaseRecurrentLayer",
    "CustomRecurrentLayer",
    "GRULayer",
    "Gate",
    "LSTMLayer",
    "RecurrentLayer",
]
