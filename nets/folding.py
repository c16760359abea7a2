"""From the layers of a trained net to its `nets.plan.Plan`.

Dropout layers vanish; batch normalisation, whose statistics are constants at detection, becomes a
factor of the filters or weights before it and an offset of their bias. The arrays keep the names
and the form of the layers' own parameters, so that they also fill the same architecture built
without batch normalisation.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from lasagnette import layers
from lasagnette.nonlinearities import linear, rectify
from nets.plan import INPUT, Plan, Step

__all__ = ["fold"]


def fold(layer: layers.Layer) -> Plan:
    """Read a net off its layers.

    Parameters
    ----------
    layer : Layer
        The net's output; its outputs are logits.

    Returns
    -------
    Plan

    Raises
    ------
    ValueError
        If the net is not made of convolutions ('same', stride 1, odd square filters, relu), 2 x 2
        pooling (maximum after a convolution's relu, mean anywhere), concatenation of channels and
        dense layers, its input is no square of three channels, or what a later layer changes in
        place is read by another one, too.
    """
    chain = layers.get_all_layers(layer)
    shape = chain[0].output_shape
    if len(shape) != 4 or shape[1] != 3 or shape[2] is None or shape[2] != shape[3]:
        raise _refused(chain[0], f"has the shape {shape!r}; (None, 3, side, side) is needed")
    folder = _Folder()
    folder.readers = Counter(before for one in chain for before in _inputs(one))
    folder.results[chain[0]] = INPUT
    for one in chain[1:]:
        folder.take(one)
    return Plan(shape[2], folder.steps, folder.arrays)


class _Folder:
    """The steps so far, and under which name each layer's output goes."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.arrays: dict[str, NDArray] = {}
        self.results: dict[layers.Layer, str] = {}
        self.readers: Counter[layers.Layer] = Counter()

    def take(self, one: layers.Layer) -> None:
        """Add a layer."""
        if isinstance(one, layers.ConcatLayer):
            if one.axis != 1:
                raise _refused(one, f"joins along axis {one.axis!r}; 1 is needed")
            inputs = [self.results[before] for before in _inputs(one)]
            self._add(one, "concat", inputs)
            return
        before = getattr(one, "input_layer", None)
        if before is None:
            raise _refused(one, "is none that a plan knows")
        source = self.results[before]
        self.results[one] = source
        if isinstance(one, layers.DropoutLayer | layers.FlattenLayer):
            return
        if isinstance(one, layers.Conv2DLayer):
            self._convolve(one, source)
        elif isinstance(one, layers.DenseLayer):
            self._check_dense(one)
            self._add(one, "dense", [source], relu=_is_relu(one))
            self._keep(one, one.W.get_value())
        elif isinstance(one, layers.BatchNormLayer):
            self._fold(self._last(one, source), one)
        elif isinstance(one, layers.NonlinearityLayer):
            self._last(one, source).relu = _is_relu(one)
        elif isinstance(one, layers.Pool2DLayer):
            self._pool(one, source)
        else:
            raise _refused(one, "is none that a plan knows")

    def _add(self, one, operation: str, inputs: list[str], **facts: bool) -> None:
        name = one.name or f"{operation}{len(self.steps) + 1}"
        if name == INPUT or any(step.name == name for step in self.steps):
            raise _refused(one, "has a name that another layer has, too")
        self.steps.append(Step(operation, inputs, name, **facts))
        self.results[one] = name

    def _keep(self, one, weights: NDArray) -> None:
        """Keep the arrays of the step just added, in full precision until all is folded."""
        name = self.steps[-1].name
        units = one.b.get_value() if one.b is not None else np.zeros(one.output_shape[1])
        self.arrays[f"{name}.W"] = np.array(weights, np.float64)
        self.arrays[f"{name}.b"] = np.array(units, np.float64)

    def _last(self, one, source: str) -> Step:
        """The step that a layer without arrays of its own changes in place."""
        step = next((step for step in self.steps if step.name == source), None)
        if step is None or step.operation not in ("conv", "dense") or step.relu or step.pool:
            raise _refused(one, "must follow a convolution or a dense layer without relu")
        self._check_alone(one, source)
        return step

    def _check_alone(self, one, source: str) -> None:
        """Refuse to change a result that another layer reads, too."""
        before = one.input_layer
        while self.results.get(before) == source:
            if self.readers[before] > 1:
                raise _refused(one, "must be the only layer that reads what it changes")
            before = getattr(before, "input_layer", None)

    def _convolve(self, one, source: str) -> None:
        rows, columns = one.filter_size
        if (
            one.pad != "same"
            or tuple(one.stride) != (1, 1)
            or rows != columns
            or rows % 2 == 0
            or getattr(one, "num_groups", 1) != 1
            or (one.b is not None and one.b.ndim != 1)
        ):
            raise _refused(
                one,
                f"has pad {one.pad!r}, stride {one.stride!r}, filters {rows}x{columns}; 'same', 1 "
                "and square filters of an odd side are needed, with one bias per filter and "
                "without groups",
            )
        self._add(one, "conv", [source], relu=_is_relu(one), flip=bool(one.flip_filters))
        self._keep(one, one.W.get_value())

    def _check_dense(self, one) -> None:
        if one.num_leading_axes != 1:
            raise _refused(one, f"has {one.num_leading_axes!r} leading axes; 1 is needed")

    def _pool(self, one, source: str) -> None:
        halved = tuple(length // 2 for length in one.input_shape[2:])
        if (
            not tuple(one.pool_size) == tuple(one.stride) == (2, 2)
            or any(one.pad)
            or one.output_shape[2:] != halved
        ):
            raise _refused(
                one,
                f"has size {one.pool_size!r}, stride {one.stride!r}, pad {one.pad!r} and "
                f"ignore_border {one.ignore_border!r}; 2x2 without padding, True, is needed",
            )
        if one.mode != "max":
            self._add(one, "mean", [source])
            return
        step = next((step for step in self.steps if step.name == source), None)
        if step is None or step.operation != "conv" or not step.relu or step.pool:
            raise _refused(one, "must follow a convolution with relu")
        self._check_alone(one, source)
        step.pool = True

    def _fold(self, step: Step, one) -> None:
        """Put a batch normalisation's factor and offset into the affine map before it."""
        weights, bias = self.arrays[f"{step.name}.W"], self.arrays[f"{step.name}.b"]
        mean, inv_std = (np.asarray(p.get_value(), np.float64) for p in (one.mean, one.inv_std))
        if tuple(one.axes) != (0, *range(2, len(one.input_shape))):
            raise _refused(one, f"normalises over the axes {one.axes!r}; all but 1 are needed")
        factor = inv_std if one.gamma is None else inv_std * one.gamma.get_value()
        offset = 0.0 if one.beta is None else one.beta.get_value()
        by_unit = (-1, 1, 1, 1) if weights.ndim == 4 else (1, -1)
        self.arrays[f"{step.name}.W"] = weights * factor.reshape(by_unit)
        self.arrays[f"{step.name}.b"] = (bias - mean) * factor + offset


def _inputs(layer) -> list[layers.Layer]:
    """The layers that a layer reads."""
    if hasattr(layer, "input_layers"):
        return list(layer.input_layers)
    return [layer.input_layer] if getattr(layer, "input_layer", None) is not None else []


def _refused(layer, problem: str) -> ValueError:
    name = f" {layer.name!r}" if layer.name else ""
    return ValueError(f"this net cannot be folded: {type(layer).__name__}{name} {problem}")


def _is_relu(layer) -> bool:
    if layer.nonlinearity not in (rectify, linear):
        raise _refused(
            layer, f"has the nonlinearity {layer.nonlinearity!r}; rectify or linear is needed"
        )
    return layer.nonlinearity is rectify
