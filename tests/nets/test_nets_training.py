"""The training loop: it learns, it resumes exactly, and it says what is wrong."""

import itertools

import numpy as np
import pytensor.tensor as pt
import pytest

import lasagnette.random
from lasagnette import layers, updates
from lasagnette.objectives import categorical_crossentropy_logits
from lasagnette.utils import interpreted_mode
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


def test_label_smoothing_spreads_a_share_of_the_target():
    """Steps are those of the targets .95 and .05; the loss that is told is the plain one."""
    mode = interpreted_mode()

    def net():
        lasagnette.random.set_rng(np.random.default_rng(3))
        return registry.build("net12", dropout=0)

    smooth, plain = (
        Trainer(net(), Scaling(), label_smoothing=share, weight_decay=0, mode=mode)
        for share in (0.1, 0.0)
    )
    x, targets = pt.tensor4("x", dtype="uint8"), pt.fmatrix("targets")
    wanted = net()
    logits = layers.get_output(wanted, Scaling().apply(x))
    loss = categorical_crossentropy_logits(logits, targets).mean()
    by_hand = Training(wanted, [x, targets], loss, mode=mode)
    for number, (images, labels) in enumerate(stream(0, 0)):
        told = [trainer.step((images, labels), 0.01)["loss"] for trainer in (smooth, plain)]
        spread = np.where(np.eye(2)[labels], 0.95, 0.05).astype("float32")
        by_hand.step((images, spread), 0.01)
        if number == 0:
            assert told[0] == pytest.approx(told[1], rel=1e-6)
    values = [
        np.concatenate([value.ravel() for value in layers.get_all_param_values(one)])
        for one in (smooth.layer, wanted, plain.layer)
    ]
    np.testing.assert_allclose(values[0], values[1], atol=1e-4)
    assert np.abs(values[0] - values[2]).max() > 1e-3


def test_macro_f1_of_several_classes():
    logits = np.eye(4)[[0, 0, 1, 1, 3]]
    labels = np.array([0, 0, 0, 1, 1])
    # class 0: 2 hits of 2 found and 3 there; class 1: 1 of 2 and 2; class 3: found, not there
    assert score(logits, labels).macro_f1 == pytest.approx((4 / 5 + 1 / 2 + 0) / 3)
    assert score(logits[:, :2], labels % 2).macro_f1 is None
