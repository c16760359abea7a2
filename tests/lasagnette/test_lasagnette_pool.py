"""Pooling and upscaling layers against slow NumPy references, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lasagnette.layers as L
from lasagnette.layers.pool import pool_2d, pool_output_length
from lasagnette.utils import interpreted_mode

MODES = ("max", "average_inc_pad", "average_exc_pad")


def value_of(layer, x):
    function = pytensor.function(
        [L.get_all_layers(layer)[0].input_var], L.get_output(layer), mode=interpreted_mode()
    )
    return function(x)


def slow_pool(x, size, stride, pad, ignore_border, mode):
    """Pool the last axis, window after window; None if a window does not see the input."""
    length = x.shape[-1]
    starts = range(-pad, length + pad, stride)
    if ignore_border:
        starts = [s for s in starts if s + size <= length + pad]
    elif stride < size:  # Theano: windows end with the first one that reaches the border
        starts = [s for s in starts if s == 0 or s - stride + size < length]
    windows = []
    for start in starts:
        window = x[..., max(start, 0) : start + size]
        if window.shape[-1] == 0:
            return None
        if mode == "max":
            windows.append(window.max(-1))
        else:
            count = size if mode == "average_inc_pad" and ignore_border else window.shape[-1]
            windows.append(window.sum(-1) / count)
    return np.stack(windows, -1) if windows else np.zeros((*x.shape[:-1], 0))


@settings(deadline=None, max_examples=50)
@given(
    length=st.integers(1, 12),
    size=st.integers(1, 5),
    stride=st.integers(1, 6),
    pad=st.integers(0, 4),
    ignore_border=st.booleans(),
    mode=st.sampled_from(MODES),
)
def test_pool_of_a_sequence_is_the_slow_one(length, size, stride, pad, ignore_border, mode):
    pad = min(pad, size - 1) if ignore_border else 0
    x = np.random.default_rng(length).normal(size=(2, 3, length))
    expected = slow_pool(x, size, stride, pad, ignore_border, mode)
    if expected is None or expected.shape[-1] == 0:
        return
    layer = L.Pool1DLayer(L.InputLayer((2, 3, None)), size, stride, pad, ignore_border, mode)
    np.testing.assert_allclose(value_of(layer, x), expected)
    assert layer.get_output_shape_for(x.shape) == expected.shape
    if mode == "max":
        layer = L.MaxPool1DLayer(L.InputLayer(x.shape), size, stride, pad, ignore_border)
        np.testing.assert_array_equal(value_of(layer, x), expected)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("ignore_border", [True, False])
def test_pool_of_an_image_is_that_of_its_rows_and_columns(mode, ignore_border, rng):
    x = rng.normal(size=(2, 3, 9, 8))
    pad = (1, 0) if ignore_border else (0, 0)
    layer = L.Pool2DLayer(L.InputLayer(x.shape), (3, 2), (2, 3), pad, ignore_border, mode)
    columns = slow_pool(x, 2, 3, pad[1], ignore_border, mode)
    expected = slow_pool(columns.swapaxes(2, 3), 3, 2, pad[0], ignore_border, mode)
    np.testing.assert_allclose(value_of(layer, x), expected.swapaxes(2, 3))


def test_attributes_are_tuples():
    layer = L.Pool1DLayer((None, 3, 8), 3, pad=1, mode="average_exc_pad")
    assert (layer.pool_size, layer.stride, layer.pad) == ((3,), (3,), (1,))
    assert (layer.ignore_border, layer.mode) == (True, "average_exc_pad")


def test_length_is_unknown_where_the_input_or_the_window_is():
    assert pool_output_length(None, 2, 2, 0, True) is None
    assert pool_output_length(8, None, 2, 0, True) is None
    assert pool_output_length(8, 3, 2, 1, True) == 4


@pytest.mark.parametrize("mode", ["max", "average_exc_pad"])
def test_window_given_by_expressions(mode, rng, py_function):
    x = rng.normal(size=(2, 3, 9, 7))
    image, size, stride = pt.dtensor4(), pt.lvector(), pt.lvector()
    f = py_function([image, size, stride], pool_2d(image, ws=size, stride=stride, mode=mode))
    columns = slow_pool(x, 2, 1, 0, True, mode)
    expected = slow_pool(columns.swapaxes(2, 3), 3, 2, 0, True, mode).swapaxes(2, 3)
    np.testing.assert_allclose(f(x, [3, 2], [2, 1]), expected)
    with pytest.raises(ValueError, match="need pad=None and ignore_border=True, got None and Fal"):
        pool_2d(image, ws=size, ignore_border=False)


# Upscaling


@pytest.mark.parametrize(
    ("cls", "factors"),
    [
        (L.Upscale1DLayer, (3,)),
        (L.Upscale2DLayer, (2, 3)),
        (L.Upscale2DLayer, (1, 2)),
        (L.Upscale3DLayer, (2, 1, 3)),
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_upscale(cls, factors, known, rng):
    x = rng.normal(size=(2, 3, 4, 5, 2)[: 2 + len(factors)])
    x[0, 0] = np.inf
    incoming = L.InputLayer(x.shape if known else (2, 3, *[None] * len(factors)))
    repeated, dilated = x, np.zeros(cls(x.shape, factors).output_shape)
    for axis, factor in enumerate(factors, start=2):
        repeated = np.repeat(repeated, factor, axis)
    dilated[(..., *(slice(None, None, factor) for factor in factors))] = x
    np.testing.assert_array_equal(value_of(cls(incoming, factors), x), repeated)
    np.testing.assert_array_equal(value_of(cls(incoming, factors, mode="dilate"), x), dilated)


# Features


@pytest.mark.parametrize("axis", [1, 2, -1])
def test_feature_pool(axis, rng):
    x = rng.normal(size=(2, 6, 12, 3))
    layer = L.FeaturePoolLayer(L.InputLayer(x.shape), 3, axis, pool_function=pt.sum)
    moved = np.moveaxis(x, axis, -1)
    expected = moved.reshape(*moved.shape[:-1], -1, 3).sum(-1)
    np.testing.assert_allclose(value_of(layer, x), np.moveaxis(expected, -1, axis))


@pytest.mark.parametrize("axis", [1, 2])
def test_feature_winner_takes_all(axis, rng):
    x = rng.integers(-3, 3, size=(2, 6, 4, 3)).astype(float)  # with ties
    value = value_of(L.FeatureWTALayer(L.InputLayer(x.shape), 2, axis), x)
    first, second = (np.take(x, range(i, x.shape[axis], 2), axis) for i in (0, 1))
    expected = np.stack([first * (first >= second), second * (second > first)], axis + 1)
    np.testing.assert_array_equal(value, expected.reshape(x.shape))


def test_global_pool(rng):
    x = rng.normal(size=(2, 3, 4, 5))
    incoming = L.InputLayer((None, 3, None, None))
    np.testing.assert_allclose(value_of(L.GlobalPoolLayer(incoming), x), x.mean((2, 3)))
    layer = L.GlobalPoolLayer(incoming, pool_function=pt.max)
    np.testing.assert_array_equal(value_of(layer, x), x.max((2, 3)))
    sequence = L.GlobalPoolLayer(L.InputLayer((2, 3, 4)))
    np.testing.assert_allclose(value_of(sequence, x[..., 0]), x[..., 0].mean(2))


# Spatial pyramids


def slow_pyramid(x, dims, reduce, bounds):
    features = []
    for n in dims:
        for i in range(n):
            for j in range(n):
                rows, columns = bounds(i, x.shape[2], n), bounds(j, x.shape[3], n)
                features.append(reduce(x[:, :, slice(*rows), slice(*columns)], axis=(2, 3)))
    return np.stack(features, -1)


def fast_bounds(i, length, n):
    start = i * (length // n)
    return start, start - (-length // n)


def kaiming_bounds(i, length, n):
    return int(np.floor(i * length / n)), int(np.ceil((i + 1) * length / n))


@pytest.mark.parametrize(
    ("implementation", "bounds"), [("fast", fast_bounds), ("kaiming", kaiming_bounds)]
)
@pytest.mark.parametrize("mode", ["max", "average_inc_pad"])
@pytest.mark.parametrize("known", [(17, 13), (None, None), (17, None)])
def test_pyramid(implementation, bounds, mode, known, rng):
    x = rng.normal(size=(2, 3, 17, 13))
    x[0, 0, 0, 0] = np.inf  # other regions must not see it
    layer = L.SpatialPyramidPoolingLayer(
        L.InputLayer((None, 3, *known)), [1, 3, 2], mode, implementation
    )
    expected = slow_pyramid(x, [1, 3, 2], np.max if mode == "max" else np.mean, bounds)
    np.testing.assert_allclose(value_of(layer, x), expected)


def test_fast_pyramid_needs_regular_regions(rng):
    with pytest.raises(ValueError, match=r"\(5, 6\) into 3 by 3 regions; use .*'kaiming'"):
        L.SpatialPyramidPoolingLayer((None, 3, 5, 6), [3])
    with pytest.raises(ValueError, match=r"\(2, None\) into 4 by 4"):
        L.SpatialPyramidPoolingLayer((None, 3, 2, None))
    layer = L.SpatialPyramidPoolingLayer(L.InputLayer((None, 3, None, None)), [3])
    with pytest.raises(AssertionError, match="shape"):
        value_of(layer, rng.normal(size=(1, 3, 5, 6)))
    small = L.SpatialPyramidPoolingLayer(
        L.InputLayer((None, 3, None, None)), [4], implementation="kaiming"
    )
    assert value_of(small, rng.normal(size=(1, 3, 2, 3))).shape == (1, 3, 16)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: L.Pool1DLayer((None, 3, 8, 8), 2), "Pool1DLayer: Expected 3 input dimensions"),
        (lambda: L.MaxPool1DLayer((None, 3), 2), "MaxPool1DLayer: Expected 3 input dimensions"),
        (lambda: L.Pool1DLayer((None, 3, 8), (2, 2)), r"length 1, got \(2, 2\)"),
        (lambda: L.Pool1DLayer((None, 3, 8), 2, mode="sum"), "Pool1DLayer: Mode .* Got 'sum'"),
        (lambda: L.Upscale1DLayer((None, 3, 8), 0), "scale_factor must be positive, got 0"),
        (lambda: L.Upscale2DLayer((None, 3, 8, 8), (2, 0)), r"positive, got \(2, 0\)"),
        (lambda: L.Upscale2DLayer((None, 3, 8, 8), 2, mode="fill"), "'dilate', got 'fill'"),
        (lambda: L.Upscale3DLayer((None, 3, 8, 8), 2), r"5 input .*channels, depth, rows, col"),
        (lambda: L.FeaturePoolLayer((None, 6), 4), "multiple of pool_size, got 6 and 4"),
        (lambda: L.FeaturePoolLayer((None, None), 4), "multiple of pool_size, got None and 4"),
        (lambda: L.FeatureWTALayer((None, 6), 2, axis=2), "axis must be from -2 to 1, got 2"),
        (lambda: L.SpatialPyramidPoolingLayer((None, 3, 8)), "Expected 4 input dimensions"),
        (
            lambda: L.SpatialPyramidPoolingLayer((None, 3, 8, 8), mode="other"),
            "Mode must be either 'max', 'average_inc_pad' or 'average_exc_pad'. Got 'other'",
        ),
        (
            lambda: L.SpatialPyramidPoolingLayer((None, 3, 8, 8), implementation="slow"),
            "'fast' or 'kaiming', got 'slow'",
        ),
    ],
)
def test_bad_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
