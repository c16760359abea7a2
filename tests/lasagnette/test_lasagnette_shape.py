"""Layers of shapes against NumPy, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytensor.tensor as pt
import pytest

import lasagnette.layers as L


@pytest.fixture
def value_of(py_function):
    def value_of(layer, x):
        return py_function([layer.input_layer.input_var], L.get_output(layer))(x)

    return value_of


@pytest.mark.parametrize("pattern", [(2, 0, 1), (0, "x", 2, 1), ["x", 1, 2, "x", 0]])
def test_dimshuffle(pattern, rng, value_of):
    x = rng.normal(size=(2, 3, 4))
    expected = x.transpose([p for p in pattern if p != "x"])
    for axis, p in enumerate(pattern):
        if p == "x":
            expected = np.expand_dims(expected, axis)
    layer = L.DimshuffleLayer(L.InputLayer((None, 3, None)), pattern)
    np.testing.assert_array_equal(value_of(layer, x), expected)
    assert layer.get_output_shape_for(x.shape) == expected.shape


def test_dimshuffle_drops_axes_of_length_one(rng, value_of):
    x = rng.normal(size=(2, 1, 4))
    for length in (1, None):
        layer = L.dimshuffle(L.InputLayer((None, length, 4)), (2, 0))
        np.testing.assert_array_equal(value_of(layer, x), x[:, 0].T)
    with pytest.raises(AssertionError, match="SpecifyShape: Got shape"):
        value_of(layer, rng.normal(size=(2, 3, 4)))


@pytest.mark.parametrize(
    ("width", "ends"),
    [
        (2, [(2, 2), (2, 2)]),
        ((1, 0), [(1, 1), (0, 0)]),
        ([3], [(3, 3), (0, 0)]),
        (((1, 2), (0, 3)), [(1, 2), (0, 3)]),
        ([1, (0, 2)], [(1, 1), (0, 2)]),
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_pad(width, ends, known, rng, value_of):
    x = rng.normal(size=(2, 3, 4, 5))
    incoming = L.InputLayer(x.shape if known else (None,) * 4)
    expected = np.pad(x, [(0, 0), (0, 0), *ends], constant_values=0.5)
    layer = L.PadLayer(incoming, width, val=0.5)
    np.testing.assert_array_equal(value_of(layer, x), expected)
    assert layer.get_output_shape_for(x.shape) == expected.shape


def test_pad_behind_other_axes(rng, value_of):
    x = rng.normal(size=(2, 3))
    np.testing.assert_array_equal(
        value_of(L.pad(L.InputLayer((2, 3)), 1, batch_ndim=0), x), np.pad(x, 1)
    )


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize(
    "indices", [0, -1, slice(1, 3), slice(None, None, -1), slice(-2, None), slice(5, 9)]
)
def test_slice(axis, indices, rng, value_of):
    x = rng.normal(size=(3, 4, 5))
    expected = np.moveaxis(x, axis, 0)[indices]
    if isinstance(indices, slice):
        expected = np.moveaxis(expected, 0, axis)
    for shape in (x.shape, (None,) * 3):
        layer = L.SliceLayer(L.InputLayer(shape), indices, axis)
        np.testing.assert_array_equal(value_of(layer, x), expected)
        assert layer.get_output_shape_for(x.shape) == expected.shape
    kept = [None, None] if isinstance(indices, int) else [None, None, None]
    assert layer.output_shape == tuple(kept)


def test_reshape_of_a_symbolic_shape_has_unknown_lengths():
    rows, columns = pt.dmatrix().shape
    layer = L.ReshapeLayer((None, None), (rows * columns, [1]))
    assert layer.get_output_shape_for((rows, columns)) == (None, None)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: L.FlattenLayer((2, 3), 0), "outdim must be at least 1, got 0"),
        (lambda: L.DimshuffleLayer((2, 3), (0, 0, 1)), r"each once, and 'x', got \(0, 0, 1\)"),
        (lambda: L.DimshuffleLayer((2, 3), (0, "q")), "each once, and 'x', got"),
        (lambda: L.DimshuffleLayer((2, 3), (0, 1, 2)), "axes from 0 to 1 and 'x', got"),
        (lambda: L.DimshuffleLayer((2, 3), (0, -1)), "axes from 0 to 1 and 'x', got"),
        (lambda: L.DimshuffleLayer((2, 3), (0,)), r"must not leave out axes .*\(2, 3\)"),
        (lambda: L.PadLayer((2, 3, 4), -1), "none negative, got -1"),
        (lambda: L.PadLayer((2, 3, 4), 0.5), r"none negative, got 0\.5"),
        (lambda: L.PadLayer((2, 3, 4), ((1, 2, 3),)), r"pairs of ints.*got \(\(1, 2, 3\),\)"),
        (lambda: L.PadLayer((2, 3, 4), (1, 2)).output_shape, r"at most the 1 axes .* \(1, 2\)"),
        (lambda: L.SliceLayer((2, 3), 3), r"from -3 to 2 for axis -1 .*\(2, 3\), got 3"),
        (lambda: L.SliceLayer((2, 3), 0, axis=2), "axis must be from -2 to 1, got 2"),
    ],
)
def test_bad_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
