"""Losses and measures of a network's predictions.

Losses are per element or per item; :func:`aggregate` (or ``.mean()``) makes a scalar to
train on. All of them have finite gradients, also for probabilities of exactly 0 or 1:
where the predictions come straight from a softmax or sigmoid, the cross-entropies are
computed from its input, which keeps their gradient exact; elsewhere probabilities are kept
above the smallest normal number of their dtype. Integer targets take the predictions' dtype,
so a float32 network keeps a float32 loss.

>>> import pytensor.tensor as pt
>>> from lasagnette.layers import InputLayer, DenseLayer, get_output
>>> from lasagnette.nonlinearities import softmax
>>> from lasagnette.objectives import aggregate, categorical_crossentropy
>>> net = DenseLayer(InputLayer((None, 20)), num_units=3, nonlinearity=softmax)
>>> targets = pt.ivector("targets")
>>> loss = aggregate(categorical_crossentropy(get_output(net), targets))
>>> test_prediction = get_output(net, deterministic=True)
>>> test_loss = aggregate(categorical_crossentropy(test_prediction, targets))
"""

from __future__ import annotations

from typing import Any
from warnings import warn

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import disconnected_grad
from pytensor.graph.basic import Variable
from pytensor.scalar.math import Sigmoid
from pytensor.tensor.elemwise import Elemwise
from pytensor.tensor.special import Softmax

from lasagnette.nonlinearities import rectify
from lasagnette.utils import cast_like, one_hot

__all__ = [
    "aggregate",
    "binary_accuracy",
    "binary_crossentropy",
    "binary_crossentropy_logits",
    "binary_hinge_loss",
    "categorical_accuracy",
    "categorical_crossentropy",
    "categorical_crossentropy_logits",
    "huber_loss",
    "multiclass_hinge_loss",
    "squared_error",
]


def _is_float(x: Any) -> bool:
    return x.type.dtype.startswith("float")


def _align(predictions: Any, targets: Any) -> tuple[Any, Any]:
    """Return expressions of one floating dtype; a vector of targets as a column if needed.

    A network of one output unit predicts a column; its targets are usually a vector, which
    would silently broadcast to a matrix of differences.
    """
    predictions, targets = pt.as_tensor_variable(predictions), pt.as_tensor_variable(targets)
    if predictions.ndim == 2 and predictions.type.shape[1] == 1 and targets.ndim == 1:
        targets = targets[:, None]
    if _is_float(predictions):
        return predictions, cast_like(targets, predictions)
    return (cast_like(predictions, targets) if _is_float(targets) else predictions), targets


def _log(p: Any) -> Any:
    """Return the logarithm of probabilities, finite at zero."""
    return pt.log(pt.maximum(p, cast_like(np.finfo(p.type.dtype).tiny, p)))


def _log_softmax(x: Any) -> Variable:
    """Return the logarithm of the softmax over the last axis, exact for any logits."""
    # Written out: PyTensor's own compiles even in functions that run without a compiler.
    shifted = x - disconnected_grad(x.max(axis=-1, keepdims=True))
    return shifted - pt.log(pt.exp(shifted).sum(axis=-1, keepdims=True))


def _class_mask(values: Any, targets: Any, who: str) -> Variable:
    """Return a mask of the target classes from class numbers."""
    if targets.ndim != values.ndim - 1 or _is_float(targets):
        raise TypeError(
            f"{who}: rank mismatch: targets must be integers of {values.ndim - 1} dimensions or "
            f"a tensor of the predictions' {values.ndim} dimensions, got {targets.type!r}"
        )
    classes = values.type.shape[-1]
    return one_hot(targets, values.shape[-1] if classes is None else classes)


def _weigh_by_targets(log_p: Any, targets: Any, who: str) -> Variable:
    """Return minus the logarithms at the targets, summed over classes."""
    targets = pt.as_tensor_variable(targets)
    if targets.ndim == log_p.ndim:
        return -(cast_like(targets, log_p) * log_p).sum(axis=-1)
    return -pt.switch(_class_mask(log_p, targets, who), log_p, 0).sum(axis=-1)


def binary_crossentropy(predictions: Any, targets: Any) -> Variable:
    """Return the binary cross-entropy ``-t log(p) - (1 - t) log(1 - p)`` per element.

    Parameters
    ----------
    predictions : tensor
        Probabilities, usually of sigmoid units.
    targets : tensor
        Of the same shape, from 0 to 1; a vector also fits a column of predictions.

    Returns
    -------
    tensor
        Of the predictions' shape.
    """
    p, t = _align(predictions, targets)
    op = p.owner.op if p.owner is not None else None
    if isinstance(op, Elemwise) and isinstance(op.scalar_op, Sigmoid):
        return binary_crossentropy_logits(p.owner.inputs[0], t)
    return -t * _log(p) - (1 - t) * _log(1 - p)


def binary_crossentropy_logits(logits: Any, targets: Any) -> Variable:
    """Return the binary cross-entropy of ``sigmoid(logits)`` per element.

    Parameters
    ----------
    logits : tensor
        Log-odds of any size.
    targets : tensor
        Of the same shape, from 0 to 1; a vector also fits a column of logits.

    Returns
    -------
    tensor
        Of the logits' shape.
    """
    x, t = _align(logits, targets)
    return pt.softplus(x) - t * x


def categorical_crossentropy(predictions: Any, targets: Any) -> Variable:
    """Return the cross-entropy ``-sum(t log(p))`` per item.

    Parameters
    ----------
    predictions : tensor, (..., classes)
        Probabilities, usually of a softmax.
    targets : tensor
        Class numbers ``(...)``, or probabilities of the predictions' shape.

    Returns
    -------
    tensor, (...)

    Raises
    ------
    TypeError
        If the targets are neither.
    """
    p = pt.as_tensor_variable(predictions)
    op = p.owner.op if p.owner is not None else None
    if isinstance(op, Softmax) and op.axis == (p.ndim - 1,):
        log_p = _log_softmax(p.owner.inputs[0])
    else:
        log_p = _log(p)
    return _weigh_by_targets(log_p, targets, "categorical_crossentropy")


def categorical_crossentropy_logits(logits: Any, targets: Any) -> Variable:
    """Return the cross-entropy of ``softmax(logits)`` per item.

    Parameters
    ----------
    logits : tensor, (..., classes)
        Output of a linear layer, of any size.
    targets : tensor
        Class numbers ``(...)``, or probabilities of the logits' shape.

    Returns
    -------
    tensor, (...)

    Raises
    ------
    TypeError
        If the targets are neither.
    """
    log_p = _log_softmax(pt.as_tensor_variable(logits))
    return _weigh_by_targets(log_p, targets, "categorical_crossentropy_logits")


def squared_error(a: Any, b: Any) -> Variable:
    """Return ``(a - b)**2`` per element.

    Parameters
    ----------
    a, b : tensor
        Predictions and targets of one shape; a vector also fits a column of predictions.
    """
    a, b = _align(a, b)
    return pt.sqr(a - b)


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


def binary_hinge_loss(
    predictions: Any,
    targets: Any,
    delta: Any = 1,
    log_odds: bool | None = None,
    binary: bool = True,
) -> Variable:
    """Return the hinge loss ``max(0, delta - t p)`` per element.

    Parameters
    ----------
    predictions : tensor
        Log-odds, or probabilities for ``log_odds=False``.
    targets : tensor
        Of the same shape, 0 and 1, or -1 and 1 for ``binary=False``.
    delta : number
        Margin.
    log_odds : bool, optional
        None stands for True, with a warning: Lasagne announced that its default will change.
    binary : bool

    Returns
    -------
    tensor
        Of the predictions' shape.
    """
    if log_odds is None:
        warn(
            "binary_hinge_loss() assumes log_odds=True, which Lasagne announced to change to "
            "False; give log_odds=True (linear output) or False (sigmoid output)",
            FutureWarning,
            stacklevel=2,
        )
        log_odds = True
    p, t = _align(predictions, targets)
    if not log_odds:
        p = _log(p) - _log(1 - p)
    if binary:
        t = 2 * t - 1
    return rectify(cast_like(delta, p) - p * t)


def multiclass_hinge_loss(predictions: Any, targets: Any, delta: Any = 1) -> Variable:
    """Return the hinge loss ``max(0, max(p of other classes) - p of the class + delta)``.

    Parameters
    ----------
    predictions : tensor, (..., classes)
    targets : tensor
        Class numbers ``(...)``, or a one-hot encoding of the predictions' shape.
    delta : number
        Margin.

    Returns
    -------
    tensor, (...)

    Raises
    ------
    TypeError
        If the targets are neither.

    References
    ----------
    K. Crammer, Y. Singer: On the algorithmic implementation of multiclass kernel-based vector
    machines. JMLR 2 (2001).
    """
    p, t = pt.as_tensor_variable(predictions), pt.as_tensor_variable(targets)
    mask = pt.neq(t, 0) if t.ndim == p.ndim else _class_mask(p, t, "multiclass_hinge_loss")
    correct = pt.switch(mask, p, 0).sum(axis=-1)
    others = pt.switch(mask, cast_like(-np.inf, p), p).max(axis=-1)
    return rectify(others - correct + cast_like(delta, p))


def huber_loss(predictions: Any, targets: Any, delta: Any = 1) -> Variable:
    """Return the Huber loss per element.

    Half the squared error where the error is at most `delta`, and the line that continues it
    beyond: ``delta * (|error| - delta / 2)``.

    Parameters
    ----------
    predictions, targets : tensor
        Of one shape; a vector of targets also fits a column of predictions.
    delta : number

    Returns
    -------
    tensor

    References
    ----------
    P. Huber: Robust estimation of a location parameter. Annals of Statistics 53 (1964).
    """
    p, t = _align(predictions, targets)
    error = abs(p - t)
    curved = pt.minimum(error, cast_like(delta, p))
    return curved * (error - cast_like(0.5, p) * curved)


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
    p, t = _align(predictions, targets)
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
