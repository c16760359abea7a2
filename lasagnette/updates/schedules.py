"""Learning rates that change from step to step inside the compiled function.

A schedule returns a rate, for any rule's ``learning_rate``, and the update of its count of
steps, to be added to the rule's updates:

>>> import pytensor, pytensor.tensor as pt
>>> from lasagnette.updates import adam, cosine_schedule
>>> w = pytensor.shared(1.0)
>>> rate, advance = cosine_schedule(0.01, steps=10_000, warm_up=500)
>>> updates = adam(w**2, [w], learning_rate=rate) | advance
>>> train = pytensor.function([], rate, updates=updates, mode="FAST_COMPILE")

The count is the only key of the second, a shared variable: save its value with a checkpoint and
set it to resume. One schedule may serve several rules in one function.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from lasagnette.updates.common import Updates
from lasagnette.utils import cast_like, floatX

__all__ = ["cosine_schedule", "exponential_schedule", "step_schedule"]


def _count() -> tuple[Any, Updates]:
    """Return the number of steps done, of dtype floatX, and the update of the count."""
    done = pytensor.shared(np.array(0, dtype="int64"), name="schedule.steps", shape=())
    return pt.cast(done, pytensor.config.floatX), {done: done + np.int64(1)}


def _require_positive(who: str, **numbers: float) -> None:
    for name, number in numbers.items():
        if not number > 0:
            raise ValueError(f"{who}: {name} must be positive, got {number!r}")


def step_schedule(rate: Any, every: int, factor: float = 0.1) -> tuple[Variable, Updates]:
    """A rate that is multiplied by a factor after every so many steps.

    Parameters
    ----------
    rate : number or scalar expression
        Of the first step.
    every : int
        Number of steps between changes.
    factor : float

    Returns
    -------
    rate : scalar expression
        Of dtype ``floatX``.
    updates : dict from shared variable to expression

    Raises
    ------
    ValueError
        If `every` or `factor` is not positive.

    Examples
    --------
    >>> rate, advance = step_schedule(1.0, every=2, factor=0.5)
    >>> step = pytensor.function([], rate, updates=advance, mode="FAST_COMPILE")
    >>> [float(step()) for _ in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """
    _require_positive("step_schedule", every=every, factor=factor)
    done, updates = _count()
    changes = pt.floor(done / floatX(every))
    return cast_like(rate, done) * floatX(factor) ** changes, updates


def exponential_schedule(rate: Any, steps: int, factor: float = 0.1) -> tuple[Variable, Updates]:
    """A rate that falls smoothly, by a factor per so many steps.

    Parameters
    ----------
    rate : number or scalar expression
        Of the first step.
    steps : int
        Number of steps in which the rate is multiplied by `factor`.
    factor : float

    Returns
    -------
    rate : scalar expression
        Of dtype ``floatX``.
    updates : dict from shared variable to expression

    Raises
    ------
    ValueError
        If `steps` or `factor` is not positive.
    """
    _require_positive("exponential_schedule", steps=steps, factor=factor)
    done, updates = _count()
    return cast_like(rate, done) * floatX(factor) ** (done / floatX(steps)), updates


def cosine_schedule(
    rate: Any, steps: int, warm_up: int = 0, final: Any = 0.0
) -> tuple[Variable, Updates]:
    """A rate that rises in a line, then falls along a half cosine, and stays at its end.

    Parameters
    ----------
    rate : number or scalar expression
        The largest.
    steps : int
        Number of steps until the end, with the warm-up.
    warm_up : int
        Number of steps before the largest rate; the first is ``rate / (warm_up + 1)``.
    final : number or scalar expression
        Rate at the end and after it.

    Returns
    -------
    rate : scalar expression
        Of dtype ``floatX``.
    updates : dict from shared variable to expression

    Raises
    ------
    ValueError
        If `steps` is not larger than `warm_up`, or `warm_up` is negative.

    References
    ----------
    I. Loshchilov, F. Hutter: SGDR: stochastic gradient descent with warm restarts. ICLR 2017.
    """
    if not 0 <= warm_up < steps:
        raise ValueError(
            "cosine_schedule: warm_up must be from 0 to below steps, got "
            f"warm_up {warm_up!r} and steps {steps!r}"
        )
    done, updates = _count()
    highest, lowest = cast_like(rate, done), cast_like(final, done)
    rising = highest * (done + 1) / floatX(warm_up + 1)
    progress = pt.clip((done - floatX(warm_up)) / floatX(steps - warm_up), floatX(0), floatX(1))
    falling = lowest + (highest - lowest) * (1 + pt.cos(floatX(math.pi) * progress)) / 2
    return pt.switch(done < floatX(warm_up), rising, falling), updates
