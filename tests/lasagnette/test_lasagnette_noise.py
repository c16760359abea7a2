"""Gaussian noise and the forms of dropout: distribution, independence, repetition."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from scipy import stats

import lasagnette.layers as L
from lasagnette import backend
from lasagnette.random import set_rng

pytestmark = pytest.mark.usefixtures("seeded")


@pytest.fixture
def draw(py_function):
    """Return a function that draws a layer's noisy output for an input."""

    def draw(layer):
        return py_function([layer.input_layer.input_var], L.get_output(layer))

    return draw


def test_noise_is_normal(draw):
    layer = L.GaussianNoiseLayer(L.InputLayer((None, 500)), sigma=0.5)
    noise = draw(layer)(np.full((100, 500), 3.0)) - 3
    assert stats.kstest(noise.ravel() / 0.5, "norm").pvalue > 0.01
    assert noise.dtype == "float64"
    assert abs(np.corrcoef(noise[:, :-1].ravel(), noise[:, 1:].ravel())[0, 1]) < 0.02


def test_noise_is_drawn_anew_and_can_be_repeated(draw):
    layer = L.GaussianNoiseLayer(L.InputLayer((None, 500)), name="noise")
    assert layer.state.name == "noise.state"
    f, zeros = draw(layer), np.zeros((20, 500))
    first, second = f(zeros), f(zeros)
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.05
    key, counter = layer.state.get_value()
    assert counter == 2
    layer.state.set_value(np.array([key, 0]))
    np.testing.assert_array_equal(f(zeros), first)


def test_noise_of_calls_is_independent(py_function):
    layer = L.GaussianNoiseLayer(L.InputLayer((None, 500)))
    outputs = [L.get_output(layer) for _ in range(2)]
    a, b = py_function([layer.input_layer.input_var], outputs)(np.zeros((20, 500)))
    assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.05
    assert list(L.get_updates(outputs)) == [layer.state]


def test_noise_of_a_seed_is_the_same(draw):
    def noise(seed):
        set_rng(seed)
        return draw(L.GaussianNoiseLayer(L.InputLayer((None, 50))))(np.zeros((2, 50)))

    np.testing.assert_array_equal(noise(3), noise(3))
    assert (noise(3) != noise(4)).all()


def test_noise_takes_a_symbolic_deviation(py_function):
    sigma = pt.dscalar()
    layer = L.GaussianNoiseLayer(L.InputLayer((None, 200)), sigma=sigma)
    x = layer.input_layer.input_var
    f = py_function([x, sigma], [L.get_output(layer), L.get_output(layer, deterministic=True)])
    noisy, clean = f(np.ones((50, 200)), 4)
    assert abs(noisy.std() - 4) < 0.1
    assert (clean == 1).all()
    quiet, _ = f(np.ones((50, 200)), 0)
    assert (quiet == 1).all()


def test_no_noise_without_deviation():
    layer = L.GaussianNoiseLayer(L.InputLayer((None, 5)), sigma=0)
    assert L.get_output(layer) is layer.input_layer.input_var
    with pytest.raises(ValueError, match=r"GaussianNoiseLayer: sigma must .* got -0\.1"):
        L.GaussianNoiseLayer((None, 5), sigma=-0.1)


@pytest.mark.parametrize(
    ("make", "axes"),
    [
        (L.dropout_channels, (2, 3)),
        (L.spatial_dropout, (2, 3)),
        (L.dropout_locations, (1,)),
    ],
)
def test_dropout_of_whole_parts(make, axes, draw):
    layer = make(L.InputLayer((None, 20, 6, 5)), 0.25, name="drop")
    assert (layer.p, layer.name, layer.shared_axes) == (0.25, "drop", axes)
    value = draw(layer)(np.ones((30, 20, 6, 5)))
    parts = value.min(axes)
    np.testing.assert_array_equal(parts, value.max(axes))
    assert abs((parts == 0).mean() - 0.25) < 0.06
    np.testing.assert_allclose(parts.max(), 4 / 3)


def test_dropout_of_integers(draw):
    words = L.InputLayer((None, 50), input_var=pt.imatrix())
    ones = np.ones((20, 50), "int32")
    kept = draw(L.DropoutLayer(words, rescale=False))(ones)
    assert kept.dtype == "int32"
    assert set(np.unique(kept)) == {0, 1}
    scaled = draw(L.DropoutLayer(words))(ones)
    assert set(np.unique(scaled)) == {0, 2}


@pytest.mark.skipif(
    find_spec("jax") is None,
    reason="JAX is not installed: pip install -r requirements/jax.txt",
)
@pytest.mark.parametrize(
    "make",
    [
        L.GaussianNoiseLayer,
        L.RandomizedRectifierLayer,
        lambda l: L.rrelu(L.DenseLayer(l, 3, W=np.eye(3), num_leading_axes=2), shared_axes=1),
    ],
)
def test_jax_draws_the_same_for_lengths_it_learns_late(make, py_function):
    layer = make(L.InputLayer((None, None, 3)))
    x = L.get_all_layers(layer)[0].input_var
    output = L.get_output(layer)
    inputs, outputs = [x], [output, pytensor.grad(output.sum(), x)]
    start = layer.state.get_value()
    plain, by_jax = [], []
    for results, function in (
        (plain, py_function(inputs, outputs)),
        (by_jax, pytensor.function(inputs, outputs, mode=backend.mode("jax"))),
    ):
        layer.state.set_value(start)
        results += [function(np.full((batch, 2, 3), -1.0)) for batch in (4, 5)]
    for expected, found in zip(plain, by_jax, strict=True):
        np.testing.assert_allclose(found[0], expected[0], atol=1e-12)
        np.testing.assert_allclose(found[1], expected[1], atol=1e-12)
    assert len(np.unique(np.round(plain[0][0], 9))) > 1
