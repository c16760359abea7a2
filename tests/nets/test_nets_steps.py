"""Any net, any loss, any rule: what users write in ten lines learns, and resumes exactly."""

from __future__ import annotations

import doctest
from functools import partial
from importlib.util import find_spec

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lasagnette.random
import nets.steps
import nets.training
from lasagnette import backend, layers, objectives, updates
from lasagnette.utils import interpreted_mode
from nets.training import Training, TrainingError, fit, minibatches

SAMPLES, SIZE, STEPS = 48, 16, 3


@pytest.fixture(autouse=True)
def seeded():
    """Initializers and dropout draw from a fixed seed, and from the former generator after."""
    former = lasagnette.random.get_rng()
    lasagnette.random.set_rng(7)
    yield
    lasagnette.random.set_rng(former)


def noise(*shape):
    return np.random.default_rng(3).normal(size=(SAMPLES, *shape))


def regression(mode):
    """Two inputs, noise and batch normalisation between, squared error, momentum."""
    a, b, target = pt.dmatrix("a"), pt.dmatrix("b"), pt.dmatrix("target")
    net = layers.ConcatLayer([layers.InputLayer((None, 2), a), layers.InputLayer((None, 3), b)])
    net = layers.batch_norm(layers.DenseLayer(layers.dropout(net, 0.1), num_units=8))
    net = layers.DenseLayer(net, num_units=1, nonlinearity=None)
    output, clean = layers.get_output(net), layers.get_output(net, deterministic=True)
    training = Training(
        net,
        [a, b, target],
        objectives.squared_error(output, target).mean(),
        rule=partial(updates.nesterov_momentum, momentum=0.8),
        metrics={"bias": (output - target).mean()},
        valid_metrics={"loss": objectives.squared_error(clean, target).mean()},
        mode=mode,
    )
    return training, [noise(2), noise(3), noise(2).sum(axis=1, keepdims=True)], 0.05


def recurrent(mode):
    """Sequences of several lengths: is the sum of what the mask keeps positive?"""
    x, mask, target = pt.dtensor3("x"), pt.dmatrix("mask"), pt.dvector("target")
    masks = layers.InputLayer((None, None), mask)
    net = layers.InputLayer((None, None, 1), x)
    net = layers.GRULayer(net, num_units=4, mask_input=masks, only_return_final=True)
    net = layers.DenseLayer(net, num_units=1, nonlinearity=None)
    outputs = (layers.get_output(net, deterministic=sure)[:, 0] for sure in (False, True))
    loss, clean = (
        objectives.binary_crossentropy_logits(output, target).mean() for output in outputs
    )
    training = Training(net, [x, mask, target], loss, valid_metrics={"loss": clean}, mode=mode)
    inputs = noise(5, 1)
    kept = (np.arange(5) < np.random.default_rng(4).integers(1, 6, (SAMPLES, 1))).astype(float)
    return training, [inputs, kept, ((inputs[:, :, 0] * kept).sum(axis=1) > 0).astype(float)], 0.05


def two_heads(mode):
    """A class and a number from one trunk; the loss is a sum of theirs, each is watched."""
    x, label, number = pt.dmatrix("x"), pt.lvector("label"), pt.dmatrix("number")
    trunk = layers.DenseLayer(layers.InputLayer((None, 4), x), num_units=8)
    heads = [layers.DenseLayer(trunk, num_units=n, nonlinearity=None) for n in (2, 1)]

    def losses(**options):
        logits, guess = layers.get_output(heads, **options)
        return {
            "class": objectives.categorical_crossentropy_logits(logits, label).mean(),
            "number": objectives.squared_error(guess, number).mean(),
        }

    parts, checks = losses(), losses(deterministic=True)
    training = Training(
        heads,
        [x, label, number],
        parts["class"] + 0.5 * parts["number"],
        metrics=parts,
        valid_metrics=checks,
        mode=mode,
    )
    inputs = noise(4)
    return training, [inputs, (inputs[:, 0] > 0).astype(int), inputs[:, 1:2]], 0.05


def custom(mode):
    """A rule of one's own: limited gradients, a schedule, and centres that move beside."""
    x, label = pt.dmatrix("x"), pt.lvector("label")
    embedding = layers.DenseLayer(layers.InputLayer((None, 4), x), num_units=3)
    net = layers.DenseLayer(embedding, num_units=2, nonlinearity=None)
    features, logits = layers.get_output([embedding, net])
    centers = pytensor.shared(np.zeros((2, 3)), name="centers", shape=(2, 3))
    distances, moves = objectives.center_loss(features, label, centers)
    entropy = objectives.categorical_crossentropy_logits(logits, label)

    def rule(loss, parameters, learning_rate):
        factor, advance = updates.step_schedule(1.0, every=2, factor=0.9)
        grads = updates.total_norm_constraint(pytensor.grad(loss, parameters), 1.0)
        return updates.adam(grads, parameters, learning_rate * factor) | moves | advance

    training = Training(
        net,
        [x, label],
        (entropy + 0.01 * distances).mean(),
        rule=rule,
        metrics={"loss": entropy.mean()},
        valid_metrics={"loss": entropy.mean()},
        mode=mode,
    )
    inputs = noise(4)
    return training, [inputs, (inputs.sum(axis=1) > 0).astype(int)], 0.05


def run(training, data, rate, epochs, done=0):
    return fit(
        training,
        lambda epoch, first: minibatches(data, SIZE, np.random.default_rng([1, epoch]), first),
        data,
        epochs=epochs,
        steps_per_epoch=STEPS,
        rate=rate,
        done=done,
    )


def values_of(record):
    return {k: v for k, v in record.values.items() if k != "train/wait"}


@pytest.mark.parametrize("make", [regression, recurrent, two_heads, custom])
def test_it_learns_and_what_was_saved_goes_on_with_the_same_numbers(make, tmp_path):
    training, data, rate = make(interpreted_mode())
    records = []
    for record in run(training, data, rate, epochs=6):
        records.append(record)
        if (record.kind, record.step) == ("step", 4):
            np.savez(tmp_path / "state.npz", **training.state())
    losses = [r.values["train/loss"] for r in records if r.kind == "step"]
    assert np.mean(losses[-STEPS:]) < 0.8 * np.mean(losses[:STEPS])

    other, data, rate = make(interpreted_mode())
    assert any((other.state()[name] != value).any() for name, value in training.state().items())
    other.restore(np.load(tmp_path / "state.npz", allow_pickle=False))
    rest = list(run(other, data, rate, epochs=6, done=4))
    assert list(map(values_of, rest)) == list(map(values_of, records[-len(rest) :]))
    for name, value in other.state().items():
        np.testing.assert_array_equal(value, training.state()[name])


def test_a_step_is_the_rule_applied_to_the_loss():
    x, target = pt.dmatrix("x"), pt.dmatrix("target")
    net = layers.DenseLayer(layers.InputLayer((None, 2), x), 1, b=None, nonlinearity=None)
    error = layers.get_output(net) - target
    training = Training(
        net,
        [x, target],
        (error**2).sum(),
        rule=updates.sgd,
        metrics={"worst": abs(error).max()},
        mode=interpreted_mode(),
    )
    w, inputs = net.W.get_value(), np.array([[1.0, 2.0], [3.0, -1.0]])
    by_hand = inputs @ w
    values = training.step((inputs, np.zeros((2, 1))), 0.01)
    assert values == pytest.approx({"loss": (by_hand**2).sum(), "worst": abs(by_hand).max()})
    np.testing.assert_allclose(net.W.get_value(), w - 0.01 * 2 * inputs.T @ by_hand)


def test_every_part_of_a_custom_rule_is_in_the_state():
    training, data, rate = custom(interpreted_mode())
    list(run(training, data, rate, epochs=1))
    state = {name.split(" ", 1)[1]: value for name, value in training.state().items()}
    assert state["schedule.steps"] == STEPS
    assert state["centers"].any()


def test_evaluation_counts_every_sample_once():
    x = pt.dvector("x")
    net = layers.DenseLayer(layers.InputLayer((None, 1), x[:, None]), 1)
    training = Training(
        net,
        [x],
        layers.get_output(net).sum(),
        valid_metrics={"mean": x.mean(), "size": pt.cast(x.shape[0], "float64")},
        mode=interpreted_mode(),
    )
    found = training.evaluate([np.arange(5.0)], size=3)
    assert found == pytest.approx({"mean": 2.0, "size": (3 * 3 + 2 * 2) / 5})


def test_an_epoch_without_validation_still_ends():
    training, data, rate = two_heads(interpreted_mode())
    rates = []
    records = list(
        fit(
            training,
            lambda epoch, first: minibatches(data, SIZE, first=first),
            epochs=2,
            steps_per_epoch=2,
            rate=lambda step: rates.append(step) or rate,
        )
    )
    assert rates == [0, 1, 2, 3]
    assert [(r.kind, r.epoch, r.step) for r in records if r.kind == "epoch"] == [
        ("epoch", 0, 2),
        ("epoch", 1, 4),
    ]
    assert records[-1].values == {}
    names = {"loss", "class", "number", "learning_rate", "wait"}
    assert set(records[0].values) == {f"train/{name}" for name in names}


def parts():
    x = pt.dmatrix("x")
    net = layers.DenseLayer(layers.dropout(layers.InputLayer((None, 2), x)), 1)
    return net, x, layers.get_output(net)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda net, y: {"loss": y}, "the minimised loss must be a scalar .* take its mean"),
        (lambda net, y: {"loss": 0.5}, "the minimised loss must be a scalar expression, got .*flo"),
        (lambda net, y: {"metrics": {"all": y}}, "Training: all must be a scalar"),
        (
            lambda net, y: {"valid_metrics": {"mean": y.mean()}},
            r"valid_metrics would change \[dropout.state\]; .* deterministic=True",
        ),
        (
            lambda net, y: {"rule": partial(updates.adam, learning_rate=0.1)},
            "rule's learning rate is set at every step, got .* give it to fit",
        ),
        (lambda net, y: {"layer": net.input_layer}, "no parameter is trainable up to"),
    ],
)
def test_what_cannot_be_trained_is_told(change, message):
    net, x, y = parts()
    with pytest.raises(TrainingError, match=message):
        Training(**{"layer": net, "inputs": [x], "loss": y.mean(), **change(net, y)})


def test_a_validation_needs_metrics():
    net, x, y = parts()
    training = Training(net, [x], y.mean(), mode=interpreted_mode())
    with pytest.raises(TrainingError, match="there is no metric; give valid_metrics"):
        training.evaluate([noise(2)])


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 40), st.integers(1, 12), st.integers(0, 5), st.booleans())
def test_minibatches_are_the_samples_once_each(count, size, first, shuffled):
    arrays = [np.arange(count), 2 * np.arange(count)[:, None]]

    def cut(first=0):
        rng = np.random.default_rng(count) if shuffled else None
        return list(minibatches(arrays, size, rng, first))

    everything = cut()
    assert [len(a) for a, _ in everything[:-1]] == [size] * (len(everything) - 1)
    assert sorted(np.concatenate([a for a, _ in everything])) == list(range(count))
    assert all((b == 2 * a[:, None]).all() for a, b in everything)
    later = cut(first)
    assert len(later) == max(0, len(everything) - first)
    for mine, whole in zip(later, everything[first:], strict=True):
        np.testing.assert_array_equal(mine[0], whole[0])


@pytest.mark.parametrize(
    ("arrays", "size", "message"),
    [
        ([np.zeros(3), np.zeros(2)], 2, r"one length above 0, got \[3, 2\]"),
        ([np.zeros(0)], 2, r"one length above 0, got \[0\]"),
        ([], 2, r"one length above 0, got \[\]"),
        ([np.zeros(3)], 0, "size must be at least 1, got 0"),
    ],
)
def test_minibatches_refuse_at_once(arrays, size, message):
    with pytest.raises(TrainingError, match=message):
        minibatches(arrays, size)


@pytest.mark.skipif(
    find_spec("jax") is None,
    reason="JAX is not installed: pip install -r requirements/jax.txt",
)
def test_jax_trains_as_the_interpreter_does():
    lasagnette.random.set_rng(7)
    plain, data, rate = regression(interpreted_mode())
    lasagnette.random.set_rng(7)
    by_jax, _, _ = regression(backend.mode("jax"))
    for one, other in zip(
        run(plain, data, rate, epochs=2), run(by_jax, data, rate, epochs=2), strict=True
    ):
        assert values_of(other) == pytest.approx(values_of(one), abs=1e-9)
    for name, value in plain.state().items():
        np.testing.assert_allclose(by_jax.state()[name], value, atol=1e-9)


@pytest.mark.parametrize("module", [nets.steps, nets.training])
def test_examples(module):
    result = doctest.testmod(module)
    assert result.attempted
    assert not result.failed
