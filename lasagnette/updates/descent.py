"""Steps along the gradient, with and without momentum."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pytensor.compile.sharedvalue import SharedVariable

from lasagnette.updates.common import Updates, grads_like, state_like
from lasagnette.utils import cast_like

__all__ = [
    "apply_momentum",
    "apply_nesterov_momentum",
    "momentum",
    "nesterov_momentum",
    "sgd",
]


def sgd(loss_or_grads: Any, params: Sequence[SharedVariable], learning_rate: Any) -> Updates:
    """Stochastic gradient descent: ``param - learning_rate * gradient``.

    Parameters
    ----------
    loss_or_grads : scalar expression or list of expressions
    params : list of shared variables
    learning_rate : number or scalar expression

    Returns
    -------
    dict from shared variable to expression
    """
    grads = grads_like(loss_or_grads, params)
    return {
        param: param - cast_like(learning_rate, param) * grad
        for param, grad in zip(params, grads, strict=True)
    }


def apply_momentum(
    updates: Updates, params: Iterable[SharedVariable] | None = None, momentum: Any = 0.9
) -> Updates:
    """Add momentum to updates.

    ``velocity := momentum * velocity + updates[param] - param``;
    ``param := param + velocity``.

    Parameters
    ----------
    updates : dict from shared variable to expression
    params : iterable of shared variables, optional
        Whose updates to change; all if not given.
    momentum : number or scalar expression

    Returns
    -------
    dict from shared variable to expression
        A changed copy.

    Notes
    -----
    Steps grow by up to ``1 / (1 - momentum)``; scale the learning rate accordingly.
    """
    result = dict(updates)
    for param in list(updates) if params is None else params:
        velocity = state_like(param, "velocity")
        x = cast_like(momentum, param) * velocity + updates[param]
        result[velocity] = x - param
        result[param] = x
    return result


def momentum(
    loss_or_grads: Any,
    params: Sequence[SharedVariable],
    learning_rate: Any,
    momentum: Any = 0.9,
) -> Updates:
    """Stochastic gradient descent with momentum.

    ``velocity := momentum * velocity - learning_rate * gradient``;
    ``param := param + velocity``.

    Parameters
    ----------
    loss_or_grads : scalar expression or list of expressions
    params : list of shared variables
    learning_rate, momentum : number or scalar expression

    Returns
    -------
    dict from shared variable to expression
    """
    return apply_momentum(sgd(loss_or_grads, params, learning_rate), momentum=momentum)


def apply_nesterov_momentum(
    updates: Updates, params: Iterable[SharedVariable] | None = None, momentum: Any = 0.9
) -> Updates:
    """Add Nesterov momentum to updates.

    ``velocity := momentum * velocity + updates[param] - param``;
    ``param := param + momentum * velocity + updates[param] - param``.

    Parameters
    ----------
    updates : dict from shared variable to expression
    params : iterable of shared variables, optional
        Whose updates to change; all if not given.
    momentum : number or scalar expression

    Returns
    -------
    dict from shared variable to expression
        A changed copy.

    Notes
    -----
    Nesterov's method takes the gradient at the predicted next position. This form, with the
    parameters kept at that position, takes it where they are
    (Y. Bengio, N. Boulanger-Lewandowski, R. Pascanu: Advances in optimizing recurrent
    networks. ICASSP 2013).
    """
    result = dict(updates)
    for param in list(updates) if params is None else params:
        velocity = state_like(param, "velocity")
        mu = cast_like(momentum, param)
        x = mu * velocity + updates[param] - param
        result[velocity] = x
        result[param] = mu * x + updates[param]
    return result


def nesterov_momentum(
    loss_or_grads: Any,
    params: Sequence[SharedVariable],
    learning_rate: Any,
    momentum: Any = 0.9,
) -> Updates:
    """Stochastic gradient descent with Nesterov momentum.

    ``velocity := momentum * velocity - learning_rate * gradient``;
    ``param := param + momentum * velocity - learning_rate * gradient``.

    Parameters
    ----------
    loss_or_grads : scalar expression or list of expressions
    params : list of shared variables
    learning_rate, momentum : number or scalar expression

    Returns
    -------
    dict from shared variable to expression
    """
    return apply_nesterov_momentum(sgd(loss_or_grads, params, learning_rate), momentum=momentum)
