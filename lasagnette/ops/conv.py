"""Two-dimensional convolution as PyTensor Ops, with the bias and the relu in the same pass.

The Ops correlate; :func:`conv2d` turns a true convolution into a correlation by flipping the
filters symbolically. Arrays are ``(batch, channels, rows, columns)`` and
``(filters, channels, rows, columns)``, float32 or float64.
"""

from __future__ import annotations

from typing import Any

import pytensor.tensor as pt
from pytensor.gradient import DisconnectedType, disconnected_type
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.op import Op
from pytensor.tensor.type import TensorType

from lasagnette.ops import kernels
from lasagnette.ops.batch_norm import through_relu
from lasagnette.ops.pool import MaxPool2dGrad
from lasagnette.ops.shapes import Pad, as_pair, conv_output_length, conv_padding

__all__ = ["Conv2d", "Conv2dGradInput", "Conv2dGradWeights", "ConvOp", "conv2d", "conv2d_transpose"]


class ConvOp(Op):
    """What all share: padding (top, bottom, left, right), stride, dilation, groups."""

    __props__: tuple[str, ...] = ("pad", "stride", "dilation", "groups")

    def __init__(
        self,
        pad: tuple[int, int, int, int],
        stride: tuple[int, int],
        dilation: tuple[int, int] = (1, 1),
        groups: int = 1,
    ) -> None:
        self.pad = pad
        self.stride = stride
        self.dilation = dilation
        self.groups = groups

    def geometry(self) -> tuple[Any, Any, Any, int]:
        """Return what the constructor takes."""
        return self.pad, self.stride, self.dilation, self.groups

    def settings(self) -> dict[str, Any]:
        """Return the same as the kernels' keywords."""
        names = ("pad", "stride", "dilation", "groups")
        return dict(zip(names, self.geometry(), strict=True))


class Conv2d(ConvOp):
    """Correlation of a batch with filters, plus bias, optionally cut at zero.

    Inputs: x, w, and a bias ``(filters,)`` when `bias` is true.
    """

    __props__ = ("pad", "stride", "dilation", "groups", "bias", "relu")

    def __init__(
        self,
        pad: tuple[int, int, int, int],
        stride: tuple[int, int],
        dilation: tuple[int, int] = (1, 1),
        groups: int = 1,
        *,
        bias: bool = False,
        relu: bool = False,
    ) -> None:
        super().__init__(pad, stride, dilation, groups)
        self.bias = bias
        self.relu = relu

    def with_relu(self) -> Conv2d:
        """Return this Op's twin that also cuts its result at zero."""
        return Conv2d(*self.geometry(), bias=self.bias, relu=True)

    def make_node(self, *inputs: Any) -> Apply:
        x, w, *rest = (pt.as_tensor_variable(v) for v in inputs)
        if len(rest) != self.bias:
            raise ValueError(f"Conv2d takes {2 + self.bias} inputs, got {len(inputs)}")
        _check(x, w, rest[0] if rest else None, self.groups)
        lengths = (
            size and conv_output_length(length, size, stride, *pads, dilation)
            for length, size, stride, pads, dilation in zip(
                x.type.shape[2:],
                w.type.shape[2:],
                self.stride,
                (self.pad[:2], self.pad[2:]),
                self.dilation,
                strict=True,
            )
        )
        shape = (x.type.shape[0], w.type.shape[0], *lengths)
        return Apply(self, [x, w, *rest], [TensorType(x.dtype, shape=shape)()])

    def infer_shape(self, fgraph, node, shapes):
        x, w = shapes[:2]
        (dr, dc), (sr, sc) = self.dilation, self.stride
        rows = (x[2] + (self.pad[0] + self.pad[1] - 1) - (w[2] - 1) * dr) // sr + 1
        columns = (x[3] + (self.pad[2] + self.pad[3] - 1) - (w[3] - 1) * dc) // sc + 1
        return [(x[0], w[0], pt.maximum(rows, 0), pt.maximum(columns, 0))]

    def perform(self, node, inputs, output_storage):
        x, w, *bias = inputs
        output_storage[0][0] = kernels.conv2d(
            x, w, bias[0] if bias else None, relu=self.relu, **self.settings()
        )

    def pullback(self, inputs, outputs, cotangents):
        x, w = inputs[:2]
        (g,) = cotangents
        if isinstance(g.type, DisconnectedType):
            return [disconnected_type() for _ in inputs]
        if self.relu:
            g = _through_relu(outputs[0], g)
        gx = Conv2dGradInput(*self.geometry())(x, w, g)
        gw, gb = Conv2dGradWeights(*self.geometry()).make_node(x, w, g).outputs
        return [gx, gw, gb][: len(inputs)]


def _through_relu(y: Variable, g: Variable) -> Variable:
    """Keep the gradient where the relu's output is positive.

    Where a max pooling follows the relu, its gradient Op applies the mask at the pooled size:
    one pass over the large maps fewer.
    """
    node = g.owner
    if node is not None and isinstance(node.op, MaxPool2dGrad) and node.inputs[0] is y:
        return node.op.of_relu().make_node(*node.inputs).outputs[0]
    return through_relu(y, g)


class Conv2dGradInput(ConvOp):
    """Gradient of the correlation with respect to its input; x gives the shape only."""

    def make_node(self, *inputs: Any) -> Apply:
        x, w, g = inputs
        return Apply(self, [x, w, g], [TensorType(g.type.dtype, shape=x.type.shape)()])

    def infer_shape(self, fgraph, node, shapes):
        return [shapes[0]]

    def connection_pattern(self, node):
        return [[False], [True], [True]]

    def perform(self, node, inputs, output_storage):
        x, w, g = inputs
        output_storage[0][0] = kernels.conv2d_grad_input(w, g, x.shape, **self.settings())

    def pullback(self, inputs, outputs, cotangents):
        _x, w, g = inputs
        (v,) = cotangents
        gw, _ = Conv2dGradWeights(*self.geometry()).make_node(v, w, g).outputs
        return [disconnected_type(), gw, Conv2d(*self.geometry())(v, w)]


class Conv2dGradWeights(ConvOp):
    """Gradients with respect to filters and bias; w gives the shape only."""

    def make_node(self, *inputs: Any) -> Apply:
        x, w, g = inputs
        return Apply(
            self,
            [x, w, g],
            [
                TensorType(x.type.dtype, shape=w.type.shape)(),
                TensorType(x.type.dtype, shape=w.type.shape[:1])(),
            ],
        )

    def infer_shape(self, fgraph, node, shapes):
        return [shapes[1], shapes[1][:1]]

    def connection_pattern(self, node):
        return [[True, False], [False, False], [True, True]]

    def perform(self, node, inputs, output_storage):
        x, w, g = inputs
        output_storage[0][0], output_storage[1][0] = kernels.conv2d_grad_weights(
            x, g, w.shape, **self.settings()
        )

    def pullback(self, inputs, outputs, cotangents):
        x, _w, g = inputs
        vw, vb = cotangents
        to_x: Variable = disconnected_type()
        to_g: Variable | None = None
        if not isinstance(vw.type, DisconnectedType):
            to_x = Conv2dGradInput(*self.geometry()).make_node(x, vw, g).outputs[0]
            to_g = Conv2d(*self.geometry()).make_node(x, vw).outputs[0]
        if not isinstance(vb.type, DisconnectedType):
            spread = pt.zeros_like(g) + vb[None, :, None, None]
            to_g = spread if to_g is None else to_g + spread
        return [to_x, disconnected_type(), disconnected_type() if to_g is None else to_g]


def conv2d(
    x: Any,
    w: Any,
    bias: Any = None,
    *,
    pad: Pad = "valid",
    stride: int | tuple[int, int] = (1, 1),
    dilation: int | tuple[int, int] = (1, 1),
    groups: int = 1,
    flip_filters: bool = True,
    relu: bool = False,
) -> Variable:
    """Convolve a batch of images with a bank of filters.

    Parameters
    ----------
    x : tensor4, (batch, channels, rows, columns)
    w : tensor4, (filters, channels / groups, filter rows, filter columns)
        The filters' rows and columns must be known when the graph is built.
    bias : vector, optional, (filters,)
    pad : {'valid', 'same', 'full'}, int or pair of int
        Zeros around the image.
    stride : int or pair of int
    dilation : int or pair of int
        Step between the filter's taps: ``dilation - 1`` zeros stand between them.
    groups : int
        The first of so many parts of the filters sees the first part of the channels, and so on.
    flip_filters : bool
        True (default): true convolution, as in Lasagne; False: correlation.
    relu : bool
        Cut the result at zero in the same pass.

    Returns
    -------
    tensor4, (batch, filters, rows, columns)

    Raises
    ------
    ValueError
        For another `pad`, a `stride`, `dilation` or `groups` below 1, filters of unknown size or
        inputs of wrong rank or type.
    """
    x, w = pt.as_tensor_variable(x), pt.as_tensor_variable(w)
    _check(x, w, groups=groups)
    stride = _steps(stride, "stride")
    dilation = _steps(dilation, "dilation")
    padding = conv_padding(pad, _reach(w, dilation))
    if flip_filters:
        w = w[:, :, ::-1, ::-1]
    op = Conv2d(padding, stride, dilation, groups, bias=bias is not None, relu=relu)
    return op.make_node(*((x, w) if bias is None else (x, w, bias))).outputs[0]


def conv2d_transpose(
    x: Any,
    w: Any,
    output_size: tuple[Any, Any] | None = None,
    *,
    pad: Pad = "valid",
    stride: int | tuple[int, int] = (1, 1),
    dilation: int | tuple[int, int] = (1, 1),
    groups: int = 1,
    flip_filters: bool = False,
) -> Variable:
    """Do the transpose of :func:`conv2d`: what carries gradients to its input, as a forward pass.

    Parameters
    ----------
    x : tensor4, (batch, channels, rows, columns)
        What :func:`conv2d` would return.
    w : tensor4, (channels, filters / groups, filter rows, filter columns)
        What :func:`conv2d` would use: its filters are this function's channels.
    output_size : pair of int, scalar or None, optional
        Rows and columns of the result; None for the smallest that :func:`conv2d` would map to
        the rows and columns of `x`.
    pad, stride, dilation, groups, flip_filters
        Of the :func:`conv2d` that is transposed: `pad` cuts zeros off the result, a stride
        enlarges it.

    Returns
    -------
    tensor4, (batch, filters, rows, columns)

    Raises
    ------
    ValueError
        As :func:`conv2d`.
    """
    x, w = pt.as_tensor_variable(x), pt.as_tensor_variable(w)
    _check_types(x, w)
    if len({x.type.shape[1], w.type.shape[0]} - {None}) > 1:
        raise ValueError(
            f"conv2d_transpose: the input has {x.type.shape[1]!r} channels, "
            f"the filters are for {w.type.shape[0]!r}"
        )
    _check_groups(w, groups)
    stride = _steps(stride, "stride")
    dilation = _steps(dilation, "dilation")
    reach = _reach(w, dilation)
    padding = conv_padding(pad, reach)
    if flip_filters:
        w = w[:, :, ::-1, ::-1]
    sizes = []
    for axis, size in enumerate(output_size or (None, None)):
        if size is None:
            length = x.type.shape[2 + axis]
            length = x.shape[2 + axis] if length is None else length
            size = (length - 1) * stride[axis] + reach[axis] - sum(padding[2 * axis : 2 * axis + 2])
        sizes.append(size)
    channels = w.type.shape[1] or w.shape[1]
    like = pt.broadcast_to(pt.zeros((), dtype=x.dtype), (x.shape[0], channels * groups, *sizes))
    return Conv2dGradInput(padding, stride, dilation, groups).make_node(like, w, x).outputs[0]


def _steps(value: Any, name: str) -> tuple[int, int]:
    pair = as_pair(value, f"conv2d: {name}")
    if min(pair) < 1:
        raise ValueError(f"conv2d: {name} must be at least 1, got {pair!r}")
    return pair


def _reach(w: Variable, dilation: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns that the filters span."""
    rows, columns = w.type.shape[2:]
    if rows is None or columns is None:
        raise ValueError(
            f"conv2d: the filters' rows and columns must be known, got shape {w.type.shape!r}; "
            "use pytensor.tensor.specify_shape or a shared variable with a static shape"
        )
    if min(rows, columns) < 1:
        raise ValueError(f"conv2d: the filters must have rows and columns, got {w.type.shape!r}")
    return (rows - 1) * dilation[0] + 1, (columns - 1) * dilation[1] + 1


def _check_types(x: Variable, w: Variable, bias: Variable | None = None) -> None:
    if x.type.ndim != 4 or w.type.ndim != 4:
        raise ValueError(
            "conv2d: input and filters must have 4 dimensions, "
            f"got {x.type.ndim!r} and {w.type.ndim!r}"
        )
    if bias is not None and bias.type.ndim != 1:
        raise ValueError(f"conv2d: the bias must be a vector, got {bias.type!r}")
    dtypes = {v.type.dtype for v in (x, w, bias) if v is not None}
    if len(dtypes) != 1 or not dtypes <= {"float32", "float64"}:
        raise ValueError(
            "conv2d: input, filters and bias must all be float32 or all float64, "
            f"got {sorted(dtypes)!r}; cast them to one type"
        )


def _check_groups(w: Variable, groups: int) -> None:
    filters = w.type.shape[0]
    if groups < 1 or (filters is not None and filters % groups):
        raise ValueError(
            f"conv2d: groups must be positive and divide the {filters!r} filters, got {groups!r}"
        )


def _check(x: Variable, w: Variable, bias: Variable | None = None, groups: int = 1) -> None:
    _check_types(x, w, bias)
    _check_groups(w, groups)
    channels = w.type.shape[1]
    if None not in (x.type.shape[1], channels) and x.type.shape[1] != channels * groups:
        among = f" for each of {groups} groups" if groups > 1 else ""
        raise ValueError(
            f"conv2d: the input has {x.type.shape[1]!r} channels, the filters {channels!r}{among}"
        )
