"""The table of a network: counts against direct ones, lengths that are not known."""

from __future__ import annotations

import pytest

import lasagnette.layers as L
from lasagnette.layers.summary import multiply_adds

COUNTS = {
    "dense": (lambda: L.DenseLayer((None, 5), 4), 5 * 4),
    "dense flattens": (lambda: L.DenseLayer((None, 3, 5), 4), 3 * 5 * 4),
    "dense per step": (lambda: L.DenseLayer((None, 7, 5), 4, num_leading_axes=2), 7 * 5 * 4),
    "dense shared": (lambda: L.DenseLayer(L.DenseLayer((None, 4), 4), 4, b=None), 16),
    "nin": (lambda: L.NINLayer((None, 3, 6, 5), 4), 3 * 4 * 6 * 5),
    "conv": (lambda: L.Conv2DLayer((None, 3, 6, 5), 4, 3), 4 * 3 * 9 * 4 * 3),
    "conv strided": (lambda: L.Conv2DLayer((None, 3, 6, 6), 4, 3, stride=3), 4 * 3 * 9 * 4),
    "conv groups": (lambda: L.Conv2DLayer((None, 4, 6, 5), 4, 3, num_groups=2), 4 * 2 * 9 * 12),
    "conv 1d": (lambda: L.Conv1DLayer((None, 3, 6), 4, 3), 4 * 3 * 3 * 4),
    "transposed": (lambda: L.TransposedConv2DLayer((None, 3, 4, 5), 2, 3), 3 * 2 * 9 * 4 * 5),
    "dilated": (lambda: L.DilatedConv2DLayer((None, 3, 7, 7), 2, 3, (2, 2)), 3 * 2 * 9 * 9),
    "local": (lambda: L.LocallyConnected2DLayer((None, 3, 6, 5), 2, 3), 2 * 3 * 9 * 6 * 5),
    "lstm": (lambda: L.LSTMLayer((None, 7, 5), 3), 7 * (4 * (5 * 3 + 3 * 3) + 3 * 3)),
    "gru": (lambda: L.GRULayer((None, 7, 5), 3), 7 * 3 * (5 * 3 + 3 * 3)),
    "recurrent": (lambda: L.RecurrentLayer((None, 7, 5), 3), 7 * (5 * 3 + 3 * 3)),
    "arcface": (lambda: L.ArcFaceLayer((None, 5), 4, [0]), 5 * 4),
    "pool": (lambda: L.MaxPool2DLayer((None, 3, 6, 6), 2), 0),
}


@pytest.mark.parametrize("name", COUNTS)
def test_multiply_adds(name):
    build, expected = COUNTS[name]
    layer = build()
    shapes = layer.input_shapes if isinstance(layer, L.MergeLayer) else layer.input_shape
    assert multiply_adds(layer, shapes, layer.output_shape) == expected


def test_locally_connected_weights_are_used_once_per_position():
    layer = L.LocallyConnected2DLayer((None, 3, 6, 5), 2, 3)
    assert multiply_adds(layer, layer.input_shape, layer.output_shape) == layer.W.get_value().size


def test_totals_and_shared_parameters():
    first = L.DenseLayer((None, 4), 4)
    second = L.DenseLayer(first, 4, W=first.W, b=first.b)
    table = L.summary(second)
    assert [row.params for row in table.rows] == [20, 0]
    assert (table.params, table.trainable, table.multiply_adds) == (20, 20, 32)
    L.freeze(first)
    assert L.summary(first).trainable == 0


def test_unknown_lengths_are_question_marks_until_given():
    net = L.InputLayer((None, 3, None, None), name="image")
    net = L.Conv2DLayer(net, 4, 3)
    net = L.ConcatLayer([net, net])
    table = L.summary(net)
    assert table.multiply_adds is None
    assert str(table).splitlines()[3].split() == [
        "Conv2DLayer_1",
        "Conv2DLayer",
        "?",
        "x",
        "4",
        "x",
        "?",
        "x",
        "?",
        "112",
        "?",
    ]
    assert L.summary(net, (1, 3, 6, 5)).multiply_adds == 4 * 3 * 9 * 4 * 3
    assert L.summary([net]).rows == table.rows


def test_a_layer_of_ones_own_has_a_rule_of_its_own():
    class Outer(L.Layer):
        def get_output_shape_for(self, input_shape):
            return (input_shape[0], input_shape[1] ** 2)

    layer = Outer((None, 5))
    assert L.summary(layer).multiply_adds == 0

    @multiply_adds.register(Outer)
    def _(layer, input_shape, output_shape):
        return output_shape[1]

    assert L.summary(layer).multiply_adds == 25


def test_lines_are_equally_long():
    net = L.DenseLayer(L.LSTMLayer((None, 7, 5), 3, name="a rather long name"), 1000)
    *lines, note = repr(L.summary(net)).splitlines()
    assert len({len(line.rstrip()) for line in lines}) == 1
    assert note.endswith("parameters are trained, 6 not")
