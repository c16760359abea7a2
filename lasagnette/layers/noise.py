"""Layers that add noise while training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from lasagnette import ops
from lasagnette.layers.base import Layer
from lasagnette.layers.draws import Draws
from lasagnette.random import get_rng
from lasagnette.utils import cast_like, set_default_update

__all__ = [
    "DropoutLayer",
    "GaussianNoiseLayer",
    "dropout",
    "dropout_channels",
    "dropout_locations",
    "spatial_dropout",
]


class DropoutLayer(Layer):
    """Set random units to zero while training.

    Parameters
    ----------
    incoming : Layer or tuple
    p : float
        Probability of setting a unit to zero, from 0 to below 1.
    rescale : bool
        Whether to divide the other units by ``1 - p``, so that the expected output is the
        input.
    shared_axes : int or tuple of int
        Axes along which units share their fate; ``(2, 3)`` drops whole channels of images.
    name : str, optional

    Attributes
    ----------
    state : shared variable, int64, (2,)
        Key, drawn from :func:`lasagnette.random.get_rng` when the layer is made, and
        counter. A mask is a function of the two and of its shape, whatever the number of
        threads, so setting `state` repeats a sequence of masks.

    Notes
    -----
    ``get_output(..., deterministic=True)`` passes the input through.

    A function that computes a nondeterministic output draws a new mask at every call: the
    counter advances by one. Every *call* of :func:`get_output` makes expressions with masks
    of their own, independent of each other even in one function; the outputs of one call
    share theirs, as does everything built on them. The n-th call for a layer always gets the
    same sequence for the same key.

    References
    ----------
    N. Srivastava et al.: Dropout: a simple way to prevent neural networks from overfitting.
    JMLR 15 (2014).

    Examples
    --------
    >>> from lasagnette.layers import InputLayer, get_output
    >>> net = DropoutLayer(InputLayer((None, 8)), p=0.5)
    >>> noisy, clean = get_output(net), get_output(net, deterministic=True)
    >>> clean is net.input_layer.input_var
    True
    """

    def __init__(
        self,
        incoming: Any,
        p: float = 0.5,
        rescale: bool = True,
        shared_axes: int | Sequence[int] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(incoming, **kwargs)
        if not isinstance(p, int | float | np.number) or not 0 <= p < 1:
            raise ValueError(f"DropoutLayer: p must be a number from 0 to below 1, got {p!r}")
        ndim = len(self.input_shape)
        axes = (shared_axes,) if isinstance(shared_axes, int) else tuple(shared_axes)
        if any(not -ndim <= axis < ndim for axis in axes):
            raise ValueError(
                f"DropoutLayer: shared_axes must be axes of the input of shape "
                f"{self.input_shape!r}, got {shared_axes!r}"
            )
        self.p = p
        self.rescale = rescale
        self.shared_axes = tuple(axis % ndim for axis in axes)
        self.state = pytensor.shared(
            np.array([get_rng().integers(2**62), 0], dtype="int64"),
            name="dropout.state" if self.name is None else f"{self.name}.state",
            shape=(2,),
        )
        set_default_update(self.state, self.state + np.array([0, 1]))
        self._draws = 0

    def get_output_for(self, input: Any, deterministic: bool = False, **kwargs: Any) -> Variable:
        if deterministic or self.p == 0:
            return input
        mask = self._mask(input)
        if not self.rescale:
            mask = pt.neq(mask, 0)
        return input * mask

    def _mask(self, input: Any) -> Variable:
        """Return a mask that broadcasts against the input, independent of earlier ones."""
        if input.dtype not in ("float32", "float64"):
            input = input.astype(pytensor.config.floatX)
        state = self.state
        if self._draws:
            # Neighbouring keys give unrelated masks.
            state = state + np.array([self._draws, 0])
        self._draws += 1
        if not self.shared_axes:
            return ops.dropout_mask(input, self.p, state)
        index = tuple(0 if a in self.shared_axes else slice(None) for a in range(input.ndim))
        mask = ops.dropout_mask(input[index], self.p, state)
        return pt.expand_dims(mask, self.shared_axes)


dropout = DropoutLayer


def dropout_channels(
    incoming: Any, p: float = 0.5, rescale: bool = True, **kwargs: Any
) -> DropoutLayer:
    """Make a :class:`DropoutLayer` that drops whole channels of sequences, images or volumes.

    Parameters
    ----------
    incoming : Layer or tuple
        Output of shape ``(batch, channels, ...)``.
    p : float
    rescale : bool
    **kwargs
        See :class:`DropoutLayer`.

    References
    ----------
    J. Tompson et al.: Efficient object localization using convolutional networks. CVPR 2015.

    Examples
    --------
    >>> dropout_channels((None, 16, 6, 6), p=0.2).shared_axes
    (2, 3)
    """
    ndim = len(getattr(incoming, "output_shape", incoming))
    return DropoutLayer(incoming, p, rescale, shared_axes=range(2, ndim), **kwargs)


spatial_dropout = dropout_channels


def dropout_locations(
    incoming: Any, p: float = 0.5, rescale: bool = True, **kwargs: Any
) -> DropoutLayer:
    """Make a :class:`DropoutLayer` that drops locations, such as pixels, in all channels.

    Parameters
    ----------
    incoming : Layer or tuple
        Output of shape ``(batch, channels, ...)``.
    p : float
    rescale : bool
    **kwargs
        See :class:`DropoutLayer`.

    Examples
    --------
    >>> dropout_locations((None, 16, 6, 6), p=0.2).shared_axes
    (1,)
    """
    return DropoutLayer(incoming, p, rescale, shared_axes=(1,), **kwargs)


class GaussianNoiseLayer(Layer):
    """Add normally distributed noise while training.

    Parameters
    ----------
    incoming : Layer or tuple
    sigma : number or scalar expression
        Standard deviation of the noise, in units of the input.
    name : str, optional

    Attributes
    ----------
    state : shared variable, int64, (2,)
        Key and counter of the draws, as in :class:`DropoutLayer`.

    Notes
    -----
    ``get_output(..., deterministic=True)`` passes the input through. Calls draw anew and
    independently of each other, as in :class:`DropoutLayer`.

    References
    ----------
    K.-C. Jim, C. L. Giles, B. G. Horne: An analysis of noise in recurrent neural networks:
    convergence and generalization. IEEE Transactions on Neural Networks 7 (1996).

    Examples
    --------
    >>> from lasagnette.layers import InputLayer, get_output, get_updates
    >>> net = GaussianNoiseLayer(InputLayer((None, 8)), sigma=0.1)
    >>> list(get_updates(get_output(net))) == [net.state]
    True
    """

    def __init__(self, incoming: Any, sigma: Any = 0.1, **kwargs: Any) -> None:
        super().__init__(incoming, **kwargs)
        if not isinstance(sigma, Variable) and not sigma >= 0:
            raise ValueError(f"GaussianNoiseLayer: sigma must not be negative, got {sigma!r}")
        self.sigma = sigma
        self._draws = Draws("noise.state" if self.name is None else f"{self.name}.state")
        self.state = self._draws.state

    def get_output_for(self, input: Any, deterministic: bool = False, **kwargs: Any) -> Variable:
        if deterministic or (not isinstance(self.sigma, Variable) and self.sigma == 0):
            return input
        if input.dtype not in ("float32", "float64"):
            input = input.astype(pytensor.config.floatX)
        # Box and Muller's transform of two even distributions.
        size, turn = (self._draws.uniform(tuple(input.shape), input) for _ in range(2))
        radius = pt.sqrt(pt.mul(-2, pt.log1p(pt.neg(size))))
        noise = radius * pt.cos(cast_like(2 * np.pi, input) * turn)
        return input + cast_like(self.sigma, input) * noise
