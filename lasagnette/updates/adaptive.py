"""Rules that adapt the size of the steps to every single parameter."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pytensor.tensor as pt
from pytensor.compile.sharedvalue import SharedVariable

from lasagnette.updates.common import Updates, grads_like, state_like, step_count
from lasagnette.utils import cast_like

__all__ = ["adadelta", "adagrad", "adam", "adamax", "adamw", "amsgrad", "rmsprop"]


def adagrad(
    loss_or_grads: Any,
    params: Sequence[SharedVariable],
    learning_rate: Any = 1.0,
    epsilon: Any = 1e-6,
) -> Updates:
    """Adagrad: steps divided by the root of the sum of all squared gradients.

    Parameters
    ----------
    loss_or_grads : scalar expression or list of expressions
    params : list of shared variables
    learning_rate : number or scalar expression
    epsilon : number or scalar expression
        Added under the root.

    Returns
    -------
    dict from shared variable to expression

    References
    ----------
    J. Duchi, E. Hazan, Y. Singer: Adaptive subgradient methods for online learning and
    stochastic optimization. JMLR 12 (2011).
    """
    updates: Updates = {}
    for param, grad in zip(params, grads_like(loss_or_grads, params), strict=True):
        accu = state_like(param, "squares")
        accu_new = accu + grad**2
        step = cast_like(learning_rate, param) * grad
        updates[accu] = accu_new
        updates[param] = param - step / pt.sqrt(accu_new + cast_like(epsilon, param))
    return updates


def rmsprop(
    loss_or_grads: Any,
    params: Sequence[SharedVariable],
    learning_rate: Any = 1.0,
    rho: Any = 0.9,
    epsilon: Any = 1e-6,
) -> Updates:
    """RMSProp: steps divided by the root of the moving average of squared gradients.

    Parameters
    ----------
    loss_or_grads : scalar expression or list of expressions
    params : list of shared variables
    learning_rate : number or scalar expression
    rho : number or scalar expression
        Decay of the average, from 0 to 1; near 1, it changes slowly.
    epsilon : number or scalar expression
        Added under the root.

    Returns
    -------
    dict from shared variable to expression

    References
    ----------
    T. Tieleman, G. Hinton: Neural networks for machine learning, lecture 6.5. Coursera 2012.
    """
    updates: Updates = {}
    for param, grad in zip(params, grads_like(loss_or_grads, params), strict=True):
        decay = cast_like(rho, param)
        accu = state_like(param, "squares")
        accu_new = decay * accu + (1 - decay) * grad**2
        step = cast_like(learning_rate, param) * grad
        updates[accu] = accu_new
        updates[param] = param - step / pt.sqrt(accu_new + cast_like(epsilon, param))
    return updates


def adadelta(
    loss_or_grads: Any,
    params: Sequence[SharedVariable],
    learning_rate: Any = 1.0,
    rho: Any = 0.95,
    epsilon: Any = 1e-6,
) -> Updates:
    """Adadelta: steps scaled by the ratio of the averages of past steps and of gradients.

    Parameters
    ----------
    loss_or_grads : scalar expression or list of expressions
    params : list of shared variables
    learning_rate : number or scalar expression
        1 in the paper.
    rho : number or scalar expression
        Decay of the averages, from 0 to 1.
    epsilon : number or scalar expression
        Added under the roots; the first steps depend on it.

    Returns
    -------
    dict from shared variable to expression

    References
    ----------
    M. Zeiler: ADADELTA: an adaptive learning rate method. arXiv:1212.5701 (2012).
    """
    updates: Updates = {}
    for param, grad in zip(params, grads_like(loss_or_grads, params), strict=True):
        decay, eps = cast_like(rho, param), cast_like(epsilon, param)
        accu, delta_accu = state_like(param, "squares"), state_like(param, "squared_steps")
        accu_new = decay * accu + (1 - decay) * grad**2
        step = grad * pt.sqrt(delta_accu + eps) / pt.sqrt(accu_new + eps)
        updates[accu] = accu_new
        updates[param] = param - cast_like(learning_rate, param) * step
        updates[delta_accu] = decay * delta_accu + (1 - decay) * step**2
    return updates


def adam(
    loss_or_grads: Any,
    params: Sequence[SharedVariable],
    learning_rate: Any = 0.001,
    beta1: Any = 0.9,
    beta2: Any = 0.999,
    epsilon: Any = 1e-8,
) -> Updates:
    """Adam: steps along the average gradient, divided by the root of its average square.

    Parameters
    ----------
    loss_or_grads : scalar expression or list of expressions
    params : list of shared variables
    learning_rate : number or scalar expression
    beta1, beta2 : number or scalar expression
        Decay of the averages of the gradient and of its square.
    epsilon : number or scalar expression
        Added to the root.

    Returns
    -------
    dict from shared variable to expression

    References
    ----------
    D. Kingma, J. Ba: Adam: a method for stochastic optimization. ICLR 2015.
    """
    return _adam(loss_or_grads, params, learning_rate, beta1, beta2, epsilon, keep_maximum=False)


def adamw(
    loss_or_grads: Any,
    params: Sequence[SharedVariable],
    learning_rate: Any = 0.001,
    beta1: Any = 0.9,
    beta2: Any = 0.999,
    epsilon: Any = 1e-8,
    weight_decay: Any = 0.01,
    decay_params: Iterable[SharedVariable] | None = None,
) -> Updates:
    """AdamW: :func:`adam` with weights that also shrink by a fixed share per step.

    ``param := param - learning_rate * weight_decay * param`` beside Adam's step. An L2 penalty
    in the loss would be divided by the root of the average square like all of the gradient,
    and hardly hold weights with large gradients.

    Parameters
    ----------
    loss_or_grads : scalar expression or list of expressions
    params : list of shared variables
    learning_rate : number or scalar expression
    beta1, beta2 : number or scalar expression
        Decay of the averages of the gradient and of its square.
    epsilon : number or scalar expression
        Added to the root.
    weight_decay : number or scalar expression
        Times the learning rate: the share that is lost per step.
    decay_params : iterable of shared variables, optional
        The parameters that shrink, for instance ``get_all_params(net, regularizable=True)``.
        If not given, those of two dimensions or more: the weights of dense, convolutional and
        recurrent layers, not biases nor the factors of batch normalisation.

    Returns
    -------
    dict from shared variable to expression

    Raises
    ------
    ValueError
        If `decay_params` are not among `params`.

    References
    ----------
    I. Loshchilov, F. Hutter: Decoupled weight decay regularization. ICLR 2019.
    """
    params = list(params)
    if decay_params is None:
        decay_params = [param for param in params if param.type.ndim >= 2]
    decay_params = list(decay_params)
    strangers = [param for param in decay_params if param not in params]
    if strangers:
        raise ValueError(f"adamw: decay_params must be among params, got also {strangers!r}")
    updates = adam(loss_or_grads, params, learning_rate, beta1, beta2, epsilon)
    for param in decay_params:
        share = cast_like(learning_rate, param) * cast_like(weight_decay, param)
        updates[param] = updates[param] - share * param
    return updates


def amsgrad(
    loss_or_grads: Any,
    params: Sequence[SharedVariable],
    learning_rate: Any = 0.001,
    beta1: Any = 0.9,
    beta2: Any = 0.999,
    epsilon: Any = 1e-8,
) -> Updates:
    """AMSGrad: :func:`adam` with the largest average square so far.

    Parameters
    ----------
    loss_or_grads : scalar expression or list of expressions
    params : list of shared variables
    learning_rate : number or scalar expression
    beta1, beta2 : number or scalar expression
        Decay of the averages of the gradient and of its square.
    epsilon : number or scalar expression
        Added to the root.

    Returns
    -------
    dict from shared variable to expression

    References
    ----------
    S. Reddi, S. Kale, S. Kumar: On the convergence of Adam and beyond. ICLR 2018.
    """
    return _adam(loss_or_grads, params, learning_rate, beta1, beta2, epsilon, keep_maximum=True)


def _adam(
    loss_or_grads: Any,
    params: Sequence[SharedVariable],
    learning_rate: Any,
    beta1: Any,
    beta2: Any,
    epsilon: Any,
    keep_maximum: bool,
) -> Updates:
    grads = grads_like(loss_or_grads, params)
    t_prev = step_count(params)
    t = t_prev + 1
    updates: Updates = {}
    for param, grad in zip(params, grads, strict=True):
        b1, b2 = cast_like(beta1, param), cast_like(beta2, param)
        # Both averages start at zero; the rate makes up for it.
        steps = cast_like(t, param)
        rate = cast_like(learning_rate, param) * pt.sqrt(1 - b2**steps) / (1 - b1**steps)
        m_prev, v_prev = state_like(param, "mean"), state_like(param, "squares")
        updates[m_prev] = m = b1 * m_prev + (1 - b1) * grad
        updates[v_prev] = v = b2 * v_prev + (1 - b2) * grad**2
        if keep_maximum:
            v_max = state_like(param, "largest_squares")
            updates[v_max] = v = pt.maximum(v_max, v)
        updates[param] = param - rate * m / (pt.sqrt(v) + cast_like(epsilon, param))
    updates[t_prev] = t
    return updates


def adamax(
    loss_or_grads: Any,
    params: Sequence[SharedVariable],
    learning_rate: Any = 0.002,
    beta1: Any = 0.9,
    beta2: Any = 0.999,
    epsilon: Any = 1e-8,
) -> Updates:
    """Adamax: :func:`adam` with a decaying maximum in place of the average square.

    Parameters
    ----------
    loss_or_grads : scalar expression or list of expressions
    params : list of shared variables
    learning_rate : number or scalar expression
    beta1, beta2 : number or scalar expression
        Decay of the average of the gradient and of the maximum.
    epsilon : number or scalar expression
        Added to the maximum.

    Returns
    -------
    dict from shared variable to expression

    References
    ----------
    D. Kingma, J. Ba: Adam: a method for stochastic optimization. ICLR 2015.
    """
    grads = grads_like(loss_or_grads, params)
    t_prev = step_count(params)
    t = t_prev + 1
    updates: Updates = {}
    for param, grad in zip(params, grads, strict=True):
        b1, b2 = cast_like(beta1, param), cast_like(beta2, param)
        rate = cast_like(learning_rate, param) / (1 - b1 ** cast_like(t, param))
        m_prev, u_prev = state_like(param, "mean"), state_like(param, "maximum")
        updates[m_prev] = m = b1 * m_prev + (1 - b1) * grad
        updates[u_prev] = u = pt.maximum(b2 * u_prev, abs(grad))
        updates[param] = param - rate * m / (u + cast_like(epsilon, param))
    updates[t_prev] = t
    return updates
