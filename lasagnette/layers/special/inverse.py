"""A layer that goes back through another one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pytensor.gradient import DisconnectedInputError, pullback
from pytensor.graph.basic import Variable

from lasagnette.layers.base import Layer, MergeLayer, Shape

__all__ = ["InverseLayer"]


class InverseLayer(MergeLayer):
    """Map back from a layer's output to its input, with the same parameters.

    The operation is the pull-back of the layer: what backpropagation does with the gradient of
    its output. For a linear dense layer it is the product with the transposed weights, for a
    convolution the transposed convolution, for max pooling the unpooling that puts a value
    where the maximum was. Useful in autoencoders with tied weights.

    The derivative of the layer's nonlinearity takes part, so linear layers are the usual
    choice.

    Parameters
    ----------
    incoming : Layer or tuple
        Of the shape of `layer`'s output.
    layer : Layer
        The layer to go back through, with one incoming layer. The output has the shape of
        `layer`'s input.
    name : str, optional

    Raises
    ------
    TypeError
        If `layer` is not a layer with one incoming layer.
    ValueError
        From :meth:`get_output_for`, if the output of `layer` does not depend on its input in a
        differentiable way.

    References
    ----------
    M. D. Zeiler, R. Fergus: Visualizing and understanding convolutional networks. ECCV 2014.

    Examples
    --------
    >>> from lasagnette.layers import InputLayer, Conv2DLayer, DenseLayer
    >>> l_in = InputLayer((None, 3, 28, 28))
    >>> l_conv = Conv2DLayer(l_in, num_filters=16, filter_size=5, nonlinearity=None)
    >>> l_code = DenseLayer(l_conv, num_units=20, nonlinearity=None)
    >>> InverseLayer(InverseLayer(l_code, l_code), l_conv).output_shape
    (None, 3, 28, 28)
    """

    def __init__(self, incoming: Any, layer: Layer, **kwargs: Any) -> None:
        if isinstance(layer, MergeLayer) or getattr(layer, "input_layer", None) is None:
            raise TypeError(
                f"InverseLayer: layer must be a Layer with one incoming layer, got {layer!r}"
            )
        super().__init__([incoming, layer, layer.input_layer], **kwargs)

    def get_output_shape_for(self, input_shapes: Sequence[Shape]) -> Shape:
        return input_shapes[2]

    def get_output_for(self, inputs: Any, **kwargs: Any) -> Variable:  # type: ignore[override]
        value, layer_output, layer_input = inputs
        try:
            return pullback(layer_output, layer_input, value)  # type: ignore[return-value]
        except DisconnectedInputError as error:
            raise ValueError(
                f"InverseLayer: the output of {self.input_layers[1]!r} does not depend on its "
                "input in a differentiable way, so there is no way back"
            ) from error
