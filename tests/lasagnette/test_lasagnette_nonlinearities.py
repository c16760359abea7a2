"""Nonlinearities against NumPy, at extremes and in float32."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from scipy.special import expit, softmax

from lasagnette import nonlinearities as n

ALPHA, SCALE = 1.6732632423543772, 1.0507009873554805

REFERENCES = {
    "sigmoid": (n.sigmoid, expit),
    "tanh": (n.tanh, np.tanh),
    "scaled tanh": (n.ScaledTanH(0.5, 2), lambda x: 2 * np.tanh(x / 2)),
    "rectify": (n.rectify, lambda x: np.maximum(x, 0)),
    "leaky": (n.leaky_rectify, lambda x: np.where(x > 0, x, 0.01 * x)),
    "very leaky": (n.very_leaky_rectify, lambda x: np.where(x > 0, x, x / 3)),
    "steeper": (n.LeakyRectify(2.0), lambda x: np.where(x > 0, x, 2 * x)),
    "elu": (n.elu, lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0)))),
    "selu": (n.selu, lambda x: SCALE * np.where(x > 0, x, ALPHA * np.expm1(np.minimum(x, 0)))),
    "softplus": (n.softplus, lambda x: np.logaddexp(0, x)),
    "linear": (n.linear, lambda x: x),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", REFERENCES)
def test_value_and_finite_gradient(name, dtype, py_function):
    function, reference = REFERENCES[name]
    x = pt.vector("x", dtype=dtype)
    y = function(x)
    grad = pytensor.grad(y.sum(), x)
    assert y.dtype == grad.dtype == dtype
    at = np.array([-1e4, -100, -1, -1e-3, 0, 1e-3, 1, 100, 1e4], dtype)
    value, slope = py_function([x], [y, grad])(at)
    np.testing.assert_allclose(value, reference(at.astype("float64")), rtol=1e-5, atol=1e-7)
    assert np.isfinite(slope).all()


def test_rectifiers_gradient_is_zero_at_zero_and_nan_stays():
    x = pt.dvector("x")
    y = n.rectify(x)
    value, grad = pytensor.function([x], [y, pytensor.grad(y.sum(), x)], mode="FAST_COMPILE")(
        [np.nan, 0, -np.inf, 2]
    )
    np.testing.assert_array_equal(value, [np.nan, 0, 0, 2])
    np.testing.assert_array_equal(grad[1:], [0, 0, 1])


def test_softmax_is_per_row():
    x = pt.dmatrix("x")
    values = np.array([[1.0, 2, 3], [1000, 0, -1000]])
    np.testing.assert_allclose(
        n.softmax(x).eval({x: values}, mode="FAST_COMPILE"), softmax(values, axis=-1)
    )


def test_names_of_lasagne():
    assert n.identity is n.linear
    assert n.ScaledTanh is n.ScaledTanH
    x = pt.dvector()
    assert n.linear(x) is x
