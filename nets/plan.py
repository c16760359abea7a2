"""A trained net as a short list of steps over the kernels, without PyTensor.

At detection a net is arithmetic on constant arrays: dropout is off, and batch normalisation is a
factor and an offset that :mod:`nets.folding` has put into the layer before it. What is left are
convolutions, pooling and dense layers. A `Plan` names them in order; it is stored with the weights
and runs without the layer library, whose import alone takes over a second.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lasagnette.ops import kernels

__all__ = ["INPUT", "OPERATIONS", "Plan", "PlanError", "Step", "face_probability", "softmax"]

INPUT = "input"
OPERATIONS = ("conv", "mean", "concat", "dense")


class PlanError(ValueError):
    """Steps or arrays that cannot be evaluated."""


@dataclass
class Step:
    """One step.

    Attributes
    ----------
    operation : {'conv', 'mean', 'concat', 'dense'}
        A correlation padded with zeros to keep the map's size; the mean of every 2 x 2 pixels;
        maps joined along the channels; a dense layer.
    inputs : list of str
        Names of earlier steps, or `INPUT`.
    name : str
        Name of the result; ``name.W`` and ``name.b`` are the arrays of 'conv' and 'dense'.
    relu : bool
        Cut the result at zero ('conv' and 'dense').
    pool : bool
        Keep the largest of every 2 x 2 values ('conv').
    flip : bool
        The stored filters are those of a convolution: they are turned before they are used.
    """

    operation: str
    inputs: list[str]
    name: str
    relu: bool = False
    pool: bool = False
    flip: bool = False


class Plan:
    """Steps with their arrays; call it to evaluate the net.

    Parameters
    ----------
    side : int
        Rows and columns of the input, pixels.
    steps : sequence of Step
        The last one's result are the logits.
    arrays : mapping of str to float array
        For 'conv' ``name.W``, (filters, channels, k, k) with k odd; for 'dense' ``name.W``,
        (inputs, units); for both ``name.b``, one number per filter or unit.

    Attributes
    ----------
    side : int
    classes : int
        Number of logits.
    steps : list of Step
    arrays : dict of str to float32 array
        As given: filters are not turned.

    Raises
    ------
    PlanError
        If a step is unknown, has the name of another or reads what is not there or does not fit,
        or an array is missing or of a wrong shape.
    """

    def __init__(
        self, side: int, steps: Sequence[Step], arrays: Mapping[str, NDArray[np.floating]]
    ) -> None:
        self.side = side
        self.steps = list(steps)
        self.arrays = {name: np.asarray(value, np.float32) for name, value in arrays.items()}
        self._ready: dict[str, tuple[NDArray, NDArray]] = {}
        shapes: dict[str, tuple[int, ...]] = {INPUT: (3, side, side)}
        for step in self.steps:
            if step.name in shapes:
                raise PlanError(f"two results of a plan have the name {step.name!r}")
            shapes[step.name] = self._prepare(step, shapes)
        if not self.steps or len(shapes[self.steps[-1].name]) != 1:
            raise PlanError("a plan must end in a dense step, whose results are the logits")
        (self.classes,) = shapes[self.steps[-1].name]

    def weights(self, step: Step) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Filters, to be correlated, or a dense layer's weights; and the bias."""
        return self._ready[step.name]

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Evaluate scaled pixels (n, 3, side, side): logits (n, classes)."""
        if not len(batch):
            return np.empty((0, self.classes), np.float32)
        maps: dict[str, NDArray] = {INPUT: np.asarray(batch, np.float32)}
        for step in self.steps:
            maps[step.name] = self._run(step, [maps[name] for name in step.inputs])
        return maps[self.steps[-1].name]

    def steps_as_dicts(self) -> list[dict[str, Any]]:
        """The steps as JSON can hold them."""
        return [asdict(step) for step in self.steps]

    def _run(self, step: Step, inputs: list[NDArray]) -> NDArray:
        x = inputs[0]
        if step.operation == "mean":
            return kernels.average_pool(x, (2, 2), (2, 2))
        if step.operation == "concat":
            return np.concatenate(inputs, axis=1)
        weights, bias = self._ready[step.name]
        if step.operation == "dense":
            values = x.reshape(len(x), -1) @ weights
            values += bias
            return np.maximum(values, 0, out=values) if step.relu else values
        pad = (weights.shape[2] // 2,) * 4
        if step.pool:
            return kernels.conv2d_pool(x, weights, bias, pad=pad, relu=step.relu)[0]
        return kernels.conv2d(x, weights, bias, pad=pad, relu=step.relu)

    def _prepare(self, step: Step, shapes: dict[str, tuple[int, ...]]) -> tuple[int, ...]:
        """Check a step and its arrays; the shape of its result, without the batch."""
        unknown = [name for name in step.inputs if name not in shapes]
        if step.operation not in OPERATIONS or unknown or not step.inputs:
            raise PlanError(
                f"a plan's steps are {OPERATIONS!r} of earlier results; got {step!r}"
                + (f", where {unknown!r} are not" if unknown else "")
            )
        shape = shapes[step.inputs[0]]
        if step.operation == "concat":
            joined = [shapes[name] for name in step.inputs]
            if any(one[1:] != shape[1:] for one in joined):
                raise PlanError(
                    f"step {step.name!r} of a plan joins results of one size; got {joined!r}"
                )
            return sum(one[0] for one in joined), *shape[1:]
        if step.operation == "mean":
            if len(shape) != 3:
                raise PlanError(
                    f"step {step.name!r} of a plan averages maps; got the shape {shape!r}"
                )
            return shape[0], shape[1] // 2, shape[2] // 2
        try:
            weights, bias = (self.arrays[f"{step.name}.{kind}"] for kind in "Wb")
        except KeyError as error:
            raise PlanError(f"step {step.name!r} of a plan lacks the array {error}") from error
        if step.operation == "dense":
            fits = weights.ndim == 2 and weights.shape[0] == int(np.prod(shape))
            fits = fits and bias.shape == weights.shape[1:]
            result: tuple[int, ...] = bias.shape
        else:
            fits = weights.ndim == 4 and weights.shape[1] == shape[0] and len(shape) == 3
            fits = fits and weights.shape[2] == weights.shape[3] and weights.shape[2] % 2 == 1
            fits = fits and bias.shape == weights.shape[:1]
            halved = 2 if step.pool else 1
            result = (*bias.shape, *(length // halved for length in shape[1:]))
        if not fits:
            raise PlanError(
                f"the arrays of step {step.name!r} have the shapes {weights.shape!r} and "
                f"{bias.shape!r}, which do not fit an input of the shape {shape!r}"
            )
        if step.flip:
            weights = weights[:, :, ::-1, ::-1]
        self._ready[step.name] = np.ascontiguousarray(weights), np.ascontiguousarray(bias)
        return result


def softmax(logits: NDArray) -> NDArray[np.float32]:
    """Probabilities (..., classes) of logits (..., classes)."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return (powers / powers.sum(axis=-1, keepdims=True)).astype(np.float32, copy=False)


def face_probability(logits: NDArray) -> NDArray[np.float32]:
    """Probability (...) of class 1, "face", from the logits (..., 2) of a detection net."""
    difference = np.clip(logits[..., 0] - logits[..., 1], -80, 80)
    return (1 / (1 + np.exp(difference))).astype(np.float32, copy=False)
