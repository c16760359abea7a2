"""Pooling of groups of features, and of whole maps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from lasagnette.layers.base import Layer, Shape

__all__ = ["FeaturePoolLayer", "FeatureWTALayer", "GlobalPoolLayer"]


class _GroupLayer(Layer):
    """What layers that work on groups of features share."""

    def __init__(self, incoming: Any, pool_size: int, axis: int = 1, **kwargs: Any) -> None:
        super().__init__(incoming, **kwargs)
        who, ndim = type(self).__name__, len(self.input_shape)
        if not -ndim <= axis < ndim:
            raise ValueError(f"{who}: axis must be from {-ndim} to {ndim - 1}, got {axis!r}")
        self.pool_size = pool_size
        self.axis = axis % ndim
        features = self.input_shape[self.axis]
        if features is None or pool_size < 1 or features % pool_size:
            raise ValueError(
                f"{who}: the number of features must be a multiple of pool_size, "
                f"got {features!r} and {pool_size!r}"
            )
        self.groups = features // pool_size

    def _grouped(self, input: Any) -> Any:
        """Return the input with `axis` split into groups and the features of a group."""
        return pt.split_dims(input, axis=self.axis, shape=(self.groups, self.pool_size))


class FeaturePoolLayer(_GroupLayer):
    """Pool groups of features, such as the maximum of each: maxout.

    Parameters
    ----------
    incoming : Layer or tuple
    pool_size : int
        Number of features in a group; the number of features must be a multiple of it.
    axis : int
        The features' axis.
    pool_function : callable
        From an expression and the keyword ``axis`` to an expression without this axis.
    name : str, optional

    Raises
    ------
    ValueError
        If the features cannot be divided into groups.

    References
    ----------
    I. J. Goodfellow et al.: Maxout networks. ICML 2013.

    Examples
    --------
    >>> FeaturePoolLayer((None, 16, 6, 6), pool_size=4).output_shape
    (None, 4, 6, 6)
    """

    def __init__(
        self,
        incoming: Any,
        pool_size: int,
        axis: int = 1,
        pool_function: Callable = pt.max,
        **kwargs: Any,
    ) -> None:
        super().__init__(incoming, pool_size, axis, **kwargs)
        self.pool_function = pool_function

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        features = input_shape[self.axis]
        pooled = None if features is None else features // self.pool_size
        return (*input_shape[: self.axis], pooled, *input_shape[self.axis + 1 :])

    def get_output_for(self, input: Any, **kwargs: Any) -> Variable:
        return self.pool_function(self._grouped(input), axis=self.axis + 1)


class FeatureWTALayer(_GroupLayer):
    """The winner takes all: set features to zero that are not their group's largest.

    The first one wins where several are equal.

    Parameters
    ----------
    incoming : Layer or tuple
    pool_size : int
        Number of features in a group; the number of features must be a multiple of it.
    axis : int
        The features' axis.
    name : str, optional

    Raises
    ------
    ValueError
        If the features cannot be divided into groups.

    References
    ----------
    R. K. Srivastava et al.: Compete to compute. NIPS 2013.
    """

    def get_output_for(self, input: Any, **kwargs: Any) -> Variable:
        groups = self._grouped(input)
        within = self.axis + 1
        numbers = pt.arange(self.pool_size).reshape((-1, *(1,) * (groups.ndim - within - 1)))
        wins = pt.eq(pt.argmax(groups, axis=within, keepdims=True), numbers)
        return pt.join_dims(groups * wins, start_axis=self.axis, n_axes=2)


class GlobalPoolLayer(Layer):
    """Pool all that is behind the first two axes, such as the mean of every channel.

    Parameters
    ----------
    incoming : Layer or tuple
        Output of shape ``(batch, channels, ...)``.
    pool_function : callable
        From an expression and the keyword ``axis`` to an expression without this axis.
    name : str, optional

    References
    ----------
    M. Lin, Q. Chen, S. Yan: Network in network. ICLR 2014.

    Examples
    --------
    >>> GlobalPoolLayer((None, 16, 6, 6)).output_shape
    (None, 16)
    """

    def __init__(self, incoming: Any, pool_function: Callable = pt.mean, **kwargs: Any) -> None:
        super().__init__(incoming, **kwargs)
        self.pool_function = pool_function

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        return input_shape[:2]

    def get_output_for(self, input: Any, **kwargs: Any) -> Variable:
        return self.pool_function(pt.join_dims(input, start_axis=2), axis=2)
