"""Penalties on layers and networks."""

from __future__ import annotations

import numpy as np
import pytensor
import pytest

import lasagnette.layers as L
from lasagnette import regularization as r


@pytest.fixture
def layers(rng):
    l_in = L.InputLayer((None, 4))
    first = L.DenseLayer(l_in, 3, W=rng.normal(size=(4, 3)), b=1.0)
    second = L.DenseLayer(first, 2, W=rng.normal(size=(3, 2)))
    return first, second


def squares(layer):
    return (layer.W.get_value() ** 2).sum()


def test_penalties_of_tensors(layers):
    first, second = layers
    value = first.W.get_value()
    np.testing.assert_allclose(r.l1(first.W).eval(mode="FAST_COMPILE"), abs(value).sum())
    np.testing.assert_allclose(r.l2(first.W).eval(mode="FAST_COMPILE"), (value**2).sum())
    both = r.apply_penalty([first.W, second.W], r.l2)
    np.testing.assert_allclose(both.eval(mode="FAST_COMPILE"), squares(first) + squares(second))
    assert r.apply_penalty([], r.l2) == 0
    scaled = r.apply_penalty(first.W, lambda x, by: r.l2(x) * by, by=2)
    np.testing.assert_allclose(scaled.eval(mode="FAST_COMPILE"), 2 * squares(first))


def test_penalties_of_layers(layers, py_function):
    first, second = layers
    f = py_function(
        [],
        [
            r.regularize_layer_params(first, r.l2),
            r.regularize_layer_params([first, second], r.l2),
            r.regularize_layer_params(first, r.l2, tags={}),
            r.regularize_layer_params_weighted({first: 0.5, second: 0.25}, r.l2),
            r.regularize_network_params(second, r.l2),
            r.regularize_network_params(second, r.l1, tags={"regularizable": False}),
        ],
    )
    a, b = squares(first), squares(second)
    np.testing.assert_allclose(f(), [a, a + b, a + 3, 0.5 * a + 0.25 * b, a + b, 3])


def test_float32_penalties_stay_float32(float32_network):
    layer = L.DenseLayer(L.InputLayer((None, 4)), 3)
    with pytensor.config.change_flags(floatX="float64"):
        assert r.regularize_layer_params_weighted({layer: 0.1}, r.l2).dtype == "float32"
        assert r.regularize_network_params(layer, r.l1).dtype == "float32"
