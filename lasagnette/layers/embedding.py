"""Vectors for words and other classes."""

from __future__ import annotations

from typing import Any

from pytensor.graph.basic import Variable

from lasagnette import init
from lasagnette.layers.base import Layer, Shape

__all__ = ["EmbeddingLayer"]


class EmbeddingLayer(Layer):
    """Look up a learned vector for every integer.

    Parameters
    ----------
    incoming : Layer or tuple
        Integers from 0 to ``input_size - 1``; the input variable must be of an integer type.
    input_size : int
        Number of different vectors.
    output_size : int
        Length of a vector.
    W : number, array, callable, shared variable or expression
        The vectors ``(input_size, output_size)``.
    name : str, optional

    Examples
    --------
    >>> import pytensor.tensor as pt
    >>> from lasagnette.layers import InputLayer, get_output
    >>> l_in = InputLayer((None, 3), input_var=pt.imatrix())
    >>> net = EmbeddingLayer(l_in, input_size=100, output_size=5)
    >>> net.output_shape
    (None, 3, 5)
    """

    def __init__(
        self,
        incoming: Any,
        input_size: int,
        output_size: int,
        W: Any = init.Normal(),  # noqa: B008 (initializers have no state)
        **kwargs: Any,
    ) -> None:
        super().__init__(incoming, **kwargs)
        self.input_size = input_size
        self.output_size = output_size
        self.W = self.add_param(W, (input_size, output_size), name="W")

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        return (*input_shape, self.output_size)

    def get_output_for(self, input: Any, **kwargs: Any) -> Variable:
        if not input.type.dtype.startswith(("int", "uint")):
            raise TypeError(
                "EmbeddingLayer: the input must be of an integer type, such as int32, got "
                f"{input.type.dtype!r}; give the InputLayer an input_var like pt.imatrix()"
            )
        return self.W[input]
