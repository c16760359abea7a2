"""Training: a compiled step and a loop that yields records.

The loop prints nothing and writes nothing; whoever runs it logs its records, saves checkpoints
from :meth:`Trainer.state` and may stop between any two of them. A run that is resumed from a
state goes on with the same numbers as one that was never stopped.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.compile.mode import Mode

from lasagnette import backend, layers, objectives, regularization, updates
from lasagnette.layers import Layer
from nets.scaling import Scaling

__all__ = ["Record", "Scores", "Trainer", "TrainingError", "cosine", "fit", "score"]

Batches = Iterable[tuple[np.ndarray, np.ndarray]]


class TrainingError(ValueError):
    """A training that cannot go on."""


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
        ``train/loss``, ``train/accuracy``, ``train/learning_rate`` and ``train/wait`` (seconds
        without data) of a step; ``valid/loss``, ``valid/accuracy`` and
        ``valid/balanced_accuracy`` of an epoch.
    """

    kind: Literal["step", "epoch"]
    epoch: int
    step: int
    values: dict[str, float]


@dataclass(frozen=True)
class Scores:
    """How well a net tells the classes of a set apart.

    Attributes
    ----------
    loss : float
        Mean cross-entropy.
    accuracy : float
        Share of samples classified correctly.
    balanced_accuracy : float
        Mean over the classes of the share of their samples classified correctly.
    """

    loss: float
    accuracy: float
    balanced_accuracy: float


class Trainer:
    """A net, its loss and its optimiser (Adam) as two compiled functions.

    Parameters
    ----------
    layer : Layer
        Output layer; its outputs are logits.
    scaling : Scaling
        Applied to the pixels inside the compiled functions.
    weight_decay : float
        Factor of the L2 penalty on all weights.
    mode : str or pytensor Mode, optional
        Compilation mode; by default that of :func:`lasagnette.backend.mode`.

    Notes
    -----
    With JAX, parameters stay on its device between steps; :meth:`state` fetches them.
    """

    def __init__(
        self,
        layer: Layer,
        scaling: Scaling,
        *,
        weight_decay: float = 1e-4,
        mode: str | Mode | None = None,
    ) -> None:
        self.layer = layer
        self.scaling = scaling
        self._rate = pytensor.shared(np.float32(0), name="learning_rate")
        # Images come as they are stored, uint8: a quarter of the memory traffic.
        images = pt.tensor("images", dtype="uint8", shape=(None, *_input_shape(layer)))
        labels = pt.ivector("labels")
        pixels = scaling.apply(images)

        logits = layers.get_output(layer, pixels)
        loss = objectives.aggregate(objectives.categorical_crossentropy_logits(logits, labels))
        penalty = regularization.regularize_network_params(layer, regularization.l2)
        parameters = layers.get_all_params(layer, trainable=True)
        total = loss + np.float32(weight_decay) * penalty
        steps = updates.adam(total, parameters, learning_rate=self._rate)
        steps.update(layers.get_updates(logits))
        self._variables = list(dict.fromkeys([*layers.get_all_params(layer), *steps]))
        accuracy = pt.eq(pt.argmax(logits, axis=1), labels).mean(dtype="float32")
        sure = layers.get_output(layer, pixels, deterministic=True)
        mode = backend.mode() if mode is None else mode
        with warnings.catch_warnings():
            # JAX checks shapes while it traces, with or without PyTensor's assertions on them.
            warnings.filterwarnings("ignore", message="Skipping Assert")
            self._step = pytensor.function(
                [images, labels], [loss, accuracy], updates=list(steps.items()), mode=mode
            )
            self._logits = pytensor.function([images], sure, mode=mode)

    def step(self, images: np.ndarray, labels: np.ndarray, rate: float) -> tuple[float, float]:
        """Take one optimisation step.

        Parameters
        ----------
        images : uint8 array, (batch, channels, rows, columns)
        labels : int32 array, (batch,)
        rate : float
            Learning rate.

        Returns
        -------
        loss, accuracy : float
            Of this batch, dropout on, before the step.
        """
        self._rate.set_value(np.float32(rate))
        loss, accuracy = self._step(images, labels)
        return float(loss), float(accuracy)

    def logits(self, images: np.ndarray, batch_size: int = 512) -> np.ndarray:
        """Run the net, dropout off: ``(batch, classes)`` for uint8 images."""
        parts = [
            np.asarray(self._logits(images[i : i + batch_size]))
            for i in range(0, len(images), batch_size)
        ]
        return np.concatenate(parts)

    def evaluate(self, images: np.ndarray, labels: np.ndarray) -> Scores:
        """Score the net on a set of uint8 images and their labels."""
        return score(self.logits(images), labels)

    def state(self) -> dict[str, np.ndarray]:
        """Everything that changes while training: parameters, averages, moments, counters."""
        return {
            f"{number:03d} {variable.name}": np.array(variable.get_value())
            for number, variable in enumerate(self._variables)
        }

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go back to a :meth:`state`.

        Raises
        ------
        TrainingError
            If the state is of another net or optimiser.
        """
        mine = self.state()
        shapes = {name: value.shape for name, value in mine.items()}
        if shapes != {name: value.shape for name, value in state.items()}:
            raise TrainingError(
                "Trainer.restore: the checkpoint is of another net or other settings; "
                "start a new run or give the settings it was started with"
            )
        for variable, (name, value) in zip(self._variables, mine.items(), strict=True):
            variable.set_value(np.asarray(state[name], value.dtype))


def _input_shape(layer: Layer) -> tuple[int | None, ...]:
    """Shape of one input of the net that ends in `layer`, without the batch."""
    return layers.get_all_layers(layer)[0].output_shape[1:]


def score(logits: np.ndarray, labels: np.ndarray) -> Scores:
    """Score logits ``(n, classes)`` against labels ``(n,)``."""
    logits = np.asarray(logits, np.float64)
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(axis=1))
    loss = (log_sum - shifted[np.arange(len(labels)), labels]).mean()
    right = logits.argmax(axis=1) == labels
    per_class = [right[labels == c].mean() for c in np.unique(labels)]
    return Scores(float(loss), float(right.mean()), float(np.mean(per_class)))


def cosine(rate: float, steps: int, warm_up: int = 100) -> Callable[[int], float]:
    """Learning rate that rises over `warm_up` steps and falls to 0 along a half cosine.

    Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017.
    """

    def at(step: int) -> float:
        rising = min(1.0, (step + 1) / max(1, warm_up))
        return rate * rising * 0.5 * (1 + math.cos(math.pi * min(1.0, step / max(1, steps))))

    return at


def fit(
    trainer: Trainer,
    batches: Callable[[int, int], Batches],
    validation: tuple[np.ndarray, np.ndarray],
    *,
    epochs: int,
    steps_per_epoch: int,
    rate: Callable[[int], float],
    done: int = 0,
) -> Iterator[Record]:
    """Train, yielding a record per step and, after its last step, one per epoch.

    Parameters
    ----------
    trainer : Trainer
    batches : callable
        ``batches(epoch, first)`` gives the epoch's minibatches (uint8 images, int32 labels) from
        number `first` on.
    validation : pair of array
        Images and labels of the fixed validation set.
    epochs, steps_per_epoch : int
    rate : callable
        Learning rate of a step, counted over all epochs; see :func:`cosine`.
    done : int
        Steps that the trainer's state already holds.

    Yields
    ------
    Record

    Raises
    ------
    TrainingError
        If the loss is no longer finite, or an epoch has fewer batches than `steps_per_epoch`.
    """
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
            learning_rate = rate(step)
            loss, accuracy = trainer.step(*batch, learning_rate)
            step += 1
            if not math.isfinite(loss):
                raise TrainingError(
                    f"the loss became {loss} at step {step}; use a smaller learning rate"
                )
            values = {
                "train/loss": loss,
                "train/accuracy": accuracy,
                "train/learning_rate": learning_rate,
                "train/wait": waited,
            }
            yield Record("step", epoch, step, values)
        scores = trainer.evaluate(*validation)
        yield Record("epoch", epoch, step, {f"valid/{k}": v for k, v in vars(scores).items()})
