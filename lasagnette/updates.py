"""Update rules for training.

A rule takes a loss (or gradients) and parameters, and returns a dictionary from shared
variables to their next values, for ``pytensor.function(..., updates=...)``:
:func:`sgd`, :func:`momentum`, :func:`nesterov_momentum`, :func:`adagrad`, :func:`rmsprop`,
:func:`adadelta`, :func:`adam`, :func:`adamax`, :func:`amsgrad`.

:func:`apply_momentum` and :func:`apply_nesterov_momentum` add momentum to any of them;
:func:`norm_constraint` and :func:`total_norm_constraint` limit the norms of weights or
gradients.

>>> import lasagnette as lasagne
>>> import pytensor, pytensor.tensor as pt
>>> from lasagnette.layers import InputLayer, DenseLayer, get_all_params, get_output
>>> y = pt.ivector("y")
>>> net = DenseLayer(InputLayer((None, 20)), num_units=3, nonlinearity=None)
>>> losses = lasagne.objectives.categorical_crossentropy_logits(get_output(net), y)
>>> params = get_all_params(net, trainable=True)
>>> eta = pytensor.shared(lasagne.utils.floatX(0.01))
>>> updates = nesterov_momentum(losses.mean(), params, learning_rate=eta, momentum=0.9)

Hyperparameters are numbers, or expressions such as the shared variable ``eta``, which may be
set between the steps. Either is cast to the dtype of the parameter it works on, so a float32
network stays float32. The state that a rule keeps lies in shared variables of its own, found
among the dictionary's keys and named after the parameters.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Variable

from lasagnette.utils import cast_like, norm_axes_of

__all__ = [
    "adadelta",
    "adagrad",
    "adam",
    "adamax",
    "amsgrad",
    "apply_momentum",
    "apply_nesterov_momentum",
    "get_or_compute_grads",
    "momentum",
    "nesterov_momentum",
    "norm_constraint",
    "rmsprop",
    "sgd",
    "total_norm_constraint",
]

Updates = dict[SharedVariable, Variable]


def get_or_compute_grads(loss_or_grads: Any, params: Sequence[SharedVariable]) -> list[Any]:
    """Return the gradients of a loss, or the given ones.

    Parameters
    ----------
    loss_or_grads : scalar expression or list of expressions
    params : list of shared variables

    Returns
    -------
    list of expressions
        Of the parameters' dtypes and static shapes.

    Raises
    ------
    ValueError
        If the list has another length than `params`, or a parameter is not a shared variable
        (which could not be updated).
    """
    params = list(params)
    for param in params:
        if not isinstance(param, SharedVariable):
            raise ValueError(
                f"params must be shared variables, got {param!r}; "
                "lasagnette.utils.collect_shared_vars finds those in an expression"
            )
    if isinstance(loss_or_grads, list | tuple):
        if len(loss_or_grads) != len(params):
            raise ValueError(f"got {len(loss_or_grads)} gradients for {len(params)} parameters")
        grads: Any = loss_or_grads
    else:
        grads = pytensor.grad(loss_or_grads, params)
    # An update must have exactly its variable's type, down to static lengths of 1.
    return [p.type.filter_variable(cast_like(g, p)) for p, g in zip(params, grads, strict=True)]


def _state(param: SharedVariable, name: str) -> Any:
    """Return a shared variable of zeros like `param`."""
    value = np.zeros_like(param.get_value(borrow=True))
    return pytensor.shared(value, shape=param.type.shape, name=f"{param.name}.{name}")


def _step_count(params: Sequence[SharedVariable]) -> Any:
    """Return a count of steps; of the parameters' dtype, so that no other comes in."""
    dtype = params[0].type.dtype if params else pytensor.config.floatX
    return pytensor.shared(np.zeros((), dtype=dtype), name="steps")


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
    grads = get_or_compute_grads(loss_or_grads, params)
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
        velocity = _state(param, "velocity")
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
        velocity = _state(param, "velocity")
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
    for param, grad in zip(params, get_or_compute_grads(loss_or_grads, params), strict=True):
        accu = _state(param, "squares")
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
    for param, grad in zip(params, get_or_compute_grads(loss_or_grads, params), strict=True):
        decay = cast_like(rho, param)
        accu = _state(param, "squares")
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
    for param, grad in zip(params, get_or_compute_grads(loss_or_grads, params), strict=True):
        decay, eps = cast_like(rho, param), cast_like(epsilon, param)
        accu, delta_accu = _state(param, "squares"), _state(param, "squared_steps")
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
    grads = get_or_compute_grads(loss_or_grads, params)
    t_prev = _step_count(params)
    t = t_prev + 1
    updates: Updates = {}
    for param, grad in zip(params, grads, strict=True):
        b1, b2 = cast_like(beta1, param), cast_like(beta2, param)
        # Both averages start at zero; the rate makes up for it.
        steps = cast_like(t, param)
        rate = cast_like(learning_rate, param) * pt.sqrt(1 - b2**steps) / (1 - b1**steps)
        m_prev, v_prev = _state(param, "mean"), _state(param, "squares")
        updates[m_prev] = m = b1 * m_prev + (1 - b1) * grad
        updates[v_prev] = v = b2 * v_prev + (1 - b2) * grad**2
        if keep_maximum:
            v_max = _state(param, "largest_squares")
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
    grads = get_or_compute_grads(loss_or_grads, params)
    t_prev = _step_count(params)
    t = t_prev + 1
    updates: Updates = {}
    for param, grad in zip(params, grads, strict=True):
        b1, b2 = cast_like(beta1, param), cast_like(beta2, param)
        rate = cast_like(learning_rate, param) / (1 - b1 ** cast_like(t, param))
        m_prev, u_prev = _state(param, "mean"), _state(param, "maximum")
        updates[m_prev] = m = b1 * m_prev + (1 - b1) * grad
        updates[u_prev] = u = pt.maximum(b2 * u_prev, abs(grad))
        updates[param] = param - rate * m / (u + cast_like(epsilon, param))
    updates[t_prev] = t
    return updates


def norm_constraint(
    tensor_var: Any, max_norm: Any, norm_axes: Iterable[int] | None = None, epsilon: Any = 1e-7
) -> Variable:
    """Scale down the incoming weights of units whose norm is too large.

    Parameters
    ----------
    tensor_var : expression
        An update, a gradient, or another tensor.
    max_norm : number or scalar expression
    norm_axes : iterable of int, optional
        Axes to take the norm over; if not given, axis 0 of a matrix (dense layers), all but
        axis 0 of a tensor of 3 to 5 dimensions (convolutional layers).
    epsilon : number
        Added to the norm that is divided by.

    Returns
    -------
    expression

    Examples
    --------
    >>> from lasagnette.utils import compute_norms
    >>> W = pt.constant(np.full((100, 20), 9.0))
    >>> float(compute_norms(norm_constraint(W, 10).eval(mode="FAST_COMPILE")).max().round(4))
    10.0
    """
    axes = norm_axes_of(tensor_var.ndim) if norm_axes is None else tuple(norm_axes)
    norms = pt.sqrt(pt.sum(pt.sqr(tensor_var), axis=axes, keepdims=True))
    target = pt.minimum(norms, cast_like(max_norm, tensor_var))
    return tensor_var * (target / (cast_like(epsilon, tensor_var) + norms))


def total_norm_constraint(
    tensor_vars: Sequence[Any], max_norm: Any, epsilon: Any = 1e-7, return_norm: bool = False
) -> Any:
    """Scale down tensors whose combined norm is too large.

    Parameters
    ----------
    tensor_vars : list of expressions
        Usually gradients.
    max_norm : number or scalar expression
    epsilon : number
        Added to the norm that is divided by.
    return_norm : bool
        Whether to return the norm, too.

    Returns
    -------
    tensor_vars_scaled : list of expressions
    norm : scalar expression
        The combined norm before scaling, if asked for; worth watching in training.

    References
    ----------
    I. Sutskever, O. Vinyals, Q. Le: Sequence to sequence learning with neural networks.
    NIPS 2014.
    """
    norm = pt.sqrt(sum(pt.sum(pt.sqr(tensor)) for tensor in tensor_vars))
    factor = pt.minimum(norm, cast_like(max_norm, norm)) / (cast_like(epsilon, norm) + norm)
    scaled = [tensor * cast_like(factor, tensor) for tensor in tensor_vars]
    return (scaled, norm) if return_norm else scaled
