"""Statistics of the initializers, and the generator behind them."""

from __future__ import annotations

from inspect import signature

import numpy as np
import pytensor
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lasagnette import init, random
from lasagnette.layers import Conv2DLayer, DenseLayer

pytestmark = pytest.mark.usefixtures("seeded")

DENSE = (300, 200)
CONV = (60, 40, 5, 5)


@pytest.mark.parametrize(
    ("initializer", "shape", "std"),
    [
        (init.Normal(0.5), DENSE, 0.5),
        (init.Uniform(0.5), DENSE, 0.5 / np.sqrt(3)),
        (init.Uniform(std=0.5), DENSE, 0.5),
        (init.GlorotNormal(), DENSE, np.sqrt(2 / 500)),
        (init.GlorotUniform("relu"), DENSE, np.sqrt(4 / 500)),
        (init.GlorotUniform(), CONV, np.sqrt(2 / (100 * 25))),
        (init.Glorot(init.Normal, gain=2), CONV, 2 * np.sqrt(2 / (100 * 25))),
        (init.HeNormal("relu"), DENSE, np.sqrt(2 / 300)),
        (init.HeUniform(), DENSE, np.sqrt(1 / 300)),
        (init.HeNormal(), CONV, np.sqrt(1 / 1000)),
        (init.He(init.Uniform, gain="relu"), CONV, np.sqrt(2 / 1000)),
    ],
)
def test_mean_and_deviation(initializer, shape, std):
    sample = initializer(shape)
    assert sample.shape == shape
    assert abs(sample.mean()) < 5 * std / np.sqrt(sample.size)
    np.testing.assert_allclose(sample.std(), std, rtol=0.02)


def test_location_and_bounds():
    assert abs(init.Normal(0.1, mean=4)((1000,)).mean() - 4) < 0.02
    sample = init.Uniform((2, 3))((1000,))
    assert 2 <= sample.min() < 2.1
    assert 2.9 < sample.max() <= 3
    assert abs(init.Uniform(std=0.1, mean=4)((1000,)).mean() - 4) < 0.02
    assert (init.Constant(0.25)((2, 3)) == 0.25).all()


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 3), st.sampled_from([1.0, "relu"]))
@settings(deadline=None, max_examples=30)
def test_orthogonal_rows_or_columns(rows, columns, side, gain):
    sample = init.Orthogonal(gain)((rows, columns, side, side))
    matrix = sample.reshape(rows, -1)
    product = matrix @ matrix.T if rows <= matrix.shape[1] else matrix.T @ matrix
    factor = 2 if gain == "relu" else 1
    np.testing.assert_allclose(product, factor * np.eye(len(product)), atol=1e-9)


def test_sparse_columns_have_exactly_as_many_entries():
    sample = init.Sparse(0.3, std=0.5)((50, 400))
    assert ((sample != 0).sum(axis=0) == 15).all()
    assert ((sample != 0).sum(axis=1) > 60).all()  # spread over the rows
    np.testing.assert_allclose(sample[sample != 0].std(), 0.5, rtol=0.05)


@pytest.mark.parametrize(
    "initializer",
    [
        init.Normal(),
        init.Uniform(),
        init.GlorotUniform(),
        init.HeNormal(),
        init.Constant(1),
        init.Sparse(),
        init.Orthogonal(),
    ],
)
def test_dtype_follows_floatx(initializer):
    assert initializer((20, 10)).dtype == pytensor.config.floatX == "float64"
    with pytensor.config.change_flags(floatX="float32"):
        assert initializer((20, 10)).dtype == "float32"


@pytest.mark.parametrize("initializer", [init.GlorotUniform(), init.HeNormal(), init.Orthogonal()])
def test_vectors_are_refused(initializer):
    with pytest.raises(RuntimeError, match=r"needs a shape of two dimensions or more, got \(3,\)"):
        initializer((3,))


@pytest.mark.parametrize(
    "kind", [init.GlorotNormal, init.GlorotUniform, init.HeNormal, init.HeUniform]
)
def test_channels_first_and_last_filters_have_the_same_deviation(kind):
    expected = kind()((60, 40, 3, 5)).std()
    np.testing.assert_allclose(kind(c01b=True)((40, 3, 5, 60)).std(), expected, rtol=0.05)
    with pytest.raises(RuntimeError, match=r"c01b=True needs a shape of four .*, got \(4, 3\)"):
        kind(c01b=True)((4, 3))


def test_bad_arguments():
    with pytest.raises(
        RuntimeError, match=r"Sparse needs a shape of two dimensions, got \(2, 2, 2\)"
    ):
        init.Sparse()((2, 2, 2))
    with pytest.raises(ValueError, match="gain must be a number or 'relu', got 'tanh'"):
        init.HeNormal("tanh")
    with pytest.raises(NotImplementedError):
        init.Initializer()((2, 2))


def test_seed_makes_the_same_network():
    def weights(seed):
        random.set_rng(seed)
        return Conv2DLayer((None, 3, 9, 9), 4, 3).W.get_value()

    np.testing.assert_array_equal(weights(5), weights(5))
    assert (weights(5) != weights(6)).all()
    np.testing.assert_array_equal(weights(np.random.default_rng(5)), weights(5))


def test_legacy_random_state_is_taken():
    random.set_rng(np.random.RandomState(3))
    first = DenseLayer((None, 5), 4).W.get_value()
    random.set_rng(np.random.RandomState(3))
    np.testing.assert_array_equal(DenseLayer((None, 5), 4).W.get_value(), first)
    assert isinstance(random.get_rng(), np.random.Generator)


@pytest.mark.usefixtures("seeded")
def test_seed_of_the_generator_in_use():
    for rng in (3, np.random.default_rng(3), np.random.RandomState(3)):
        random.set_rng(rng)
        samples = []
        for _ in range(2):
            random.get_rng().seed(1234)
            samples.append(init.Normal()((3,)))
        np.testing.assert_array_equal(*samples)
        assert (init.Normal()((3,)) != samples[0]).all()


@pytest.mark.parametrize(
    "text",
    [
        "Normal()",
        "Normal(std=0.1, mean=2.0)",
        "Uniform()",
        "Uniform(range=0.5)",
        "Uniform(range=(0, 1))",
        "GlorotUniform()",
        "GlorotNormal(gain=2.0, c01b=True)",
        "Glorot(initializer=Normal)",
        "He(initializer=Uniform, gain=2.0)",
        "Constant()",
        "Sparse(std=0.5)",
        "Orthogonal()",
    ],
)
def test_repr_is_the_call(text):
    assert repr(eval(f"init.{text}", {"init": init} | vars(init))) == text


def test_signatures_name_the_default_initializers():
    assert "W: 'Any' = GlorotUniform(), b: 'Any' = Constant()," in str(signature(DenseLayer))


def test_repr_of_an_initializer_that_keeps_nothing():
    class Ones(init.Initializer):
        def __init__(self, what, *more, **options):
            pass

    assert repr(Ones(3)) == "Ones()"
