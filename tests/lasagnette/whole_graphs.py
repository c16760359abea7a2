"""A dozen whole graphs, from inputs to updates, that between them have most layers.

All are small: what is tested with them is compiled. GRAPHS maps names to functions that build
one in float32.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt

import lasagnette.layers as L
from lasagnette import nonlinearities, objectives, updates
from nets import registry

BATCH = 6

linear = nonlinearities.linear


@dataclass
class Graph:
    """A network with its loss.

    Attributes
    ----------
    layer : Layer
        Its trainable parameters are those that the loss is differentiated by.
    given : dict of variable to array
        The inputs, with values.
    loss : scalar variable
    outputs : list of variable
        What else is compared.
    rule : callable
        Takes gradients and parameters, returns updates.
    updates : dict
        Updates beyond those of the rule and of :func:`lasagnette.layers.get_updates`.
    """

    layer: L.Layer
    given: dict[Any, np.ndarray]
    loss: Any
    outputs: list[Any]
    rule: Callable[..., Any] = lambda grads, params: updates.sgd(grads, params, 0.1)
    updates: dict[Any, Any] = field(default_factory=dict)


def of_images(net: Any, rng: np.random.Generator, **options: Any) -> Graph:
    """Return the graph of a network of images that learns numbers by heart."""
    l_in, output = L.get_all_layers(net)[0], L.get_output(net)
    y = output.type("y")
    loss = objectives.squared_error(output, y).mean()
    given = {
        l_in.input_var: rng.normal(size=(BATCH, *l_in.shape[1:])).astype("float32"),
        y: rng.normal(size=(BATCH, *net.output_shape[1:])).astype("float32"),
    }
    return Graph(net, given, loss, [output, L.get_output(net, deterministic=True)], **options)


def net12(rng: np.random.Generator) -> Graph:
    """As it is trained, with Adam and cross-entropy."""
    net, y = registry.build("net12"), pt.ivector("y")
    graph = of_images(net, rng, rule=lambda grads, params: updates.adam(grads, params, 0.01))
    x, _ = graph.given
    labels = rng.integers(2, size=BATCH).astype("int32")
    return replace(
        graph,
        given={x: graph.given[x], y: labels},
        loss=objectives.categorical_crossentropy_logits(graph.outputs[0], y).mean(),
    )


def net12_batch_norm(rng: np.random.Generator) -> Graph:
    return of_images(registry.build("net12", batch_norm=True), rng)


def net48(rng: np.random.Generator) -> Graph:
    """A pooled convolution of a pooled convolution."""
    net: Any = L.dropout(L.InputLayer((None, 3, 17, 16)), p=0.1)
    for size in (5, 3):
        net = L.MaxPool2DLayer(L.Conv2DLayer(net, 8, size, pad="same"), 2)
    return of_images(net, rng)


def net_smiles(rng: np.random.Generator) -> Graph:
    """Normalised convolutions, pooled and not; the averages are those of inference."""
    net: Any = L.InputLayer((None, 3, 8, 8))
    net = L.batch_norm(L.Conv2DLayer(net, 6, 3, pad="same"))
    net = L.MaxPool2DLayer(L.batch_norm(L.Conv2DLayer(net, 6, 3, pad="same")), 2)
    return of_images(net, rng)


def inception(rng: np.random.Generator) -> Graph:
    net: Any = L.InputLayer((None, 3, 9, 8))
    one = L.Conv2DLayer(net, 4, 1)
    three = L.Conv2DLayer(L.Conv2DLayer(net, 3, 1), 4, 3, pad="same")
    five = L.Conv2DLayer(L.Conv2DLayer(net, 2, 1), 4, 5, pad="same")
    return of_images(L.MaxPool2DLayer(L.ConcatLayer([one, three, five]), 2, pad=(1, 1)), rng)


def autoencoder(rng: np.random.Generator) -> Graph:
    """Dilated and strided convolutions, transposed ones back to the image."""
    net: Any = L.DilatedConv2DLayer(L.InputLayer((None, 2, 9, 9)), 4, 3, dilation=(2, 2))
    net = L.Conv2DLayer(net, 4, 3, stride=2, nonlinearity=nonlinearities.tanh)
    net = L.TransposedConv2DLayer(net, 2, 3, stride=2)
    return of_images(L.TransposedConv2DLayer(net, 2, 5, nonlinearity=linear), rng)


def pyramid(rng: np.random.Generator) -> Graph:
    """Groups of channels, response normalisation, pooling into fixed numbers of cells."""
    net: Any = L.InputLayer((None, 4, 9, 7))
    net = L.Conv2DLayer(net, 8, 3, stride=(2, 1), pad="full", num_groups=2)
    net = L.LocalResponseNormalization2DLayer(net)
    return of_images(L.SpatialPyramidPoolingLayer(net, [2, 1]), rng)


def noise(rng: np.random.Generator) -> Graph:
    """What is drawn at random while training: normal numbers, masks with axes in common."""
    net: Any = L.GaussianNoiseLayer(L.InputLayer((None, 3, 6, 5)))
    net = L.dropout_locations(L.dropout_channels(net, p=0.3), p=0.3)
    return of_images(L.ScaleLayer(net), rng)


def words(rng: np.random.Generator) -> Graph:
    l_in = L.InputLayer((None, 7), pt.imatrix("words"))
    net: Any = L.prelu(L.DenseLayer(L.EmbeddingLayer(l_in, 11, 4), 6, b=None))
    net = L.DenseLayer(net, 1, nonlinearity=linear)
    y, logits = pt.fmatrix("y"), L.get_output(net)
    given = {
        l_in.input_var: rng.integers(11, size=(BATCH, 7)).astype("int32"),
        y: rng.integers(2, size=(BATCH, 1)).astype("float32"),
    }
    loss = objectives.binary_crossentropy_logits(logits, y).mean()
    return Graph(net, given, loss, [logits])


def people(rng: np.random.Generator) -> Graph:
    """Features of faces: angular margins between people, and a centre for each."""
    l_in, y = L.InputLayer((None, 10)), pt.ivector("y")
    features = L.DenseLayer(l_in, 5, nonlinearity=nonlinearities.elu)
    net = L.ArcFaceLayer(features, 4, y)
    centers = pytensor.shared(np.zeros((4, 5), "float32"), "centers", shape=(4, 5))
    embedding, logits = L.get_output([features, net])
    distances, moves = objectives.center_loss(embedding, y, centers)
    losses = objectives.categorical_crossentropy_logits(logits, y) + np.float32(0.1) * distances
    given = {
        l_in.input_var: rng.normal(size=(BATCH, 10)).astype("float32"),
        y: rng.integers(4, size=BATCH).astype("int32"),
    }
    return Graph(net, given, losses.mean(), [embedding, logits], updates=moves)


def of_sequences(layer: Any, rng: np.random.Generator) -> Graph:
    """Return the graph of a recurrent layer whose last state learns numbers by heart."""
    l_in, l_mask = layer.input_layers
    batch, steps = (n or default for n, default in zip(l_in.shape, (BATCH, 4), strict=False))
    output = L.get_output(layer)
    y = output.type("y")
    given = {
        l_in.input_var: rng.normal(size=(batch, steps, l_in.shape[2])).astype("float32"),
        l_mask.input_var: (np.arange(steps) < rng.integers(1, steps + 1, (batch, 1))).astype(
            "int8"
        ),
        y: rng.normal(size=(batch, layer.num_units)).astype("float32"),
    }
    return Graph(layer, given, objectives.squared_error(output, y).mean(), [output])


def lstm(rng: np.random.Generator) -> Graph:
    """A loop, over sequences of any length."""
    l_in, l_mask = L.InputLayer((None, None, 2)), L.InputLayer((None, None), pt.bmatrix("mask"))
    layer = L.LSTMLayer(l_in, 3, mask_input=l_mask, peepholes=False, only_return_final=True)
    return of_sequences(layer, rng)


def gru(rng: np.random.Generator) -> Graph:
    """Two steps, written out."""
    l_in, l_mask = L.InputLayer((BATCH, 2, 2)), L.InputLayer((BATCH, 2), pt.bmatrix("mask"))
    layer = L.GRULayer(l_in, 3, mask_input=l_mask, only_return_final=True, unroll_scan=True)
    return of_sequences(layer, rng)


GRAPHS: dict[str, Callable[[np.random.Generator], Graph]] = {
    "net12": net12,
    "net12 with batch normalisation": net12_batch_norm,
    "net48": net48,
    "net_smiles": net_smiles,
    "inception": inception,
    "autoencoder": autoencoder,
    "pyramid": pyramid,
    "noise": noise,
    "words": words,
    "people": people,
    "lstm": lstm,
    "gru": gru,
}
