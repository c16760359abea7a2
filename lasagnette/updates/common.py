"""What all update rules need: gradients of the right type, and state of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytensor
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Variable

from lasagnette.utils import cast_like

__all__ = ["Updates", "get_or_compute_grads", "grads_like", "state_like", "step_count"]

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
        return loss_or_grads  # type: ignore[return-value]
    grads: Any = pytensor.grad(loss_or_grads, params)
    return grads


def grads_like(loss_or_grads: Any, params: Sequence[SharedVariable]) -> list[Any]:
    """Return :func:`get_or_compute_grads` in the parameters' dtypes and static shapes."""
    grads = get_or_compute_grads(loss_or_grads, params)
    # An update must have exactly its variable's type, down to static lengths of 1.
    return [p.type.filter_variable(cast_like(g, p)) for p, g in zip(params, grads, strict=True)]


def state_like(param: SharedVariable, name: str) -> Any:
    """Return a shared variable of zeros like `param`."""
    value = np.zeros_like(param.get_value(borrow=True))
    return pytensor.shared(value, shape=param.type.shape, name=f"{param.name}.{name}")


def step_count(params: Sequence[SharedVariable]) -> Any:
    """Return a count of steps; of the parameters' dtype, so that no other comes in."""
    dtype = params[0].type.dtype if params else pytensor.config.floatX
    return pytensor.shared(np.zeros((), dtype=dtype), name="steps")
