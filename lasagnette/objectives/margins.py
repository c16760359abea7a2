"""Losses that ask for a margin, and losses of distances."""

from __future__ import annotations

from typing import Any
from warnings import warn

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from lasagnette.nonlinearities import rectify
from lasagnette.objectives.common import align, class_mask, log
from lasagnette.utils import cast_like

__all__ = ["binary_hinge_loss", "huber_loss", "multiclass_hinge_loss", "squared_error"]


def squared_error(a: Any, b: Any) -> Variable:
    """Return ``(a - b)**2`` per element.

    Parameters
    ----------
    a, b : tensor
        Predictions and targets of one shape; a vector also fits a column of predictions.
    """
    a, b = align(a, b)
    return pt.sqr(a - b)


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
    p, t = align(predictions, targets)
    error = abs(p - t)
    curved = pt.minimum(error, cast_like(delta, p))
    return curved * (error - cast_like(0.5, p) * curved)


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
    p, t = align(predictions, targets)
    if not log_odds:
        p = log(p) - log(1 - p)
    if binary:
        t = 2 * t - 1
    return rectify(cast_like(delta, p) - p * t)


def multiclass_hinge_loss(predictions: Any, targets: Any, delta: Any = 1) -> Variable:
    """Return the hinge loss ``max(0, max(p of other classes) - p of the class + delta)``.

    Parameters
    ----------
    predictions : tensor, (..., classes)
    targets : tensor
        Class numbers ``(...)`` from 0 to ``classes - 1``, or a one-hot encoding of the
        predictions' shape.
    delta : number
        Margin.

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

    References
    ----------
    K. Crammer, Y. Singer: On the algorithmic implementation of multiclass kernel-based vector
    machines. JMLR 2 (2001).
    """
    p, t = pt.as_tensor_variable(predictions), pt.as_tensor_variable(targets)
    mask = pt.neq(t, 0) if t.ndim == p.ndim else class_mask(p, t, "multiclass_hinge_loss")
    correct = pt.switch(mask, p, 0).sum(axis=-1)
    others = pt.switch(mask, cast_like(-np.inf, p), p).max(axis=-1)
    return rectify(others - correct + cast_like(delta, p))
