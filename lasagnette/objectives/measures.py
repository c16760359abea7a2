"""One number of many losses, and how often a prediction is right."""

from __future__ import annotations

from typing import Any

import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from lasagnette.objectives.common import align
from lasagnette.utils import cast_like

__all__ = ["aggregate", "binary_accuracy", "categorical_accuracy"]


def aggregate(loss: Any, weights: Any = None, mode: str = "mean") -> Variable:
    """Make a scalar of a loss per element or item.

    Parameters
    ----------
    loss : tensor
    weights : tensor, optional
        Weights that broadcast against `loss`. Weights of 0 mask entries, but do not hide NaN.
    mode : {'mean', 'sum', 'normalized_sum'}
        Mean over all entries, sum, or sum divided by the sum of the weights.

    Returns
    -------
    scalar expression

    Raises
    ------
    ValueError
        If `mode` is another, or 'normalized_sum' without weights.
    """
    if mode not in ("mean", "sum", "normalized_sum"):
        raise ValueError(f"aggregate: mode must be 'mean', 'sum' or 'normalized_sum', got {mode!r}")
    if weights is not None:
        weights = cast_like(weights, loss)
        loss = loss * weights
    if mode == "mean":
        return loss.mean()
    if mode == "sum":
        return loss.sum()
    if weights is None:
        raise ValueError("aggregate: require weights for mode 'normalized_sum', got None")
    return loss.sum() / weights.sum()


def binary_accuracy(predictions: Any, targets: Any, threshold: Any = 0.5) -> Variable:
    """Return per element whether ``predictions >= threshold`` equals the target.

    Parameters
    ----------
    predictions : tensor
    targets : tensor
        Of the same shape, 0 and 1; a vector also fits a column of predictions.
    threshold : number

    Returns
    -------
    tensor of bool
        Not differentiable. Take ``.mean(dtype="float32")`` for the rate.
    """
    p, t = align(predictions, targets)
    return pt.eq(p >= cast_like(threshold, p), t)


def categorical_accuracy(predictions: Any, targets: Any, top_k: int = 1) -> Variable:
    """Return per item whether the target class is predicted.

    Parameters
    ----------
    predictions : tensor, (..., classes)
        Probabilities or logits.
    targets : tensor
        Class numbers ``(...)``, or a one-hot encoding of the predictions' shape.
    top_k : int
        How many of the largest predictions count.

    Returns
    -------
    tensor of bool, (...)
        Not differentiable. Take ``.mean(dtype="float32")`` for the rate.

    Raises
    ------
    TypeError
        If the targets are neither.
    """
    p, t = pt.as_tensor_variable(predictions), pt.as_tensor_variable(targets)
    if t.ndim == p.ndim:
        t = pt.argmax(t, axis=-1)
    elif t.ndim != p.ndim - 1:
        raise TypeError(
            f"categorical_accuracy: rank mismatch: targets must have {p.ndim - 1} or {p.ndim} "
            f"dimensions, got {t.ndim!r}"
        )
    if top_k == 1:
        return pt.eq(pt.argmax(p, axis=-1), t)
    best = pt.argsort(p, axis=-1)[..., -top_k:]
    return pt.any(pt.eq(best, t[..., None]), axis=-1)
