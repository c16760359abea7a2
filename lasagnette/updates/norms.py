"""Limits on the norms of weights and gradients."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from lasagnette.utils import cast_like, norm_axes_of

__all__ = ["norm_constraint", "total_norm_constraint"]


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
        Axes to take the norm over; see :func:`lasagnette.utils.norm_axes_of` for the default.
    epsilon : number
        Added to the norm that is divided by.

    Returns
    -------
    expression

    Examples
    --------
    >>> from lasagnette.utils import compute_norms
    >>> W = pt.alloc(9.0, 100, 20)
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
