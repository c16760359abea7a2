"""A loss that draws the features of a class together."""

from __future__ import annotations

from typing import Any

import pytensor.tensor as pt
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.gradient import disconnected_grad
from pytensor.graph.basic import Variable

from lasagnette.objectives.common import is_float
from lasagnette.utils import cast_like

__all__ = ["center_loss"]


def center_loss(
    features: Any, targets: Any, centers: Any, rate: Any = 0.5
) -> tuple[Variable, dict[SharedVariable, Variable]]:
    """Return the distances of features from the centres of their classes, and new centres.

    The loss is half the squared distance per item; added, with a small weight, to a
    cross-entropy, it makes classes compact. The centres are not trained by gradient. A step
    moves each one by ``rate * sum(x - centre) / (1 + n)`` over the `n` items of its class in
    the batch, so that a single item moves it half way at most.

    Parameters
    ----------
    features : tensor, (batch, features)
    targets : tensor of int, (batch,)
        Class numbers.
    centers : shared variable, (classes, features)
        Starts, for instance, as zeros.
    rate : number or scalar expression
        From 0 to 1; called alpha in the paper.

    Returns
    -------
    loss : tensor, (batch,)
    updates : dict from shared variable to expression
        The centres' next values, to be added to those of the training step.

    Raises
    ------
    TypeError
        If `centers` is no shared variable.
    ValueError
        If `features` and `centers` are no matrices, or `targets` no vector of integers.

    References
    ----------
    Y. Wen, K. Zhang, Z. Li, Y. Qiao: A discriminative feature learning approach for deep face
    recognition. ECCV 2016.

    Examples
    --------
    >>> import numpy as np, pytensor
    >>> from lasagnette.layers import InputLayer, DenseLayer, get_all_params, get_output
    >>> from lasagnette.objectives import categorical_crossentropy_logits
    >>> from lasagnette.updates import adam
    >>> people = pt.ivector("people")
    >>> embedding = DenseLayer(InputLayer((None, 20)), num_units=8)
    >>> net = DenseLayer(embedding, num_units=100, nonlinearity=None)
    >>> features, logits = get_output([embedding, net])
    >>> centers = pytensor.shared(np.zeros((100, 8)), shape=(100, 8))
    >>> distances, moves = center_loss(features, people, centers)
    >>> loss = (categorical_crossentropy_logits(logits, people) + 0.003 * distances).mean()
    >>> updates = adam(loss, get_all_params(net, trainable=True)) | moves
    """
    if not isinstance(centers, SharedVariable):
        raise TypeError(f"center_loss: centers must be a shared variable, got {centers!r}")
    x, t = pt.as_tensor_variable(features), pt.as_tensor_variable(targets)
    if x.ndim != 2 or centers.type.ndim != 2 or t.ndim != 1 or is_float(t):
        raise ValueError(
            "center_loss: features and centers must be matrices and targets a vector of "
            f"integers, got {x.type!r}, {centers.type!r} and {t.type!r}"
        )
    distances = x - cast_like(pt.take(centers, t, axis=0), x)
    moves = cast_like(disconnected_grad(distances), centers)
    zeros: Any = pt.zeros_like(centers)
    total = pt.inc_subtensor(zeros[t], moves)
    # One per item: a scalar would do, but JAX takes none here.
    items = pt.inc_subtensor(zeros[:, 0][t], cast_like(pt.ones_like(t), centers))
    new = centers + cast_like(rate, centers) * total / (1 + items)[:, None]
    return pt.sqr(distances).sum(axis=1) / 2, {centers: centers.type.filter_variable(new)}
