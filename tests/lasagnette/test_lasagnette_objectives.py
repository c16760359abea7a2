"""Objectives against NumPy, and their gradients at extreme predictions."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.graph.traversal import ancestors
from scipy.special import log_softmax, softmax

from lasagnette import nonlinearities as n
from lasagnette import objectives as o

CLASSES = np.array([2, 0, 1, 2])


@pytest.fixture
def logits(rng):
    return rng.normal(size=(4, 3))


def one_hot(classes=CLASSES):
    return np.eye(3)[classes]


@pytest.mark.parametrize("targets", [CLASSES, one_hot(), one_hot() * 0.7 + 0.1])
def test_categorical_crossentropy(targets, logits, py_function):
    x = pt.dmatrix("x")
    dense = one_hot() if targets.ndim == 1 else targets
    expected = -(dense * log_softmax(logits, axis=1)).sum(1)
    losses = [
        o.categorical_crossentropy_logits(x, targets),
        o.categorical_crossentropy(pt.exp(x) / pt.exp(x).sum(1, keepdims=True), targets),
        o.categorical_crossentropy(n.softmax(x), targets),
    ]
    for value in py_function([x], losses)(logits):
        np.testing.assert_allclose(value, expected)


def test_categorical_crossentropy_of_more_dimensions(rng, py_function):
    x, y = pt.dtensor3("x"), pt.lmatrix("y")
    values, classes = rng.normal(size=(4, 5, 3)), rng.integers(3, size=(4, 5))
    result = py_function([x, y], o.categorical_crossentropy_logits(x, y))(values, classes)
    expected = -np.take_along_axis(log_softmax(values, axis=-1), classes[..., None], -1)[..., 0]
    np.testing.assert_allclose(result, expected)


EXTREME_LOGITS = np.array([[0, 0, 0], [1e4, 0, -1e4], [-1e4, 1e4, 0], [88, -88, 1e30]])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "loss",
    [
        o.categorical_crossentropy_logits,
        lambda x, y: o.categorical_crossentropy(n.softmax(x), y),
    ],
)
def test_crossentropy_of_extreme_logits(loss, dtype, py_function):
    x = pt.matrix("x", dtype=dtype)
    values = loss(x, CLASSES)
    f = py_function([x], [values, pytensor.grad(values.sum(), x)])
    at = EXTREME_LOGITS.astype(dtype)
    value, grad = f(at)
    np.testing.assert_allclose(grad, softmax(at, axis=1) - one_hot(), atol=1e-6)
    np.testing.assert_allclose(value, -(one_hot() * log_softmax(at, axis=1)).sum(1), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("targets", [CLASSES, one_hot()])
def test_crossentropy_of_extreme_probabilities(targets, dtype, py_function):
    p = pt.matrix("p", dtype=dtype)
    values = o.categorical_crossentropy(p, targets)
    f = py_function([p], [values, pytensor.grad(values.sum(), p)])
    tiny = np.finfo(dtype).tiny
    at = np.array([[1, 0, 0], [1, 0, 0], [0, tiny, 1], [0, 0, 1]], dtype)
    value, grad = f(at)
    assert np.isfinite(value).all()
    assert np.isfinite(grad).all()
    assert value[0] > 80
    assert value[1] == value[3] == 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_binary_crossentropy_at_extremes(dtype, py_function):
    x, y = pt.vector("x", dtype=dtype), pt.ivector("y")
    at = np.array([-1e4, -100, 0, 1, 100, 1e4], dtype)
    targets = np.array([1, 0, 1, 0, 1, 0], "int32")
    expected = np.logaddexp(0, at.astype("float64")) - targets * at
    for loss in (o.binary_crossentropy_logits(x, y), o.binary_crossentropy(n.sigmoid(x), y)):
        value, grad = py_function([x, y], [loss, pytensor.grad(loss.sum(), x)])(at, targets)
        np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(grad, 1 / (1 + np.exp(-at.clip(-80, 80))) - targets, atol=1e-6)
    loss = o.binary_crossentropy(x, y)
    value, grad = py_function([x, y], [loss, pytensor.grad(loss.sum(), x)])(
        np.array([0, 1, 0, 1, 0.25, 0.25], dtype), np.array([0, 1, 1, 0, 0, 1], "int32")
    )
    np.testing.assert_allclose(value[[0, 1, 4, 5]], [0, 0, np.log(4 / 3), np.log(4)], rtol=1e-6)
    assert np.isfinite(value).all()
    assert np.isfinite(grad).all()


def test_vector_of_targets_fits_a_column(rng, py_function):
    predictions = pt.tensor("p", dtype="float64", shape=(None, 1))
    targets = pt.dvector("t")
    p, t = rng.random((5, 1)), rng.integers(2, size=5).astype(float)
    for loss in (o.squared_error, o.binary_crossentropy, o.huber_loss, o.binary_accuracy):
        value = py_function([predictions, targets], loss(predictions, targets))(p, t)
        assert value.shape == (5, 1)
    value = py_function([predictions, targets], o.squared_error(predictions, targets))(p, t)
    np.testing.assert_allclose(value[:, 0], (p[:, 0] - t) ** 2)


def test_aggregate(rng, py_function):
    loss, weights = pt.dvector("l"), pt.dvector("w")
    l, w = rng.random(6), rng.random(6)
    results = py_function(
        [loss, weights],
        [
            o.aggregate(loss),
            o.aggregate(loss, mode="sum"),
            o.aggregate(loss, weights),
            o.aggregate(loss, weights, mode="normalized_sum"),
        ],
    )(l, w)
    np.testing.assert_allclose(
        results, [l.mean(), l.sum(), (l * w).mean(), (l * w).sum() / w.sum()]
    )
    with pytest.raises(ValueError, match=r"mode must be .* got 'median'"):
        o.aggregate(loss, mode="median")
    with pytest.raises(ValueError, match="require weights for mode 'normalized_sum'"):
        o.aggregate(loss, mode="normalized_sum")


def test_binary_hinge_loss(rng, py_function):
    x, y = pt.dvector("x"), pt.lvector("y")
    at, targets = rng.normal(size=8), rng.integers(2, size=8)
    sign = 2 * targets - 1
    results = py_function(
        [x, y],
        [
            o.binary_hinge_loss(x, y, log_odds=True),
            o.binary_hinge_loss(n.sigmoid(x), y, delta=2, log_odds=False),
            o.binary_hinge_loss(x, 2 * y - 1, log_odds=True, binary=False),
        ],
    )(at, targets)
    np.testing.assert_allclose(results[0], np.maximum(0, 1 - sign * at))
    np.testing.assert_allclose(results[1], np.maximum(0, 2 - sign * at))
    np.testing.assert_allclose(results[2], results[0])
    with pytest.warns(FutureWarning, match="log_odds"):
        o.binary_hinge_loss(x, y)


@pytest.mark.parametrize("targets", [CLASSES, one_hot()])
def test_multiclass_hinge_loss(targets, logits, py_function):
    x = pt.dmatrix("x")
    loss = o.multiclass_hinge_loss(x, targets, delta=0.5)
    value, grad = py_function([x], [loss, pytensor.grad(loss.sum(), x)])(logits)
    correct = logits[np.arange(4), CLASSES]
    others = np.where(one_hot() > 0, -np.inf, logits).max(1)
    np.testing.assert_allclose(value, np.maximum(0, others - correct + 0.5))
    np.testing.assert_array_equal(grad.sum(1), 0)
    np.testing.assert_array_equal(grad[np.arange(4), CLASSES], -(value > 0).astype(float))


def test_huber_loss(py_function):
    p, t = pt.dvector("p"), pt.dvector("t")
    loss = o.huber_loss(p, t, delta=2)
    f = py_function([p, t], [loss, pytensor.grad(loss.sum(), p)])
    value, grad = f(np.array([0.0, 1, 2, 5, -5]), np.zeros(5))
    np.testing.assert_allclose(value, [0, 0.5, 2, 8, 8])
    np.testing.assert_allclose(grad, [0, 1, 2, 2, -2])


def test_accuracies(logits, py_function):
    x, y = pt.dmatrix("x"), pt.lvector("y")
    order = np.argsort(logits, axis=1)
    first, second, rows = order[:, -1], order[:, -2], pt.lmatrix("rows")
    f = py_function(
        [x, y, rows],
        [
            o.categorical_accuracy(x, y),
            o.categorical_accuracy(x, rows),
            o.categorical_accuracy(x, y, top_k=2),
        ],
    )
    top1, encoded, top2 = f(logits, second, np.eye(3, dtype=int)[first])
    assert not top1.any()
    assert encoded.all()
    assert top2.all()
    binary = py_function([x], o.binary_accuracy(x, np.array([[1, 0]]), threshold=0.3))
    np.testing.assert_array_equal(binary([[0.3, 0.3], [0.2, 0.2]]), [[1, 0], [0, 1]])


@pytest.mark.parametrize(
    "objective",
    [
        o.categorical_crossentropy,
        o.categorical_crossentropy_logits,
        o.multiclass_hinge_loss,
        o.categorical_accuracy,
    ],
)
def test_targets_of_wrong_rank_are_named(objective):
    with pytest.raises(TypeError, match=f"{objective.__name__}: rank mismatch: targets"):
        objective(pt.dtensor3(), pt.lvector())
    if objective is not o.categorical_accuracy:
        with pytest.raises(TypeError, match="targets must be integers"):
            objective(pt.dmatrix(), pt.dvector())


@pytest.mark.parametrize(
    ("objective", "targets"),
    [
        (o.categorical_crossentropy, pt.lvector()),
        (o.categorical_crossentropy_logits, pt.lvector()),
        (o.categorical_crossentropy_logits, pt.lmatrix()),
        (o.multiclass_hinge_loss, pt.lvector()),
        (o.binary_crossentropy, pt.lmatrix()),
        (o.binary_crossentropy_logits, pt.lmatrix()),
        (o.squared_error, pt.lmatrix()),
        (o.huber_loss, pt.dmatrix()),
        (lambda p, t: o.binary_hinge_loss(p, t, log_odds=False), pt.lmatrix()),
    ],
)
def test_float32_predictions_keep_float32(objective, targets):
    assert pytensor.config.floatX == "float64"
    p = pt.fmatrix("p")
    loss = o.aggregate(objective(p, targets), weights=0.5)
    graph = ancestors([loss, pytensor.grad(loss, p)], blockers=[targets])
    wide = [v for v in graph if getattr(v.type, "dtype", "") == "float64" and v is not targets]
    assert loss.dtype == "float32"
    assert not wide


def test_distillation_is_the_scaled_divergence(logits, rng, py_function):
    teacher = rng.normal(size=(4, 3))
    x, y = pt.dmatrix("x"), pt.dmatrix("y")
    f = py_function([x, y], o.distillation_loss(x, y, temperature=2))
    p, q = softmax(teacher / 2, axis=1), softmax(logits / 2, axis=1)
    np.testing.assert_allclose(f(logits, teacher), 4 * (p * np.log(p / q)).sum(1))
    np.testing.assert_allclose(f(teacher, teacher), 0, atol=1e-12)


def test_distillation_teaches_the_student_only(logits, rng, py_function):
    x, y = pt.dmatrix("x"), pt.dmatrix("y")
    teacher = rng.normal(size=(4, 3))
    loss = o.distillation_loss(x, y, temperature=3.0).sum()
    grads = py_function([x, y], pytensor.grad(loss, [x, y], disconnected_inputs="ignore"))
    found, none = grads(logits, teacher)
    np.testing.assert_allclose(found, 3 * (softmax(logits / 3, 1) - softmax(teacher / 3, 1)))
    assert (none == 0).all()
    found, _ = grads(EXTREME_LOGITS, -EXTREME_LOGITS)
    assert np.isfinite(found).all()
    with pytest.raises(ValueError, match="temperature must be positive, got 0"):
        o.distillation_loss(x, y, temperature=0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_center_loss_and_its_centres(dtype, rng):
    start = rng.normal(size=(3, 5)).astype(dtype)
    values = rng.normal(size=(4, 5)).astype(dtype)
    centers = pytensor.shared(start, shape=(3, 5))
    x, y = pt.matrix("x", dtype=dtype), pt.ivector("y")
    loss, updates = o.center_loss(x, y, centers, rate=0.5)
    assert loss.dtype == dtype
    step = pytensor.function(
        [x, y], [loss, pytensor.grad(loss.sum(), x)], updates=updates, mode="FAST_COMPILE"
    )
    classes = np.array([2, 0, 2, 2], "int32")
    found, grad = step(values, classes)
    np.testing.assert_allclose(found, ((values - start[classes]) ** 2).sum(1) / 2, rtol=1e-5)
    np.testing.assert_allclose(grad, values - start[classes], rtol=1e-5)
    expected = start.copy()
    for c in range(3):
        items = values[classes == c]
        expected[c] += 0.5 * (items - start[c]).sum(0) / (1 + len(items))
    np.testing.assert_allclose(centers.get_value(), expected, rtol=1e-5)


def test_center_loss_names_bad_arguments():
    centers = pytensor.shared(np.zeros((3, 5)))
    with pytest.raises(TypeError, match="centers must be a shared variable"):
        o.center_loss(pt.dmatrix(), pt.ivector(), np.zeros((3, 5)))
    for features, targets in ((pt.dvector(), pt.ivector()), (pt.dmatrix(), pt.dvector())):
        with pytest.raises(ValueError, match="features and centers must be matrices and targets"):
            o.center_loss(features, targets, centers)


@pytest.mark.parametrize(
    "objective",
    [
        o.categorical_crossentropy,
        o.categorical_crossentropy_logits,
        lambda p, t: o.categorical_crossentropy(n.softmax(p), t),
        o.multiclass_hinge_loss,
    ],
)
@pytest.mark.parametrize(("shape", "last"), [((None, None), "classes - 1"), ((None, 3), "2")])
def test_class_numbers_out_of_range_are_named(objective, shape, last, py_function):
    p, t = pt.tensor("p", shape=shape, dtype="float64"), pt.ivector("t")
    losses = objective(p, t)
    function = py_function([p, t], [losses, pytensor.grad(losses.sum(), p)])
    values = np.full((2, 3), 1 / 3)
    loss, gradient = function(values, np.int32([0, 2]))
    assert (loss > 0).all()
    assert np.isfinite(gradient).all()
    function(values[:0], np.int32([]))
    for wrong in ([0, 3], [-1, 2]):
        with pytest.raises(AssertionError, match=f"class numbers from 0 to {last}, some are not"):
            function(values, np.int32(wrong))
