"""The numbers of a first-stage net, read off its layers.

The sweep evaluates a net's arithmetic on whole photographs, so it needs the arrays rather than a
symbolic expression: the filters, the dense layers' weights, and batch normalisation folded into
both (at detection its statistics are constants, so it is a factor and an offset per unit).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lasagnette import layers
from lasagnette.nonlinearities import linear, rectify

__all__ = ["Dense", "FirstNet", "read_first_net"]


@dataclass
class Dense:
    """A dense layer.

    Attributes
    ----------
    weights : float32 array (inputs, units)
    bias : float32 array (units,)
    relu : bool
        Whether the result is cut at zero.
    """

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    relu: bool = False


@dataclass
class FirstNet:
    """A net of one convolution with relu, one 2x2 max-pooling and dense layers.

    Attributes
    ----------
    side : int
        Side of the input in pixels.
    filters : float32 array (filters, channels, k, k)
        To be correlated with the input (not flipped), which is padded with zeros to keep its size;
        k is odd.
    bias : float32 array (filters,)
    dense : list of Dense
    """

    side: int
    filters: NDArray[np.float32]
    bias: NDArray[np.float32]
    dense: list[Dense]


def read_first_net(layer: layers.Layer) -> FirstNet:
    """Read a net whose shape the sweep knows how to evaluate.

    Parameters
    ----------
    layer : Layer
        The net's output. Dropout layers do nothing at detection and may stand anywhere.

    Returns
    -------
    FirstNet

    Raises
    ------
    ValueError
        If the net is anything but a convolution (pad 'same', stride 1, odd filters) with relu, a
        2x2 max-pooling and dense layers with relu or linear units, each with batch normalisation
        before its nonlinearity or without.
    """
    chain = layers.get_all_layers(layer)
    shape = chain[0].output_shape
    if len(shape) != 4 or shape[2] != shape[3] or shape[2] is None or shape[2] % 2:
        raise _refused(chain[0], f"has the shape {shape!r}; square, of an even side, is needed")
    # The convolution and each dense layer as an affine map that later layers change in place.
    steps: list[Dense] = []
    filters: tuple[int, ...] = ()
    pooled = False
    for one in chain[1:]:
        if isinstance(one, layers.DropoutLayer | layers.FlattenLayer):
            continue
        if isinstance(one, layers.Conv2DLayer) and not steps:
            filters = one.W.get_value().shape
            steps.append(_convolution(one))
        elif isinstance(one, layers.MaxPool2DLayer) and len(steps) == 1 and steps[0].relu:
            _check_pooling(one, pooled)
            pooled = True
        elif isinstance(one, layers.DenseLayer) and pooled:
            steps.append(_dense(one))
        elif isinstance(one, layers.BatchNormLayer) and steps and not steps[-1].relu:
            _fold(steps[-1], one)
        elif isinstance(one, layers.NonlinearityLayer) and steps:
            steps[-1].relu = _is_relu(one) or steps[-1].relu
        else:
            raise _refused(one, "does not belong to conv, relu, pool, dense, ..., in this order")
    if len(steps) < 2:
        raise _refused(layer, "is no dense layer after a convolution and a pooling")
    first = steps[0]
    weights = np.ascontiguousarray(first.weights.T.reshape(filters))
    return FirstNet(shape[2], weights, first.bias, steps[1:])


def _refused(layer, problem: str) -> ValueError:
    name = f" {layer.name!r}" if layer.name else ""
    return ValueError(f"a sweep cannot evaluate this net: {type(layer).__name__}{name} {problem}")


def _is_relu(layer) -> bool:
    if layer.nonlinearity not in (rectify, linear):
        raise _refused(
            layer, f"has the nonlinearity {layer.nonlinearity!r}; rectify or linear is needed"
        )
    return layer.nonlinearity is rectify


def _float32(parameter, units: int):
    value = np.zeros(units) if parameter is None else parameter.get_value()
    return np.asarray(value, np.float32)


def _convolution(layer) -> Dense:
    filters = np.asarray(layer.W.get_value(), np.float32)
    rows, columns = filters.shape[2:]
    if rows > layer.input_shape[2] // 2:
        raise _refused(layer, f"has filters {rows}x{columns}, more than half of its input")
    if layer.pad != "same" or tuple(layer.stride) != (1, 1) or rows != columns or rows % 2 == 0:
        raise _refused(
            layer,
            f"has pad {layer.pad!r}, stride {layer.stride!r}, filters {rows}x{columns}; "
            "'same', 1 and square filters of an odd side are needed",
        )
    if layer.b is not None and layer.b.ndim != 1:
        raise _refused(layer, "has untied biases")
    if layer.flip_filters:
        filters = filters[:, :, ::-1, ::-1]
    weights = filters.reshape(len(filters), -1).T
    return Dense(weights.copy(), _float32(layer.b, len(filters)), _is_relu(layer))


def _check_pooling(layer, pooled: bool) -> None:
    if pooled or not tuple(layer.pool_size) == tuple(layer.stride) == (2, 2) or any(layer.pad):
        raise _refused(
            layer,
            f"has size {layer.pool_size!r}, stride {layer.stride!r}, pad {layer.pad!r}; "
            "one of 2x2 without padding is needed",
        )


def _dense(layer) -> Dense:
    weights = np.array(layer.W.get_value(), np.float32)
    return Dense(weights, _float32(layer.b, weights.shape[1]), _is_relu(layer))


def _fold(step: Dense, layer) -> None:
    """Put a batch normalisation's factor and offset into the affine map before it."""
    units = step.weights.shape[1]
    mean, inv_std = (_float32(p, units) for p in (layer.mean, layer.inv_std))
    if mean.shape != (units,):
        raise _refused(layer, f"has averages of the shape {mean.shape!r}; {(units,)!r} is needed")
    factor = inv_std if layer.gamma is None else inv_std * _float32(layer.gamma, units)
    step.weights = step.weights * factor
    step.bias = (step.bias - mean) * factor + _float32(layer.beta, units)
