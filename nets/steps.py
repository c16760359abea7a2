"""A training step as a compiled function, for any net and any loss, and minibatches for it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.compile.mode import Mode
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Variable

from lasagnette import backend, layers, updates
from lasagnette.layers import Layer

__all__ = ["Training", "TrainingError", "compiled", "minibatches"]


class TrainingError(ValueError):
    """A training that cannot go on."""


class Training:
    """A loss and the rule that lowers it, as compiled functions.

    Parameters
    ----------
    layer : Layer or iterable of Layer
        Output layer or layers; the trainable parameters of all layers up to them are trained.
    inputs : sequence of expressions
        Variables of a minibatch's arrays, in their order: inputs, masks, targets.
    loss : scalar expression
        To be minimised, penalties included.
    rule : callable
        ``rule(loss, parameters, learning_rate=...)`` returns a dictionary from shared variables
        to their next values: a function of :mod:`lasagnette.updates`, with further arguments
        bound by :func:`functools.partial`, or one of your own, which may update more than the
        parameters (centres, a schedule's count). The learning rate it gets is a shared variable.
    metrics : mapping of str to scalar expression, optional
        Reported at every step beside ``loss``, which is the minimised one unless named here.
    valid_metrics : mapping of str to scalar expression, optional
        What :meth:`evaluate` computes, from outputs made with ``deterministic=True``.
    norms : bool
        Also report, of all trained parameters together, ``gradient_norm``, ``weight_norm`` before
        the step, and ``update_ratio``, by how much of it the step moves them (Euclidean lengths).
    mode : str or pytensor Mode, optional
        Compilation mode; by default that of :func:`lasagnette.backend.mode`.

    Raises
    ------
    TrainingError
        If an expression is not a scalar, a validation metric is not deterministic, no parameter
        is trainable, or the rule has a learning rate bound.

    Notes
    -----
    Updates that the expressions carry (counters of dropout, averages of batch normalisation) are
    part of the step; see :func:`lasagnette.layers.get_updates`.

    With JAX, parameters stay on its device between steps; :meth:`state` fetches them.
    """

    def __init__(
        self,
        layer: Layer | Iterable[Layer],
        inputs: Sequence[Variable],
        loss: Any,
        *,
        rule: Callable[..., Mapping[SharedVariable, Variable]] = updates.adam,
        metrics: Mapping[str, Any] | None = None,
        valid_metrics: Mapping[str, Any] | None = None,
        norms: bool = False,
        mode: str | Mode | None = None,
    ) -> None:
        outputs = {"loss": loss, **(metrics or {})}
        checks = dict(valid_metrics or {})
        _require_scalars({"the minimised loss": loss, **outputs, **checks})
        if changed := layers.get_updates(list(checks.values())):
            raise TrainingError(
                f"Training: computing valid_metrics would change {list(changed)!r}; make them from "
                "get_output(..., deterministic=True)"
            )
        if "learning_rate" in getattr(rule, "keywords", {}):
            raise TrainingError(
                f"Training: the rule's learning rate is set at every step, got {rule!r}; "
                "leave it out there and give it to fit"
            )
        ends = [layer] if isinstance(layer, Layer) else list(layer)
        parameters = layers.get_all_params(ends, trainable=True)
        if not parameters:
            raise TrainingError(f"Training: no parameter is trainable up to {ends!r}")
        dtype = np.result_type(*(parameter.type.dtype for parameter in parameters))
        self._rate = pytensor.shared(np.zeros((), dtype), name="learning_rate")
        steps = dict(rule(loss, parameters, learning_rate=self._rate))
        if norms:
            outputs |= _norms(loss, parameters, steps)
        steps.update(layers.get_updates([loss, *outputs.values()]))
        self._variables = list(dict.fromkeys([*layers.get_all_params(ends), *steps]))
        self._names, self._checks = list(outputs), list(checks)
        self._step = compiled(inputs, list(outputs.values()), mode, updates=list(steps.items()))
        self._evaluate = (
            compiled(inputs, list(checks.values()), mode, on_unused_input="ignore")
            if checks
            else None
        )

    def step(self, batch: Sequence[Any], rate: float) -> dict[str, float]:
        """Take one optimisation step.

        Parameters
        ----------
        batch : sequence of array
            One per input variable.
        rate : float
            Learning rate.

        Returns
        -------
        dict of str to float
            ``loss`` and the metrics of this batch before the step, as trained: dropout on.
        """
        self._rate.set_value(np.asarray(rate, self._rate.type.dtype))
        values = self._step(*batch)
        return {name: float(value) for name, value in zip(self._names, values, strict=True)}

    def evaluate(self, arrays: Sequence[Any], size: int = 512) -> dict[str, float]:
        """Compute the validation metrics over a whole set.

        Parameters
        ----------
        arrays : sequence of array
            One per input variable, samples along the first axis.
        size : int
            Samples in a minibatch.

        Returns
        -------
        dict of str to float
            Means over the minibatches, weighted by their numbers of samples.

        Raises
        ------
        TrainingError
            If there are no validation metrics.
        """
        if self._evaluate is None:
            raise TrainingError("Training.evaluate: there is no metric; give valid_metrics")
        total = np.zeros(len(self._checks))
        for batch in minibatches(arrays, size):
            total += len(batch[0]) * np.array([float(value) for value in self._evaluate(*batch)])
        return dict(zip(self._checks, (total / len(arrays[0])).tolist(), strict=True))

    def state(self) -> dict[str, np.ndarray]:
        """Everything that changes while training: parameters, averages, moments, counters."""
        return {
            f"{number:03d} {variable.name}": np.array(variable.get_value())
            for number, variable in enumerate(self._variables)
        }

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go back to a :meth:`state`.

        Raises
        ------
        TrainingError
            If the state is of another net or optimiser.
        """
        state = dict(state)  # what np.load returns reads the file at every look
        mine = self.state()
        shapes = {name: value.shape for name, value in mine.items()}
        if shapes != {name: value.shape for name, value in state.items()}:
            raise TrainingError(
                f"{type(self).__name__}.restore: the checkpoint is of another net or other "
                "settings; start a new run or give the settings it was started with"
            )
        for variable, (name, value) in zip(self._variables, mine.items(), strict=True):
            variable.set_value(np.asarray(state[name], value.dtype))


def minibatches(
    arrays: Sequence[Any], size: int, rng: np.random.Generator | None = None, first: int = 0
) -> Iterator[tuple[Any, ...]]:
    """Cut arrays into minibatches.

    Parameters
    ----------
    arrays : sequence of array
        With samples along the first axis.
    size : int
        Samples in a minibatch; the last one has what is left.
    rng : numpy Generator, optional
        Draws the samples' order; without it, they come as they lie.
    first : int
        Number of the minibatch to begin with. A generator of the same seed gives the same ones.

    Returns
    -------
    iterator of tuple of array

    Raises
    ------
    TrainingError
        If the arrays are empty or of several lengths, or `size` is below 1.

    Examples
    --------
    >>> list(minibatches(["abcde", range(5)], 2, first=1))
    [('cd', range(2, 4)), ('e', range(4, 5))]
    >>> a = np.arange(5)
    >>> [batch.tolist() for (batch,) in minibatches([a], 2, np.random.default_rng(1))]
    [[4, 0], [1, 2], [3]]
    """
    lengths = [len(array) for array in arrays]
    if len(set(lengths)) != 1 or not lengths[0]:
        raise TrainingError(f"minibatches: arrays must be of one length above 0, got {lengths!r}")
    if size < 1:
        raise TrainingError(f"minibatches: size must be at least 1, got {size!r}")
    starts = range(first * size, lengths[0], size)
    if rng is None:
        return (tuple(array[start : start + size] for array in arrays) for start in starts)
    order = rng.permutation(lengths[0])
    return (tuple(array[order[start : start + size]] for array in arrays) for start in starts)


def compiled(
    inputs: Sequence[Variable], outputs: Any, mode: str | Mode | None, **options: Any
) -> Callable[..., Any]:
    """Return ``pytensor.function(inputs, outputs)`` in a mode, by default the back end's."""
    with warnings.catch_warnings():
        # JAX checks shapes while it traces, with or without PyTensor's assertions on them.
        warnings.filterwarnings("ignore", message="Skipping Assert")
        # The norms of nets with many parameters; it is computed all the same.
        warnings.filterwarnings("ignore", message="Loop fusion failed")
        mode = backend.mode() if mode is None else mode
        return pytensor.function(list(inputs), outputs, mode=mode, **options)


def _norms(
    loss: Any, parameters: Sequence[SharedVariable], steps: Mapping[SharedVariable, Any]
) -> dict[str, Any]:
    """Lengths of the gradient, of the parameters, and of the step over the latter."""

    def length(arrays: Sequence[Any]) -> Any:
        return pt.sqrt(sum(pt.sum(pt.sqr(array)) for array in arrays))

    weights = length(parameters)
    moved = length([steps[parameter] - parameter for parameter in parameters])
    # The rule has made the same gradient; PyTensor computes it once.
    gradients: Any = pytensor.grad(loss, list(parameters))
    gradient = length(gradients)
    return {"gradient_norm": gradient, "weight_norm": weights, "update_ratio": moved / weights}


def _require_scalars(expressions: Mapping[str, Any]) -> None:
    for name, expression in expressions.items():
        kind = getattr(expression, "type", type(expression))
        if getattr(kind, "ndim", None) != 0:
            raise TrainingError(
                f"Training: {name} must be a scalar expression, got {kind!r}; take its mean"
            )
