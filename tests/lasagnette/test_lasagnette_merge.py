"""Cropping and merging against NumPy."""

from __future__ import annotations

import numpy as np
import pytensor.tensor as pt
import pytest

import lasagnette.layers as L


def crop(x, mode, axis, size):
    extra = x.shape[axis] - size
    start = {None: 0, "lower": 0, "center": extra // 2, "upper": extra}[mode]
    return x if mode is None else np.take(x, range(start, start + size), axis)


@pytest.mark.parametrize(
    "cropping",
    [
        None,
        [None, "lower", "center", "upper"],
        ["lower"] * 4,
        ["center"] * 4,
        ["upper"] * 4,
        ["lower", "upper"],
        (),
    ],
)
def test_autocrop(cropping, rng, py_function):
    arrays = [rng.normal(size=s) for s in [(2, 3, 5, 7), (1, 2, 3, 4), (6, 3, 4, 2)]]
    inputs = [pt.dtensor4() for _ in arrays]
    modes = [*(cropping or ()), *[None] * 4][:4]
    expected = arrays
    for axis, mode in enumerate(modes):
        size = min(x.shape[axis] for x in arrays)
        expected = [crop(x, mode, axis, size) for x in expected]
    values = py_function(inputs, L.autocrop(inputs, cropping))(*arrays)
    for value, wanted in zip(values, expected, strict=True):
        np.testing.assert_array_equal(value, wanted)
    shapes = L.autocrop_array_shapes([x.shape for x in arrays], cropping)
    assert shapes == [x.shape for x in expected]


@pytest.mark.parametrize("axis", [1, -1, 0])
def test_concat_does_not_crop_the_joined_axis(axis, rng, py_function):
    a, b = rng.normal(size=(5, 3)), rng.normal(size=(4, 2))
    layers = [L.InputLayer((None, None)), L.InputLayer((None, None))]
    joined = L.ConcatLayer(layers, axis=axis, cropping=["lower"] * 2)
    size = (slice(4), slice(None)) if axis else (slice(None), slice(2))
    expected = np.concatenate([a[size], b[size]], axis)
    f = py_function([l.input_var for l in layers], L.get_output(joined))
    np.testing.assert_array_equal(f(a, b), expected)
    assert joined.get_output_shape_for([a.shape, b.shape]) == expected.shape


def test_unknown_lengths_are_those_of_the_others():
    joined = L.ConcatLayer([(None, None)] * 2)
    assert joined.get_output_shape_for([(None, 2), (3, 5)]) == (3, 7)
    assert joined.get_output_shape_for([(3, 2), (3, None)]) == (3, None)
    with pytest.raises(ValueError, match="one shape except along axis 1"):
        joined.get_output_shape_for([(None, 2), (3, 5), (4, 5)])
    total = L.ElemwiseSumLayer([(None, None)] * 2)
    assert total.get_output_shape_for([(None, 2), (3, None)]) == (3, 2)
    with pytest.raises(ValueError, match="lengths of 1"):
        total.get_output_shape_for([(3, 2), (4, None)])


def test_merge_of_integers(py_function):
    layers = [L.InputLayer((None, 2), input_var=pt.lmatrix()) for _ in range(3)]
    total = L.ElemwiseSumLayer(layers, coeffs=[2, -1, 1])
    a, b, c = np.array([[0, 1]]), np.array([[1, 2]]), np.array([[5, 7]])
    value = py_function([l.input_var for l in layers], L.get_output(total))(a, b, c)
    np.testing.assert_array_equal(value, 2 * a - b + c)
    assert value.dtype == "int64"
