"""Freezing takes parameters out of training, and unfreezing gives back the same ones."""

from __future__ import annotations

import pytensor.tensor as pt
import pytest

import lasagnette.layers as L
from lasagnette.objectives import squared_error
from lasagnette.updates import adam

pytestmark = pytest.mark.usefixtures("seeded")


@pytest.fixture
def trunk():
    return L.batch_norm(L.DenseLayer(L.InputLayer((None, 4)), 3))


@pytest.fixture
def head(trunk):
    return L.DenseLayer(trunk, 2, nonlinearity=None)


def trainable(layer):
    return L.get_all_params(layer, trainable=True)


def test_freezing_reaches_down_to_the_input(trunk, head):
    everything = trainable(head)
    L.freeze(trunk)
    assert trainable(head) == [head.W, head.b]
    assert L.get_all_params(head, frozen=True) == everything[: -len(trainable(head))]
    assert len(L.get_all_params(head)) == len(everything) + 2  # the averages
    L.freeze(trunk)  # again
    L.unfreeze(head)
    assert trainable(head) == everything
    assert L.get_all_params(head, frozen=True) == []


def test_only_the_layers_after_some_layer(trunk, head):
    below = trainable(trunk)
    L.freeze(head, treat_as_input=[trunk])
    assert trainable(head) == below
    L.unfreeze([head], treat_as_input=[head])
    assert trainable(head) == below


def test_only_some_parameters(trunk, head):
    L.freeze(head, regularizable=True)
    assert head.W not in trainable(head)
    assert head.b in trainable(head)


def test_networks_inside_recurrent_layers():
    layer = L.RecurrentLayer((None, 5, 4), 3)
    everything = trainable(layer)
    assert everything
    L.freeze(layer)
    assert trainable(layer) == []
    L.unfreeze(layer)
    assert trainable(layer) == everything


def test_parameters_that_are_expressions():
    first = L.DenseLayer((None, 3), 3, b=None)
    second = L.DenseLayer((None, 3), 3, W=first.W.T * 2, b=None)
    L.freeze(second)
    assert trainable(second) == []
    assert trainable([first, second]) == [first.W]


def test_a_frozen_trunk_does_not_move(trunk, head, rng, py_function):
    L.freeze(trunk)
    x = L.get_all_layers(head)[0].input_var
    y = pt.dmatrix("y")
    found = L.get_output(head, batch_norm_update_averages=False)
    updates = adam(squared_error(found, y).mean(), trainable(head))
    before, weights = L.get_all_param_values(trunk), head.W.get_value()
    py_function([x, y], updates=updates)(rng.normal(size=(6, 4)), rng.normal(size=(6, 2)))
    assert all((a == b).all() for a, b in zip(before, L.get_all_param_values(trunk), strict=True))
    assert (weights != head.W.get_value()).any()
