"""Losses of predicted probabilities and of logits."""

from __future__ import annotations

from typing import Any

import pytensor.tensor as pt
from pytensor.gradient import disconnected_grad
from pytensor.graph.basic import Variable
from pytensor.scalar.math import Sigmoid
from pytensor.tensor.elemwise import Elemwise
from pytensor.tensor.special import Softmax

from lasagnette.objectives.common import align, class_mask, log, log_softmax
from lasagnette.utils import cast_like

__all__ = [
    "binary_crossentropy",
    "binary_crossentropy_logits",
    "categorical_crossentropy",
    "categorical_crossentropy_logits",
    "distillation_loss",
]


def _weigh_by_targets(log_p: Any, targets: Any, who: str) -> Variable:
    """Return minus the logarithms at the targets, summed over classes."""
    targets = pt.as_tensor_variable(targets)
    if targets.ndim == log_p.ndim:
        return -(cast_like(targets, log_p) * log_p).sum(axis=-1)
    return -pt.switch(class_mask(log_p, targets, who), log_p, 0).sum(axis=-1)


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
    p, t = align(predictions, targets)
    op = p.owner.op if p.owner is not None else None
    if isinstance(op, Elemwise) and isinstance(op.scalar_op, Sigmoid):
        return binary_crossentropy_logits(p.owner.inputs[0], t)
    return -t * log(p) - (1 - t) * log(1 - p)


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
    x, t = align(logits, targets)
    return pt.softplus(x) - t * x


def categorical_crossentropy(predictions: Any, targets: Any) -> Variable:
    """Return the cross-entropy ``-sum(t log(p))`` per item.

    Parameters
    ----------
    predictions : tensor, (..., classes)
        Probabilities, usually of a softmax.
    targets : tensor
        Class numbers ``(...)`` from 0 to ``classes - 1``, or probabilities of the
        predictions' shape.

    Returns
    -------
    tensor, (...)

    Raises
    ------
    TypeError
        If the targets are neither.
    AssertionError
        When the function runs, if a class number is out of range (not under JAX, which skips
        assertions).
    """
    p = pt.as_tensor_variable(predictions)
    op = p.owner.op if p.owner is not None else None
    if isinstance(op, Softmax) and op.axis == (p.ndim - 1,):
        log_p = log_softmax(p.owner.inputs[0])
    else:
        log_p = log(p)
    return _weigh_by_targets(log_p, targets, "categorical_crossentropy")


def categorical_crossentropy_logits(logits: Any, targets: Any) -> Variable:
    """Return the cross-entropy of ``softmax(logits)`` per item.

    Parameters
    ----------
    logits : tensor, (..., classes)
        Output of a linear layer, of any size.
    targets : tensor
        Class numbers ``(...)`` from 0 to ``classes - 1``, or probabilities of the
        logits' shape.

    Returns
    -------
    tensor, (...)

    Raises
    ------
    TypeError
        If the targets are neither.
    AssertionError
        When the function runs, if a class number is out of range (not under JAX, which skips
        assertions).
    """
    log_p = log_softmax(pt.as_tensor_variable(logits))
    return _weigh_by_targets(log_p, targets, "categorical_crossentropy_logits")


def distillation_loss(logits: Any, teacher_logits: Any, temperature: Any = 4.0) -> Variable:
    """Return how far a network's soft predictions are from its teacher's, per item.

    ``temperature**2`` times the divergence (Kullback-Leibler) of
    ``softmax(logits / temperature)`` from ``softmax(teacher_logits / temperature)``. High
    temperatures show what the teacher takes for similar; the factor keeps the gradient's size
    the same for all of them, so that the loss can be added to the cross-entropy with the
    true classes.

    Parameters
    ----------
    logits, teacher_logits : tensor, (..., classes)
        Outputs of linear layers. The teacher gets no gradient; take its output
        ``deterministic=True``.
    temperature : number or scalar expression
        Positive.

    Returns
    -------
    tensor, (...)
        Zero where both predict the same.

    Raises
    ------
    ValueError
        If `temperature` is a number that is not positive.

    References
    ----------
    G. Hinton, O. Vinyals, J. Dean: Distilling the knowledge in a neural network.
    arXiv:1503.02531 (2015).

    Examples
    --------
    >>> from lasagnette.objectives import aggregate
    >>> student, teacher, classes = pt.fmatrix(), pt.fmatrix(), pt.ivector()
    >>> soft = distillation_loss(student, teacher, temperature=4)
    >>> hard = categorical_crossentropy_logits(student, classes)
    >>> loss = aggregate(0.9 * soft + 0.1 * hard)
    """
    if isinstance(temperature, int | float) and not temperature > 0:
        raise ValueError(f"distillation_loss: temperature must be positive, got {temperature!r}")
    x = pt.as_tensor_variable(logits)
    teacher = disconnected_grad(cast_like(pt.as_tensor_variable(teacher_logits), x))
    t = cast_like(temperature, x)
    wanted, found = log_softmax(teacher / t), log_softmax(x / t)
    return pt.sqr(t) * (pt.exp(wanted) * (wanted - found)).sum(axis=-1)
