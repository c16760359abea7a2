"""Update rules against slow NumPy references."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.graph.traversal import ancestors

from lasagnette import updates as u
from lasagnette.utils import compute_norms

STEPS = 6


def loss_gradient(w):
    """Gradient of sum(w**4 / 4 - w)."""
    return w**3 - 1


def sgd(w, g, s, lr=0.1):
    return w - lr * g


def momentum(w, g, s, lr=0.1, mu=0.8):
    s["v"] = mu * s.get("v", 0) - lr * g
    return w + s["v"]


def nesterov(w, g, s, lr=0.1, mu=0.8):
    s["v"] = mu * s.get("v", 0) - lr * g
    return w + mu * s["v"] - lr * g


def adagrad(w, g, s, lr=0.1, eps=1e-6):
    s["a"] = s.get("a", 0) + g**2
    return w - lr * g / np.sqrt(s["a"] + eps)


def rmsprop(w, g, s, lr=0.01, rho=0.7, eps=1e-5):
    s["a"] = rho * s.get("a", 0) + (1 - rho) * g**2
    return w - lr * g / np.sqrt(s["a"] + eps)


def adadelta(w, g, s, lr=0.9, rho=0.8, eps=1e-3):
    s["a"] = rho * s.get("a", 0) + (1 - rho) * g**2
    step = g * np.sqrt(s.get("d", 0) + eps) / np.sqrt(s["a"] + eps)
    s["d"] = rho * s.get("d", 0) + (1 - rho) * step**2
    return w - lr * step


def adam(w, g, s, lr=0.1, b1=0.8, b2=0.9, eps=1e-3, largest=False):
    s["t"] = t = s.get("t", 0) + 1
    s["m"] = b1 * s.get("m", 0) + (1 - b1) * g
    s["v"] = b2 * s.get("v", 0) + (1 - b2) * g**2
    s["x"] = np.maximum(s.get("x", 0), s["v"])
    v = s["x"] if largest else s["v"]
    return w - lr * np.sqrt(1 - b2**t) / (1 - b1**t) * s["m"] / (np.sqrt(v) + eps)


def amsgrad(w, g, s):
    return adam(w, g, s, largest=True)


def adamax(w, g, s, lr=0.1, b1=0.8, b2=0.9, eps=1e-3):
    s["t"] = t = s.get("t", 0) + 1
    s["m"] = b1 * s.get("m", 0) + (1 - b1) * g
    s["u"] = np.maximum(b2 * s.get("u", 0), abs(g))
    return w - lr / (1 - b1**t) * s["m"] / (s["u"] + eps)


def adamw(w, g, s):
    return adam(w, g, s) - 0.1 * 0.3 * w


ADAM = {"learning_rate": 0.1, "beta1": 0.8, "beta2": 0.9, "epsilon": 1e-3}
RULES = {
    "sgd": (u.sgd, {"learning_rate": 0.1}, sgd),
    "momentum": (u.momentum, {"learning_rate": 0.1, "momentum": 0.8}, momentum),
    "nesterov": (u.nesterov_momentum, {"learning_rate": 0.1, "momentum": 0.8}, nesterov),
    "adagrad": (u.adagrad, {"learning_rate": 0.1}, adagrad),
    "rmsprop": (u.rmsprop, {"learning_rate": 0.01, "rho": 0.7, "epsilon": 1e-5}, rmsprop),
    "adadelta": (u.adadelta, {"learning_rate": 0.9, "rho": 0.8, "epsilon": 1e-3}, adadelta),
    "adam": (u.adam, ADAM, adam),
    "amsgrad": (u.amsgrad, ADAM, amsgrad),
    "adamw": (u.adamw, ADAM | {"weight_decay": 0.3}, adamw),
    "adamax": (u.adamax, ADAM, adamax),
}


def a_parameter(dtype="float64", shape=(3, 1)):
    value = np.linspace(-1, 2, int(np.prod(shape))).reshape(shape).astype(dtype)
    return pytensor.shared(value, name="w", shape=shape)


def the_loss(w):
    return (w**4).sum() / np.asarray(4, w.dtype) - w.sum()


@pytest.mark.parametrize("name", RULES)
def test_rule_is_the_reference(name, py_function):
    rule, arguments, reference = RULES[name]
    w = a_parameter()
    step = py_function([], updates=rule(the_loss(w), [w], **arguments))
    expected, state = w.get_value(), {}
    for _ in range(STEPS):
        step()
        expected = reference(expected, loss_gradient(expected), state)
        np.testing.assert_allclose(w.get_value(), expected, rtol=1e-10)


@pytest.mark.parametrize("name", RULES)
def test_symbolic_hyperparameters_and_given_gradients(name, py_function):
    """The same steps come from gradients and from hyperparameters in shared variables."""
    rule, arguments, _ = RULES[name]
    w, v = a_parameter(), a_parameter()
    symbolic = {k: pytensor.shared(np.float32(x)) for k, x in arguments.items()}
    first = py_function([], updates=rule(the_loss(w), [w], **arguments))
    second = py_function([], updates=rule([pytensor.grad(the_loss(v), v)], [v], **symbolic))
    for _ in range(3):
        first()
        second()
    np.testing.assert_allclose(w.get_value(), v.get_value(), rtol=1e-5)


@pytest.mark.parametrize("name", RULES)
def test_float32_parameters_keep_float32(name):
    assert pytensor.config.floatX == "float64"
    w = a_parameter("float32")
    updates = RULES[name][0](the_loss(w), [w], 0.1)
    assert all(v.dtype == new.dtype == "float32" for v, new in updates.items())
    assert all(new.type.is_super(v.type) for v, new in updates.items())
    assert all(v.name for v in updates)
    wide = [v for v in ancestors(list(updates.values())) if v.type.dtype == "float64"]
    assert not wide


def test_learning_rate_can_change_between_steps(py_function):
    w, rate = a_parameter(), pytensor.shared(0.0)
    step = py_function([], updates=u.sgd(the_loss(w), [w], rate))
    before = w.get_value()
    step()
    np.testing.assert_array_equal(w.get_value(), before)
    rate.set_value(0.1)
    step()
    np.testing.assert_allclose(w.get_value(), before - 0.1 * loss_gradient(before))


@pytest.mark.parametrize(
    ("apply", "reference"), [(u.apply_momentum, momentum), (u.apply_nesterov_momentum, nesterov)]
)
def test_momentum_of_chosen_parameters(apply, reference, py_function):
    w, v = a_parameter(), a_parameter()
    plain = u.sgd(the_loss(w) + the_loss(v), [w, v], 0.1)
    updates = apply(plain, [w], momentum=0.8)
    assert len(plain) == 2
    assert len(updates) == 3
    step = py_function([], updates=updates)
    expected, state, simple = w.get_value(), {}, v.get_value()
    for _ in range(3):
        step()
        expected = reference(expected, loss_gradient(expected), state)
        simple = sgd(simple, loss_gradient(simple), {})
    np.testing.assert_allclose(w.get_value(), expected)
    np.testing.assert_allclose(v.get_value(), simple)


def test_gradients_take_the_parameters_static_shape():
    """An update of unknown shape would not be taken for a parameter with a length of 1."""
    w = a_parameter()
    unknown = pt.dmatrix("g")
    assert w.type.is_super(u.sgd([unknown], [w], 0.1)[w].type)


def test_given_gradients_are_passed_through():
    w = a_parameter()
    grads = [pt.dmatrix("g")]
    assert u.get_or_compute_grads(grads, [w]) is grads


def test_bad_arguments_are_named():
    w = a_parameter()
    with pytest.raises(ValueError, match="got 2 gradients for 1 parameters"):
        u.sgd([pt.dmatrix(), pt.dmatrix()], [w], 0.1)
    with pytest.raises(ValueError, match=r"params must be shared variables, got .*collect_shared"):
        u.sgd(the_loss(w), [w * 2], 0.1)


@pytest.mark.parametrize(("shape", "axes"), [((5, 4), None), ((5, 4), (1,)), ((4, 3, 2, 2), None)])
def test_norm_constraint(shape, axes, rng, py_function):
    value = rng.normal(size=shape)
    x = pt.tensor("x", dtype="float64", shape=shape)
    limited = py_function([x], u.norm_constraint(x, 1.5, axes))(value)
    before, after = compute_norms(value, axes), compute_norms(limited, axes)
    assert (before > 1.5).any()
    np.testing.assert_allclose(after, np.minimum(before, 1.5), rtol=1e-6)
    np.testing.assert_allclose(py_function([x], compute_norms(x, axes))(value), before)


def test_total_norm_constraint(rng, py_function):
    values = [rng.normal(size=(3, 4)), rng.normal(size=5)]
    xs = [pt.dmatrix(), pt.dvector()]
    norm = np.sqrt(sum((v**2).sum() for v in values))
    for limit in (norm / 2, norm * 2):
        scaled, found = u.total_norm_constraint(xs, limit, return_norm=True)
        *results, total = py_function(xs, [*scaled, found])(*values)
        np.testing.assert_allclose(total, norm)
        for result, value in zip(results, values, strict=True):
            np.testing.assert_allclose(result, value * min(1, limit / norm), rtol=1e-6)
    assert len(u.total_norm_constraint(xs, 1)) == 2


def test_norm_axes_have_no_default_for_six_dimensions():
    with pytest.raises(ValueError, match="Unsupported tensor dimensionality 6; give norm_axes"):
        u.norm_constraint(pt.tensor(dtype="float64", shape=(1,) * 6), 1)


def test_decay_leaves_vectors_alone_unless_told(py_function):
    w, b = a_parameter(), a_parameter(shape=(4,))
    zeros = [w * 0, b * 0]
    arguments = {"learning_rate": 0.5, "weight_decay": 0.2}
    py_function([], updates=u.adamw(zeros, [w, b], **arguments))()
    np.testing.assert_allclose(w.get_value(), 0.9 * a_parameter().get_value())
    np.testing.assert_array_equal(b.get_value(), a_parameter(shape=(4,)).get_value())
    py_function([], updates=u.adamw(zeros, [w, b], **arguments, decay_params=[b]))()
    np.testing.assert_allclose(w.get_value(), 0.9 * a_parameter().get_value())
    np.testing.assert_allclose(b.get_value(), 0.9 * a_parameter(shape=(4,)).get_value())
    with pytest.raises(ValueError, match=r"decay_params must be among params, got also \[w\]"):
        u.adamw([b * 0], [b], decay_params=[w])


def warmed_cosine(step, rate=0.2, steps=9, warm_up=3, final=0.02):
    if step < warm_up:
        return rate * (step + 1) / (warm_up + 1)
    done = min((step - warm_up) / (steps - warm_up), 1)
    return final + (rate - final) * (1 + np.cos(np.pi * done)) / 2


SCHEDULES = {
    "step": (u.step_schedule, {"every": 3, "factor": 0.5}, lambda n: 0.2 * 0.5 ** (n // 3)),
    "exponential": (u.exponential_schedule, {"steps": 4}, lambda n: 0.2 * 0.1 ** (n / 4)),
    "cosine": (u.cosine_schedule, {"steps": 9, "warm_up": 3, "final": 0.02}, warmed_cosine),
    "cosine cold": (
        u.cosine_schedule,
        {"steps": 9},
        lambda n: warmed_cosine(n, warm_up=0, final=0),
    ),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", SCHEDULES)
def test_schedule_drives_a_rule(name, dtype, py_function):
    """The parameter falls by each step's rate; the count can be set to resume."""
    make, arguments, reference = SCHEDULES[name]
    with pytensor.config.change_flags(floatX=dtype):
        rate, advance = make(0.2, **arguments)
        w = a_parameter(dtype)
        step = py_function([], rate, updates=u.sgd(w.sum(), [w], rate) | advance)
    assert rate.dtype == dtype
    (count,) = advance
    expected = w.get_value()
    for n in range(12):
        assert count.get_value() == n
        np.testing.assert_allclose(step(), reference(n), rtol=1e-5)
        expected = expected - reference(n)
        np.testing.assert_allclose(w.get_value(), expected, rtol=1e-4, atol=1e-5)
    count.set_value(np.int64(5))
    np.testing.assert_allclose(step(), reference(5), rtol=1e-5)


def test_schedules_name_bad_arguments():
    with pytest.raises(ValueError, match="warm_up 9 and steps 9"):
        u.cosine_schedule(0.1, steps=9, warm_up=9)
    with pytest.raises(ValueError, match="step_schedule: every must be positive, got 0"):
        u.step_schedule(0.1, every=0)
    with pytest.raises(ValueError, match="exponential_schedule: factor must be positive, got -1"):
        u.exponential_schedule(0.1, steps=5, factor=-1)
