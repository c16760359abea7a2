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
    macro_f1 : float or None
        Of more than two classes, the mean of F1 (twice precision times recall over their sum, 0
        where nothing is right) over those that have samples or were found.
    """

    loss: float
    accuracy: float
    balanced_accuracy: float
    precision: float | None = None
    recall: float | None = None
    macro_f1: float | None = None


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
    label_smoothing : float
        Share of the target that is spread over all classes, from 0 to below 1 (Szegedy et al.,
        "Rethinking the Inception architecture", 2016); the reported loss is without it.
    mode : str or pytensor Mode, optional
        Compilation mode; by default that of :func:`lasagnette.backend.mode`.
    """

    def __init__(
        self,
        layer: Layer,
        scaling: Scaling,
        *,
        weight_decay: float = 1e-4,
        label_smoothing: float = 0.0,
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
        learnt: Any = loss
        if label_smoothing:
            even = pt.full_like(logits, 1 / int(layer.output_shape[1] or 0))
            crossentropy: Any = objectives.categorical_crossentropy_logits(logits, even)
            spread = crossentropy.mean()
            learnt = (1 - label_smoothing) * learnt + label_smoothing * spread
        penalty = regularization.regularize_network_params(layer, regularization.l2)
        accuracy = pt.eq(pt.argmax(logits, axis=1), labels).mean(dtype="float32")
        super().__init__(
            layer,
            [images, labels],
            pt.cast(learnt, "float32") + np.float32(weight_decay) * penalty,
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
        return replace(scores, macro_f1=_macro_f1(logits.argmax(axis=1), np.asarray(labels)))
    found, there = logits.argmax(axis=1) == 1, np.asarray(labels) == 1
    hits = float((found & there).sum())
    return replace(
        scores,
        precision=hits / max(1, int(found.sum())),
        recall=hits / max(1, int(there.sum())),
    )


def _macro_f1(found: np.ndarray, labels: np.ndarray) -> float:
    size = 1 + int(max(found.max(), labels.max()))
    hits = np.bincount(labels[found == labels], minlength=size)
    # of precision and recall: hits over the mean of what was found and what there is
    shown = (np.bincount(found, minlength=size) + np.bincount(labels, minlength=size)) / 2
    return float((hits[shown > 0] / shown[shown > 0]).mean())
