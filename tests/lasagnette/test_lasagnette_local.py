"""Locally connected layers against loops over positions."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

import lasagnette.layers as L
from lasagnette.utils import interpreted_mode

pytestmark = pytest.mark.usefixtures("seeded")


def value_of(layer, x):
    expression = layer.get_output_for(pt.constant(x, name="x"))
    return pytensor.function([], expression, mode=interpreted_mode())()


def slow_local(x, w, flip):
    """Multiply the patch at every position by the filters there."""
    if flip:
        w = w[:, :, ::-1, ::-1]
    fr, fc, rows, columns = w.shape[2:]
    padded = np.pad(x, [(0, 0), (0, 0), (fr // 2, (fr - 1) // 2), (fc // 2, (fc - 1) // 2)])
    out = np.zeros((len(x), len(w), rows, columns))
    for i, j in product(range(rows), range(columns)):
        out[:, :, i, j] = np.einsum(
            "bcij,fcij->bf", padded[:, :, i : i + fr, j : j + fc], w[..., i, j]
        )
    return out


@pytest.mark.parametrize("flip", [True, False])
@pytest.mark.parametrize("size", [3, (5, 1), (2, 4)])
def test_every_position_has_its_filters(size, flip, rng):
    x = rng.normal(size=(2, 3, 6, 5))
    layer = L.LocallyConnected2DLayer((None, 3, 6, 5), 4, size, flip_filters=flip, b=0.2)
    expected = slow_local(x, layer.W.get_value(), flip)
    np.testing.assert_allclose(value_of(layer, x), np.maximum(expected + 0.2, 0))
    assert layer.output_shape == (None, 4, 6, 5)
    assert value_of(layer, x[:0]).shape == (0, 4, 6, 5)


@pytest.mark.parametrize("flip", [True, False])
def test_channelwise_filters_see_one_channel(flip, rng):
    x = rng.normal(size=(2, 3, 6, 5))
    layer = L.LocallyConnected2DLayer(
        x.shape, 3, (3, 2), channelwise=True, flip_filters=flip, b=None, nonlinearity=None
    )
    w = layer.W.get_value()
    assert w.shape == (3, 3, 2, 6, 5)
    diagonal = np.zeros((3, *w.shape))
    diagonal[range(3), range(3)] = w
    np.testing.assert_allclose(value_of(layer, x), slow_local(x, diagonal, flip))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: L.LocallyConnected2DLayer((1, 2, 4, 4), 2, 3, pad="valid"),
            NotImplementedError,
            "requires pad='same', got 'valid'",
        ),
        (
            lambda: L.LocallyConnected2DLayer((1, 2, 4, 4), 2, 3, stride=2),
            NotImplementedError,
            r"requires stride=1 / \(1, 1\), got 2",
        ),
        (
            lambda: L.LocallyConnected2DLayer((1, 2, 4, 4), 4, 3, channelwise=True),
            ValueError,
            "should match if channelwise, got 4 and 2",
        ),
        (
            lambda: L.LocallyConnected2DLayer((None, 2, None, 4), 4, 3),
            ValueError,
            r"requires a fixed input shape \(except for the batch size\)",
        ),
    ],
)
def test_bad_arguments_are_named(make, error, message):
    with pytest.raises(error, match=message):
        make()
