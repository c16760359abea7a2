"""The training loop: it learns, it resumes exactly, and it says what is wrong."""

import itertools

import numpy as np
import pytensor.tensor as pt
import pytest

import lasagnette.random
from lasagnette import layers, updates
from nets import registry
from nets.scaling import Scaling
from nets.training import Trainer, Training, TrainingError, cosine, fit, score

STEPS, BATCH = 6, 32


def stream(epoch, first):
    """Noise, brighter where the label is 1; a function of epoch and number alone."""
    for number in range(first, STEPS):
        rng = np.random.default_rng([epoch, number])
        labels = rng.integers(0, 2, BATCH).astype("int32")
        noise = rng.integers(0, 200, (BATCH, 3, 12, 12))
        yield (noise + 40 * labels[:, None, None, None]).astype("uint8"), labels


def new_trainer(**options):
    lasagnette.random.set_rng(np.random.default_rng(7))
    return Trainer(registry.build("net12", **options), Scaling())


def run(trainer, epochs, done=0, rate=2e-2):
    return fit(
        trainer,
        stream,
        next(iter(stream(99, 0))),
        epochs=epochs,
        steps_per_epoch=STEPS,
        rate=cosine(rate, epochs * STEPS, warm_up=2),
        done=done,
    )


@pytest.fixture(scope="module")
def trained():
    trainer = new_trainer()
    start = trainer.state()
    records = list(run(trainer, 4))
    return trainer, start, records


def test_it_learns(trained):
    _, _, records = trained
    epochs = [r for r in records if r.kind == "epoch"]
    assert [r.epoch for r in epochs] == [0, 1, 2, 3]
    assert [r.step for r in epochs] == [6, 12, 18, 24]
    assert epochs[-1].values["valid/loss"] < epochs[0].values["valid/loss"]
    assert epochs[-1].values["valid/accuracy"] > 0.8


def test_a_step_record_says_what_a_monitor_shows(trained):
    _, _, records = trained
    steps = [r for r in records if r.kind == "step"]
    assert [r.step for r in steps] == list(range(1, 25))
    names = {"train/loss", "train/accuracy", "train/learning_rate", "train/wait"}
    norms = {"train/gradient_norm", "train/weight_norm", "train/update_ratio"}
    assert all(set(r.values) == names | norms for r in steps)


def test_norms_are_those_of_the_step():
    x = np.float32([[1, 2]])
    layer = layers.DenseLayer(layers.InputLayer((None, 2)), 1, nonlinearity=None, b=None)
    layer.W.set_value(np.float32([[3], [4]]))
    inputs = pt.fmatrix("x")
    loss = layers.get_output(layer, inputs).sum()
    training = Training(layer, [inputs], loss, rule=updates.sgd, norms=True)
    values = training.step([x], 0.5)
    assert values["weight_norm"] == pytest.approx(5)
    assert values["gradient_norm"] == pytest.approx(np.sqrt(5))
    assert values["update_ratio"] == pytest.approx(0.5 * np.sqrt(5) / 5)


def test_resuming_in_the_middle_of_an_epoch_changes_nothing(trained):
    trainer, start, records = trained
    final = trainer.state()
    trainer.restore(start)
    first = []
    for record in run(trainer, 4):
        first.append(record)
        if record.step == 9:
            break
    middle = trainer.state()
    trainer.restore(final)
    trainer.restore(middle)
    rest = list(run(trainer, 4, done=9))
    for a, b in zip([*first, *rest], records, strict=True):
        waits = {"train/wait": 0.0} if a.kind == "step" else {}
        assert {**a.values, **waits} == {**b.values, **waits}
    for name, value in trainer.state().items():
        np.testing.assert_array_equal(value, final[name])


def test_a_state_of_another_net_is_refused(trained):
    with pytest.raises(ValueError, match="checkpoint is of another net"):
        trained[0].restore({"000 conv1.W": np.zeros(3)})


def test_a_loss_that_is_not_finite_stops_the_training(trained):
    trainer, start, _ = trained
    trainer.restore({**start, "000 conv1.W": np.full_like(start["000 conv1.W"], np.nan)})
    with pytest.raises(TrainingError, match="loss became nan at step 1"):
        next(run(trainer, 1))
    trainer.restore(start)


def test_an_epoch_that_ends_early_is_told(trained):
    trainer, start, _ = trained
    trainer.restore(start)
    short = fit(
        trainer,
        lambda epoch, first: iter(()),
        next(iter(stream(0, 0))),
        epochs=1,
        steps_per_epoch=2,
        rate=cosine(1e-3, 2),
    )
    with pytest.raises(ValueError, match="epoch 0 has fewer than 2 batches"):
        next(short)


def test_score_counts_both_classes():
    logits = np.array([[2.0, 0.0], [2.0, 0.0], [2.0, 0.0], [0.0, 2.0]])
    result = score(logits, np.array([0, 1, 1, 1]))
    assert result.accuracy == 0.5
    assert result.balanced_accuracy == pytest.approx(2 / 3)
    assert score(logits, np.array([0, 0, 0, 0])).balanced_accuracy == 0.75
    result = score(logits, np.array([0, 0, 1, 1]))
    np.testing.assert_allclose(result.loss, (3 * np.log1p(np.exp(-2)) + np.log1p(np.exp(2))) / 4)


def test_cosine_rises_and_falls():
    rate = cosine(1.0, 100, warm_up=10)
    values = [rate(step) for step in range(101)]
    assert values[0] < 0.2
    assert max(values) > 0.9
    assert values[100] == pytest.approx(0)
    assert all(a >= b for a, b in itertools.pairwise(values[10:]))
