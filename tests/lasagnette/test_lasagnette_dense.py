"""Layers that are fully connected, at every position or at once."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

import lasagnette.layers as L
from lasagnette import nonlinearities, ops
from lasagnette.utils import interpreted_mode

pytestmark = pytest.mark.usefixtures("seeded")


def value_of(layer, x):
    expression = layer.get_output_for(pt.constant(x, name="x"))
    return pytensor.function([], expression, mode=interpreted_mode())()


@pytest.mark.parametrize("untie", [False, True])
@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 5), (2, 3, 5, 4), (2, 3, 4, 1, 3), (0, 3, 5)])
def test_nin_is_a_product_at_every_position(shape, untie, rng):
    x = rng.normal(size=shape)
    b = rng.normal(size=(4, *shape[2:]) if untie else 4)
    layer = L.NINLayer((None, *shape[1:]), 4, untie_biases=untie, b=b)
    product = np.einsum("bc...,cu->bu...", x, layer.W.get_value())
    spread = b if untie else b.reshape(-1, *[1] * (len(shape) - 2))
    np.testing.assert_allclose(value_of(layer, x), np.maximum(product + spread, 0))


def test_nin_takes_positions_of_unknown_number(rng):
    x = rng.normal(size=(2, 3, 5, 4, 2))
    layer = L.NINLayer((None, 3, None, None, None), 4, nonlinearity=nonlinearities.tanh, b=None)
    assert layer.output_shape == (None, 4, None, None, None)
    expected = np.tanh(np.einsum("bc...,cu->bu...", x, layer.W.get_value()))
    np.testing.assert_allclose(value_of(layer, x), expected)


def test_nin_fuses_bias_and_relu():
    output = L.get_output(L.NINLayer(L.InputLayer((None, 3, 5, 5)), 4))
    assert isinstance(output.owner.op, ops.conv.Conv2d)
    assert output.owner.op.bias
    assert output.owner.op.relu


@pytest.mark.parametrize("num_leading_axes", [1, 2, 3, -1, -2, -3])
def test_dense_keeps_leading_axes(num_leading_axes, rng):
    x = rng.normal(size=(2, 3, 4, 5))
    layer = L.DenseLayer(x.shape, 6, num_leading_axes=num_leading_axes, nonlinearity=None, b=0.5)
    leading = x.shape[:num_leading_axes]
    expected = x.reshape(*leading, -1) @ layer.W.get_value() + 0.5
    np.testing.assert_allclose(value_of(layer, x), expected)
    assert layer.output_shape == expected.shape == (*leading, 6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: L.DenseLayer((2, 3), 4, num_leading_axes=2),
            "from -2 to 1 for an input .* got 2, leaving no trailing axes",
        ),
        (
            lambda: L.DenseLayer((2, 3), 4, num_leading_axes=-3),
            "from -2 to 1 for an input .* got -3, requesting more trailing axes",
        ),
        (
            lambda: L.DenseLayer((None, None, 3), 4),
            r"requires a fixed input shape \(except for the leading axes\).*first 1 must",
        ),
        (lambda: L.NINLayer((None,), 4), r"NINLayer: .* channel axis, got shape \(None,\)"),
        (lambda: L.NINLayer((2, None, 5), 4), "parameter 'W' needs known lengths"),
        (
            lambda: L.NINLayer((2, 3, None), 4, untie_biases=True),
            "NINLayer: parameter 'b' needs known lengths",
        ),
    ],
)
def test_bad_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
