"""Training: a loop that yields records, for any net, loss and update rule.

A :class:`Training` is a loss and the rule that lowers it, compiled; :func:`fit` takes its steps.
Here a net with two inputs learns a sum, by squared error and Nesterov's momentum:

>>> from functools import partial
>>> import numpy as np, pytensor.tensor as pt
>>> from lasagnette import layers, objectives, updates
>>> a, b, target = pt.dmatrix("a"), pt.dmatrix("b"), pt.dmatrix("target")
>>> both = [layers.InputLayer((None, 2), a), layers.InputLayer((None, 3), b)]
>>> net = layers.DenseLayer(layers.ConcatLayer(both), num_units=1, nonlinearity=None)
>>> output, clean = (layers.get_output(net, deterministic=sure) for sure in (False, True))

Numbers to watch are expressions, too: `metrics` at every step, `valid_metrics` of a validation
set after every epoch. (The mode is for a quick example; leave it out, and a back end compiles.)

>>> from lasagnette.utils import interpreted_mode
>>> training = Training(
...     net,
...     [a, b, target],
...     objectives.squared_error(output, target).mean(),
...     rule=partial(updates.nesterov_momentum, momentum=0.9),
...     valid_metrics={"error": abs(clean - target).mean()},
...     mode=interpreted_mode(),
... )

Minibatches are cut from arrays; whatever else yields tuples of arrays will do. Each epoch has its
own generator, so a training that is resumed sees what it would have seen:

>>> rng = np.random.default_rng(1)
>>> data = [rng.normal(size=(256, 2)), rng.normal(size=(256, 3))]
>>> data.append(np.concatenate(data, axis=1).sum(axis=1, keepdims=True))
>>> def batches(epoch, first):
...     return minibatches(data, 32, np.random.default_rng([1, epoch]), first)
>>> for record in fit(training, batches, data, epochs=10, steps_per_epoch=8, rate=0.02):
...     if record.kind == "epoch":
...         error = record.values["valid/error"]
>>> error < 0.05
True

The loop prints nothing and writes nothing; whoever runs it logs its records, saves checkpoints and
may stop between any two of them. A run that is resumed from a state goes on with the same numbers
as one that was never stopped::

    np.savez("checkpoint.npz", **training.state())  # at record.step

    training.restore(np.load("checkpoint.npz"))
    for record in fit(training, batches, ..., done=step):

:class:`Trainer` is the training of an image classifier, as `lasagnette train` runs it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from lasagnette import backend
from nets.classifier import Scores, Trainer, score
from nets.steps import Training, TrainingError, minibatches

__all__ = [
    "Record",
    "Scores",
    "Trainer",
    "Training",
    "TrainingError",
    "cosine",
    "fit",
    "minibatches",
    "score",
]

Batches = Iterable[Sequence[Any]]


@dataclass(frozen=True)
class Record:
    """What happened in one training step, or at the end of an epoch.

    Attributes
    ----------
    kind : {'step', 'epoch'}
    epoch : int
        Epoch that the step belongs to, from 0.
    step : int
        Training steps done so far, over all epochs.
    values : dict of str to float
        ``train/loss``, ``train/`` and each metric's name, ``train/learning_rate`` and
        ``train/wait`` (seconds without data) of a step; ``valid/`` and the names of the
        validation's values of an epoch. A :class:`Trainer` has ``train/accuracy``, and
        ``valid/loss``, ``valid/accuracy``, ``valid/balanced_accuracy`` and, of two classes,
        ``valid/precision`` and ``valid/recall``.
    """

    kind: Literal["step", "epoch"]
    epoch: int
    step: int
    values: dict[str, float]


def cosine(rate: float, steps: int, warm_up: int = 100) -> Callable[[int], float]:
    """Learning rate that rises over `warm_up` steps and falls to 0 along a half cosine.

    Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017.
    """

    def at(step: int) -> float:
        rising = min(1.0, (step + 1) / max(1, warm_up))
        return rate * rising * 0.5 * (1 + math.cos(math.pi * min(1.0, step / max(1, steps))))

    return at


def fit(
    training: Training,
    batches: Callable[[int, int], Batches],
    validation: Sequence[Any] | None = None,
    *,
    epochs: int,
    steps_per_epoch: int,
    rate: float | Callable[[int], float],
    done: int = 0,
) -> Iterator[Record]:
    """Train, yielding a record per step and, after its last step, one per epoch.

    Parameters
    ----------
    training : Training
    batches : callable
        ``batches(epoch, first)`` gives the epoch's minibatches (tuples of an array per input
        variable) from number `first` on; see :func:`minibatches`.
    validation : sequence of array, optional
        The fixed validation set, for :meth:`Training.evaluate`; without it, an epoch's record
        has no values.
    epochs, steps_per_epoch : int
        An epoch's further minibatches are left.
    rate : float or callable
        Learning rate, or a function from a step, counted from 0 over all epochs, to it; see
        :func:`cosine`.
    done : int
        Steps that the training's state already holds.

    Yields
    ------
    Record

    Raises
    ------
    TrainingError
        If the loss is no longer finite, or an epoch has fewer batches than `steps_per_epoch`.

    Notes
    -----
    While it runs, BLAS uses one thread (:func:`lasagnette.backend.threads`): its waiting threads
    would take the kernels' time.
    """
    with backend.threads():
        yield from _records(training, batches, validation, epochs, steps_per_epoch, rate, done)


def _records(
    training: Training,
    batches: Callable[[int, int], Batches],
    validation: Sequence[Any] | None,
    epochs: int,
    steps_per_epoch: int,
    rate: float | Callable[[int], float],
    done: int,
) -> Iterator[Record]:
    step = done
    for epoch in range(done // steps_per_epoch, epochs):
        stream = iter(batches(epoch, step - epoch * steps_per_epoch))
        while step < (epoch + 1) * steps_per_epoch:
            started = time.perf_counter()
            batch = next(stream, None)
            if batch is None:
                raise TrainingError(
                    f"fit: epoch {epoch} has fewer than {steps_per_epoch} batches; "
                    "they end before its last step"
                )
            waited = time.perf_counter() - started
            learning_rate = rate(step) if callable(rate) else rate
            values = training.step(batch, learning_rate)
            step += 1
            if not math.isfinite(values["loss"]):
                raise TrainingError(
                    f"the loss became {values['loss']} at step {step}; use a smaller learning rate"
                )
            train = {**values, "learning_rate": learning_rate, "wait": waited}
            yield Record("step", epoch, step, {f"train/{k}": v for k, v in train.items()})
        valid = {} if validation is None else training.evaluate(validation)
        yield Record("epoch", epoch, step, {f"valid/{k}": v for k, v in valid.items()})
