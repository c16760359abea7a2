"""Normalisation layers against slow NumPy references, and how they are put on layers."""

from __future__ import annotations

import numpy as np
import pytest

import lasagnette.layers as L
from lasagnette import nonlinearities

pytestmark = pytest.mark.usefixtures("seeded")


@pytest.fixture
def value_of(py_function):
    def value_of(layer, x):
        incoming = L.get_all_layers(layer)[0]
        return py_function([incoming.input_var], L.get_output(layer))(x)

    return value_of


@pytest.mark.parametrize("n", [1, 3, 5, 9])
def test_local_response(n, rng, value_of):
    x = rng.normal(size=(2, 6, 3, 4))
    layer = L.LocalResponseNormalization2DLayer(
        L.InputLayer((None, 6, None, 4)), alpha=0.5, k=1.5, beta=0.6, n=n
    )
    expected = np.empty_like(x)
    for i in range(6):
        near = x[:, max(0, i - n // 2) : i + n // 2 + 1]
        expected[:, i] = x[:, i] / (1.5 + 0.5 * (near**2).sum(1)) ** 0.6
    np.testing.assert_allclose(value_of(layer, x), expected)


def test_local_response_is_of_odd_size_and_of_images():
    with pytest.raises(NotImplementedError, match="n must be odd, got 4"):
        L.LocalResponseNormalization2DLayer((None, 6, 3, 4), n=4)
    with pytest.raises(ValueError, match=r"LocalResponse.* Expected 4 input dimensions"):
        L.LocalResponseNormalization2DLayer((None, 6))


@pytest.mark.parametrize(
    ("axes", "over"),
    [
        ("auto", (2, 3)),
        ("spatial", (2, 3)),
        ("features", (1, 2, 3)),
        (1, (1,)),
        ((0, -1), (0, 3)),
    ],
)
def test_standardization(axes, over, rng, value_of):
    x = rng.normal(3, 2, size=(4, 5, 3, 6))
    layer = L.StandardizationLayer(L.InputLayer((None, 5, 3, None)), axes, epsilon=0.01)
    assert layer.axes == over
    mean, variance = x.mean(over, keepdims=True), x.var(over, keepdims=True)
    np.testing.assert_allclose(value_of(layer, x), (x - mean) / np.sqrt(variance + 0.01))


def test_standardization_of_units(rng, value_of):
    x = rng.normal(size=(4, 50))
    layer = L.StandardizationLayer(L.InputLayer((None, None)))
    assert layer.axes == (1,)
    np.testing.assert_allclose(value_of(layer, x).mean(1), 0, atol=1e-12)
    with pytest.raises(ValueError, match="'features', an int or ints, got 'all'"):
        L.StandardizationLayer((None, 5), axes="all")
    with pytest.raises(ValueError, match=r"axes must be axes of the input .* got 2"):
        L.StandardizationLayer((None, 5), axes=2)


def kinds(layer):
    return [type(l).__name__.removesuffix("Layer") for l in L.get_all_layers(layer)[1:]]


def names(layer):
    return [l.name for l in L.get_all_layers(layer)[1:]]


def test_instance_norm_goes_before_the_nonlinearity(rng, value_of):
    x = rng.normal(size=(2, 3, 6, 7))
    conv = L.Conv2DLayer(L.InputLayer(x.shape), 4, 3, nonlinearity=nonlinearities.tanh, name="c")
    net = L.instance_norm(conv, epsilon=0.01)
    assert kinds(net) == ["Conv2D", "Standardization", "Scale", "Bias", "Nonlinearity"]
    assert names(net) == ["c", "c_in", "c_in_scale", "c_in_bias", "c_in_nonlin"]
    assert net.nonlinearity is nonlinearities.tanh
    assert conv.nonlinearity is nonlinearities.identity
    assert (conv.b, list(conv.params)) == (None, [conv.W])
    scale, bias = rng.normal(size=(2, 4))
    net.input_layer.b.set_value(bias)
    net.input_layer.input_layer.scales.set_value(scale)
    maps = value_of(conv, x)
    mean, variance = (f((2, 3), keepdims=True) for f in (maps.mean, maps.var))
    expected = (maps - mean) / np.sqrt(variance + 0.01)
    expected = np.tanh(expected * scale[:, None, None] + bias[:, None, None])
    np.testing.assert_allclose(value_of(net, x), expected)


def test_instance_norm_without_parameters():
    linear = L.Conv2DLayer((None, 3, 6, 7), 4, 3, nonlinearity=None, b=None)
    plain = L.instance_norm(linear, learn_scale=False, learn_bias=False, name="own")
    assert plain.input_layer is linear.input_layer or isinstance(plain, L.NonlinearityLayer)
    flat = L.instance_norm(L.PadLayer((None, 3, 6, 7), 1), learn_bias=False, name="own")
    assert kinds(flat) == ["Standardization", "Scale"]
    assert names(flat) == ["own", "own_scale"]


def test_layer_norm_is_over_all_units(rng, value_of):
    x = rng.normal(size=(3, 8))
    dense = L.DenseLayer(L.InputLayer(x.shape), 5, name="d")
    net = L.layer_norm(dense)
    assert kinds(net) == ["Dense", "Standardization", "Scale", "Bias", "Nonlinearity"]
    assert names(net) == ["d", "d_ln", "d_ln_scale", "d_ln_bias", "d_ln_nonlin"]
    units = x @ dense.W.get_value()
    mean, variance = units.mean(1, keepdims=True), units.var(1, keepdims=True)
    expected = np.maximum((units - mean) / np.sqrt(variance + 1e-4), 0)
    np.testing.assert_allclose(value_of(net, x), expected)
    assert names(L.layer_norm(L.DenseLayer((None, 8), 5)))[1:] == [None] * 3


def test_batch_norm_needs_known_lengths():
    L.BatchNormLayer((64, 2, None), axes=(0, 2))
    with pytest.raises(ValueError, match=r"needs specified input sizes .*\(64, None, 3\) and axes"):
        L.BatchNormLayer((64, None, 3))


def test_batch_norm_axes_choose_the_parameters_shape():
    assert L.BatchNormLayer((2, 3, 4)).beta.type.shape == (3,)
    assert L.BatchNormLayer((2, 3, 4), axes=0).gamma.type.shape == (3, 4)
    assert L.BatchNormLayer((2, 3, 4), axes=(1, -1)).mean.type.shape == (2,)


@pytest.mark.parametrize(("beta", "gamma"), [(None, 2.0), (0.5, None), (None, None)])
def test_batch_norm_without_shift_or_scale(beta, gamma, rng, value_of):
    x = rng.normal(3, 2, size=(8, 4))
    layer = L.BatchNormLayer(L.InputLayer((None, 4)), beta=beta, gamma=gamma)
    expected = (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-4) * (gamma or 1) + (beta or 0)
    np.testing.assert_allclose(value_of(layer, x), expected)
    assert len(layer.params) == 4 - (beta is None) - (gamma is None)


def test_batch_norm_statistics_can_be_told_apart():
    layer = L.BatchNormLayer((None, 4))
    assert layer.get_params(batch_norm_stat=True) == [layer.mean, layer.inv_std]
    assert layer.get_params(batch_norm_stat=False) == [layer.beta, layer.gamma]
    assert layer.get_params(regularizable=True) == [layer.gamma]


def test_batch_norm_of_a_layer_without_nonlinearity():
    net = L.batch_norm(L.PadLayer((None, 3, 6, 7), 1, name="p"))
    assert isinstance(net, L.BatchNormLayer)
    assert net.name == "p_bn"
    assert L.batch_norm(L.PadLayer((None, 3, 6, 7), 1)).name is None
