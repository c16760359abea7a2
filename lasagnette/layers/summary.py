"""A network as a table: shapes, parameters, multiply-adds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

from lasagnette.layers.arcface import ArcFaceLayer
from lasagnette.layers.base import Layer, MergeLayer, Shape
from lasagnette.layers.conv import BaseConvLayer, TransposedConv2DLayer, TransposedConv3DLayer
from lasagnette.layers.dense import DenseLayer, NINLayer
from lasagnette.layers.helper import get_all_layers, get_output_shape
from lasagnette.layers.local import LocallyConnected2DLayer
from lasagnette.layers.recurrent import BaseRecurrentLayer, CustomRecurrentLayer
from lasagnette.layers.saving import name_layers

__all__ = ["Row", "Summary", "multiply_adds", "summary"]


@singledispatch
def multiply_adds(layer: Layer, input_shape: Any, output_shape: Shape) -> int | None:
    """Return how often a layer multiplies an input with a weight, per sample.

    Biases, nonlinearities, pooling and normalisation are not counted. A layer class of one's
    own is counted by a rule of its own, ``multiply_adds.register(MyLayer)``; without one it
    counts as 0, or as the class it derives from.

    Parameters
    ----------
    layer : Layer
    input_shape : tuple, or list of tuple for layers that merge
    output_shape : tuple

    Returns
    -------
    int or None
        None if it depends on a length that is not known.

    Examples
    --------
    >>> from lasagnette.layers import Conv2DLayer
    >>> net = Conv2DLayer((None, 3, 12, 12), num_filters=16, filter_size=3, pad="same")
    >>> multiply_adds(net, net.input_shape, net.output_shape) == 16 * 3 * 3**2 * 12**2
    True
    """
    return 0


def _times(weights: int, lengths: Iterable[int | None]) -> int | None:
    """Return how often `weights` are used at positions along axes of these lengths."""
    lengths = list(lengths)
    return None if None in lengths else weights * math.prod(lengths)  # type: ignore[arg-type]


def _weights(layer: Layer) -> int:
    """Return the number of scalars in a layer's weights; biases are not regularizable."""
    return sum(p.get_value(borrow=True).size for p in layer.get_params(regularizable=True))


@multiply_adds.register
def _(layer: DenseLayer, input_shape: Shape, output_shape: Shape) -> int | None:
    return _times(_weights(layer), input_shape[1 : layer.num_leading_axes])


@multiply_adds.register
def _(layer: ArcFaceLayer, input_shape: Shape, output_shape: Shape) -> int | None:
    return _weights(layer)


@multiply_adds.register(NINLayer)
@multiply_adds.register(BaseConvLayer)
def _(layer: Layer, input_shape: Shape, output_shape: Shape) -> int | None:
    return _times(_weights(layer), output_shape[2:])


@multiply_adds.register(TransposedConv2DLayer)
@multiply_adds.register(TransposedConv3DLayer)
def _(layer: Layer, input_shape: Shape, output_shape: Shape) -> int | None:
    return _times(_weights(layer), input_shape[2:])


@multiply_adds.register
def _(layer: LocallyConnected2DLayer, input_shape: Shape, output_shape: Shape) -> int | None:
    return _weights(layer)


@multiply_adds.register
def _(layer: BaseRecurrentLayer, input_shape: list[Shape], output_shape: Shape) -> int | None:
    return _times(_weights(layer), input_shape[0][1:2])


@multiply_adds.register
def _(layer: CustomRecurrentLayer, input_shape: list[Shape], output_shape: Shape) -> int | None:
    step = _sum(
        multiply_adds(one, _input_shape(one, {}), one.output_shape)
        for network in (layer.input_to_hidden, layer.hidden_to_hidden)
        for one in get_all_layers(network)
    )
    return None if step is None else _times(step, input_shape[0][1:2])


def _sum(numbers: Iterable[int | None]) -> int | None:
    numbers = list(numbers)
    return None if None in numbers else sum(numbers)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Row:
    """What a summary says of one layer.

    Attributes
    ----------
    name : str
        As in files of :func:`lasagnette.layers.save_params`.
    kind : str
        The layer's class.
    shape : tuple of int and None
        Of its output.
    params, trainable : int
        Number of scalars in the parameters, and in those that are trained. What several
        layers share is counted for the first.
    multiply_adds : int or None
        Per sample.
    """

    name: str
    kind: str
    shape: Shape
    params: int
    trainable: int
    multiply_adds: int | None


@dataclass(frozen=True)
class Summary:
    """A network as a table; printing it shows the table.

    Attributes
    ----------
    rows : list of Row
        In the order of :func:`lasagnette.layers.get_all_layers`.
    """

    rows: list[Row]

    @property
    def params(self) -> int:
        """Number of scalars in all parameters."""
        return sum(row.params for row in self.rows)

    @property
    def trainable(self) -> int:
        """Number of scalars in the trainable parameters."""
        return sum(row.trainable for row in self.rows)

    @property
    def multiply_adds(self) -> int | None:
        """Multiply-adds per sample; None if they depend on a length that is not known."""
        return _sum(row.multiply_adds for row in self.rows)

    def __str__(self) -> str:
        cells = [("name", "class", "output shape", "parameters", "multiply-adds")]
        cells += [
            (r.name, r.kind, _shape_text(r.shape), f"{r.params:,}", _number_text(r.multiply_adds))
            for r in self.rows
        ]
        cells.append(("total", "", "", f"{self.params:,}", _number_text(self.multiply_adds)))
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = [
            "  ".join(
                cell.rjust(width) if number else cell.ljust(width)
                for cell, width, number in zip(
                    line, widths, (False, False, False, True, True), strict=True
                )
            )
            for line in cells
        ]
        rule = "-" * len(lines[0])
        note = f"{self.trainable:,} parameters are trained, {self.params - self.trainable:,} not"
        return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1], note])

    __repr__ = __str__


def _shape_text(shape: Shape) -> str:
    return " x ".join("?" if length is None else str(length) for length in shape)


def _number_text(number: int | None) -> str:
    return "?" if number is None else f"{number:,}"


def _input_shape(layer: Layer, shapes: Mapping[Any, Shape]) -> Any:
    """Return what comes into a layer: given shapes of other layers, or as it was built."""
    if isinstance(layer, MergeLayer):
        incoming = zip(layer.input_layers, layer.input_shapes, strict=True)
        return [shapes.get(one, built) for one, built in incoming]
    return shapes.get(layer.input_layer, layer.input_shape)


def summary(layer: Layer | Iterable[Layer], input_shapes: Any = None) -> Summary:
    """Return a table of the layers of a network.

    Parameters
    ----------
    layer : Layer or iterable of Layer
        Output layer or layers.
    input_shapes : tuple or dict, optional
        Shapes to use instead of those the network was built with, as for
        :func:`lasagnette.layers.get_output_shape`.

    Returns
    -------
    Summary
        Lengths and counts that are not known are shown as ``?``.

    Examples
    --------
    >>> from lasagnette.layers import InputLayer, Conv2DLayer, MaxPool2DLayer, DenseLayer
    >>> net = InputLayer((None, 3, 12, 12))
    >>> net = Conv2DLayer(net, num_filters=16, filter_size=3, pad="same", name="conv")
    >>> net = MaxPool2DLayer(net, pool_size=2)
    >>> net = DenseLayer(net, num_units=2, nonlinearity=None, name="faces")
    >>> print(summary(net))
    name              class           output shape      parameters  multiply-adds
    -----------------------------------------------------------------------------
    InputLayer_1      InputLayer      ? x 3 x 12 x 12            0              0
    conv              Conv2DLayer     ? x 16 x 12 x 12         448         62,208
    MaxPool2DLayer_1  MaxPool2DLayer  ? x 16 x 6 x 6             0              0
    faces             DenseLayer      ? x 2                  1,154          1,152
    -----------------------------------------------------------------------------
    total                                                    1,602         63,360
    1,602 parameters are trained, 0 not
    """
    layers = get_all_layers(layer)
    shapes = dict(zip(layers, get_output_shape(layers, input_shapes), strict=True))
    seen: set[Any] = set()
    rows = []
    for one, name in name_layers(layers).items():
        new = [param for param in one.get_params() if param not in seen]
        seen.update(new)
        trained = set(one.get_params(trainable=True))
        sizes = {param: param.get_value(borrow=True).size for param in new}
        rows.append(
            Row(
                name,
                type(one).__name__,
                shapes[one],
                sum(sizes.values()),
                sum(size for param, size in sizes.items() if param in trained),
                multiply_adds(one, _input_shape(one, shapes), shapes[one]),
            )
        )
    return Summary(rows)
