"""What several objectives need: aligned shapes and dtypes, exact logarithms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import disconnected_grad
from pytensor.graph.basic import Variable
from pytensor.raise_op import Assert

from lasagnette.utils import cast_like, one_hot

__all__ = ["align", "class_mask", "is_float", "log", "log_softmax"]


def is_float(x: Any) -> bool:
    """Whether an expression holds floating point numbers."""
    return x.type.dtype.startswith("float")


def align(predictions: Any, targets: Any) -> tuple[Any, Any]:
    """Return expressions of one floating dtype; a vector of targets as a column if needed.

    A network of one output unit predicts a column; its targets are usually a vector, which
    would silently broadcast to a matrix of differences.
    """
    predictions, targets = pt.as_tensor_variable(predictions), pt.as_tensor_variable(targets)
    if predictions.ndim == 2 and predictions.type.shape[1] == 1 and targets.ndim == 1:
        targets = targets[:, None]
    if is_float(predictions):
        return predictions, cast_like(targets, predictions)
    return (cast_like(predictions, targets) if is_float(targets) else predictions), targets


def log(p: Any) -> Any:
    """Return the logarithm of probabilities, finite at zero."""
    return pt.log(pt.maximum(p, cast_like(np.finfo(p.type.dtype).tiny, p)))


def log_softmax(x: Any) -> Any:
    """Return the logarithm of the softmax over the last axis, exact for any logits."""
    # Written out: PyTensor's own compiles even in functions that run without a compiler.
    shifted = x - disconnected_grad(x.max(axis=-1, keepdims=True))
    return shifted - pt.log(pt.exp(shifted).sum(axis=-1, keepdims=True))


def class_mask(values: Any, targets: Any, who: str) -> Variable:
    """Return a mask of the target classes from class numbers, which are checked on every call.

    A number out of range has no entry in the mask: its loss would be zero without the check.
    """
    if targets.ndim != values.ndim - 1 or is_float(targets):
        raise TypeError(
            f"{who}: rank mismatch: targets must be integers of {values.ndim - 1} dimensions or "
            f"a tensor of the predictions' {values.ndim} dimensions, got {targets.type!r}"
        )
    classes = values.type.shape[-1]
    last = "classes - 1" if classes is None else classes - 1
    number = values.shape[-1] if classes is None else classes
    check = Assert(f"{who}: integer targets must be class numbers from 0 to {last}, some are not")
    return one_hot(check(targets, pt.all((targets >= 0) & (targets < number))), number)
