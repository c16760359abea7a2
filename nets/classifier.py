"""Training of image classifiers, as the nets of this package are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.compile.mode import Mode

from lasagnette import layers, objectives, regularization
from lasagnette.layers import Layer
from nets.scaling import Scaling
from nets.steps import Training, compiled, minibatches

__all__ = ["Scores", "Trainer", "score"]


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
    precision, recall : float or None
        Of two classes, how many of the samples that were taken for class 1 are of it (0 where none
        was), and how many of class 1's samples were taken for it; None of more classes.
    """

    loss: float
    accuracy: float
    balanced_accuracy: float
    precision: float | None = None
    recall: float | None = None


class Trainer(Training):
    """The training of an image classifier: cross-entropy and an L2 penalty, lowered by Adam.

    Its minibatches are pairs of images, uint8 ``(batch, channels, rows, columns)``, and labels,
    int32 ``(batch,)``. A step reports ``loss``, without the penalty, ``accuracy``, and the
    norms of :class:`Training`.

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
        # Images come as they are stored, uint8: a quarter of the memory traffic.
        images = pt.tensor("images", dtype="uint8", shape=(None, *_input_shape(layer)))
        labels = pt.ivector("labels")
        pixels = scaling.apply(images)

        logits = layers.get_output(layer, pixels)
        loss = objectives.aggregate(objectives.categorical_crossentropy_logits(logits, labels))
        penalty = regularization.regularize_network_params(layer, regularization.l2)
        accuracy = pt.eq(pt.argmax(logits, axis=1), labels).mean(dtype="float32")
        super().__init__(
            layer,
            [images, labels],
            loss + np.float32(weight_decay) * penalty,
            metrics={"loss": loss, "accuracy": accuracy},
            norms=True,
            mode=mode,
        )
        sure = layers.get_output(layer, pixels, deterministic=True)
        self._logits = compiled([images], sure, mode)

    def logits(self, images: np.ndarray, size: int = 512) -> np.ndarray:
        """Run the net, dropout off: ``(batch, classes)`` for uint8 images."""
        parts = [np.asarray(self._logits(*batch)) for batch in minibatches([images], size)]
        return np.concatenate(parts)

    def evaluate(self, arrays: Sequence[Any], size: int = 512) -> dict[str, float]:
        """Return the :class:`Scores` of uint8 images and their labels, by name."""
        images, labels = arrays
        found = vars(score(self.logits(images, size), labels))
        return {name: value for name, value in found.items() if value is not None}


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
    scores = Scores(float(loss), float(right.mean()), float(np.mean(per_class)))
    if logits.shape[1] != 2:
        return scores
    found, there = logits.argmax(axis=1) == 1, np.asarray(labels) == 1
    hits = float((found & there).sum())
    return replace(
        scores,
        precision=hits / max(1, int(found.sum())),
        recall=hits / max(1, int(there.sum())),
    )
