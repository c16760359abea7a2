"""Angular margins against NumPy, and gradients at angles of 0 and pi."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

import lasagnette.layers as L
from lasagnette.objectives import categorical_crossentropy_logits

MARGIN, SCALE = 0.4, 10.0


def expected(x, w, targets, margin=MARGIN):
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    w = w / np.linalg.norm(w, axis=0)
    cosine = np.clip(x @ w, -1, 1)
    angle = np.arccos(cosine)
    own = np.eye(w.shape[1])[targets] > 0
    line = cosine - margin * np.sin(margin)
    shifted = np.where(angle <= np.pi - margin, np.cos(angle + margin), line)
    return SCALE * np.where(own, shifted, cosine)


def test_margin_while_training_only(rng, py_function):
    y = pt.ivector("y")
    layer = L.ArcFaceLayer(L.InputLayer((None, 5)), 4, y, margin=MARGIN, scale=SCALE)
    x = layer.input_layer.input_var
    values, classes = rng.normal(size=(50, 5)), rng.integers(4, size=50).astype("int32")
    w = layer.W.get_value()
    found = py_function([x, y], L.get_output(layer))(values, classes)
    np.testing.assert_allclose(found, expected(values, w, classes), atol=1e-9)
    found = py_function([x], L.get_output(layer, deterministic=True))(values)
    np.testing.assert_allclose(found, expected(values, w, classes, 0), atol=1e-9)
    assert (found[np.arange(50), classes] > expected(values, w, classes)[range(50), classes]).all()


def at_angles(angles, dtype="float64"):
    """Return the logits and gradients of samples at angles from their class."""
    zeros = np.zeros(len(angles), "int64")
    with pytensor.config.change_flags(floatX=dtype):
        layer = L.ArcFaceLayer(L.InputLayer((None, 2)), 2, zeros, W=np.eye(2).astype(dtype))
    x = layer.input_layer.input_var
    logits = L.get_output(layer)
    loss = categorical_crossentropy_logits(logits, zeros).sum()
    f = pytensor.function([x], [logits, *pytensor.grad(loss, [x, layer.W])], mode="FAST_COMPILE")
    return f(np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(dtype))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradients_are_finite_at_all_angles(dtype):
    logits, *grads = at_angles([0, 1e-5, 1e-3, np.pi - 1e-3, np.pi], dtype)
    assert logits.dtype == dtype
    assert np.isfinite(logits).all()
    for grad in grads:
        assert np.isfinite(grad).all()
        assert abs(grad).max() <= 500


def test_own_logit_falls_with_the_angle():
    own = at_angles(np.linspace(0.01, np.pi - 0.01, 100))[0][:, 0]
    assert (np.diff(own) < 0).all()


def test_zero_features_have_finite_gradients(py_function):
    layer = L.ArcFaceLayer(L.InputLayer((None, 3)), 2, [0])
    x = layer.input_layer.input_var
    loss = categorical_crossentropy_logits(L.get_output(layer), np.array([0])).sum()
    assert np.isfinite(py_function([x], pytensor.grad(loss, x))(np.zeros((1, 3)))).all()


def test_gradient_is_the_difference_quotient(rng, py_function):
    layer = L.ArcFaceLayer(L.InputLayer((None, 5)), 4, [0, 3, 1], margin=MARGIN, scale=SCALE)
    x = layer.input_layer.input_var
    loss = (L.get_output(layer) * rng.normal(size=(3, 4))).sum()
    f = py_function([x], [loss, pytensor.grad(loss, x)])
    value, direction = rng.normal(size=(3, 5)), rng.normal(size=(3, 5))
    slope = (f(value)[1] * direction).sum()
    step = 1e-6 * direction
    np.testing.assert_allclose(slope, (f(value + step)[0] - f(value - step)[0]) / 2e-6, rtol=1e-5)


@pytest.mark.parametrize(
    ("incoming", "arguments", "message"),
    [
        ((None, 3, 2), {}, r"must be \(batch, features\) .* got \(None, 3, 2\)"),
        ((None, None), {}, r"with a known number of features, got \(None, None\)"),
        ((None, 3), {"targets": pt.dvector()}, "targets must be a vector of integers"),
        ((None, 3), {"targets": pt.imatrix()}, "targets must be a vector of integers"),
        ((None, 3), {"margin": 3.2}, "margin must be from 0 to below pi, got 3.2"),
        ((None, 3), {"scale": 0}, "scale must be positive, got 0"),
    ],
)
def test_bad_arguments(incoming, arguments, message):
    with pytest.raises(ValueError, match=message):
        L.ArcFaceLayer(incoming, 4, **({"targets": [0]} | arguments))
