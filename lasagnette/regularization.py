"""Penalties on parameters.

Biases, batch-norm offsets and averages are not tagged ``regularizable`` and stay free.

>>> from lasagnette.layers import InputLayer, DenseLayer
>>> from lasagnette.regularization import l2, regularize_network_params
>>> net = DenseLayer(InputLayer((None, 4)), num_units=3)
>>> net = DenseLayer(net, num_units=2)
>>> penalty = regularize_network_params(net, l2)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from lasagnette.layers.base import Layer
from lasagnette.layers.helper import get_all_params
from lasagnette.utils import cast_like

__all__ = [
    "apply_penalty",
    "l1",
    "l2",
    "regularize_layer_params",
    "regularize_layer_params_weighted",
    "regularize_network_params",
]

Penalty = Callable[..., Variable]
REGULARIZABLE: Mapping[str, bool] = {"regularizable": True}


def l1(x: Any) -> Variable:
    """Return the sum of the absolute values."""
    return pt.sum(abs(x))


def l2(x: Any) -> Variable:
    """Return the sum of the squares."""
    return pt.sum(x**2)


def apply_penalty(
    tensor_or_tensors: Variable | Iterable[Variable], penalty: Penalty, **kwargs: Any
) -> Any:
    """Return the sum of a penalty over one or more tensors.

    Parameters
    ----------
    tensor_or_tensors : expression or iterable of expressions
    penalty : callable
        From an expression to a scalar expression; `kwargs` are passed on.

    Returns
    -------
    scalar expression
        Or the number 0 if there are no tensors.
    """
    if isinstance(tensor_or_tensors, Variable):
        return penalty(tensor_or_tensors, **kwargs)
    return sum(penalty(x, **kwargs) for x in tensor_or_tensors)


def regularize_layer_params(
    layer: Layer | Iterable[Layer],
    penalty: Penalty,
    tags: Mapping[str, bool] = REGULARIZABLE,
    **kwargs: Any,
) -> Any:
    """Return the penalty on the parameters of one or more layers.

    Parameters
    ----------
    layer : Layer or iterable of Layer
    penalty : callable
    tags : dict
        Which parameters to take; see :meth:`lasagnette.layers.Layer.get_params`.
    **kwargs
        Passed on to `penalty`.

    Returns
    -------
    scalar expression
    """
    layers = [layer] if isinstance(layer, Layer) else layer
    return apply_penalty([p for l in layers for p in l.get_params(**tags)], penalty, **kwargs)


def regularize_layer_params_weighted(
    layers: Mapping[Layer, Any],
    penalty: Penalty,
    tags: Mapping[str, bool] = REGULARIZABLE,
    **kwargs: Any,
) -> Any:
    """Return the weighted sum of penalties on the parameters of layers.

    Parameters
    ----------
    layers : dict from Layer to float or scalar expression
        The weight of each layer's penalty.
    penalty : callable
    tags : dict
        Which parameters to take; see :meth:`lasagnette.layers.Layer.get_params`.
    **kwargs
        Passed on to `penalty`.

    Returns
    -------
    scalar expression
    """

    total: Any = 0
    for layer, weight in layers.items():
        value = apply_penalty(layer.get_params(**tags), penalty, **kwargs)
        weighted = weight * value
        # A weight that is a Python float must not make float64 of a float32 penalty.
        total += cast_like(weighted, value) if isinstance(value, Variable) else weighted
    return total


def regularize_network_params(
    layer: Layer | Iterable[Layer],
    penalty: Penalty,
    tags: Mapping[str, bool] = REGULARIZABLE,
    **kwargs: Any,
) -> Any:
    """Return the penalty on the parameters of all layers that feed into `layer`.

    Parameters
    ----------
    layer : Layer or iterable of Layer
        Output layer or layers.
    penalty : callable
    tags : dict
        Which parameters to take; see :meth:`lasagnette.layers.Layer.get_params`.
    **kwargs
        Passed on to `penalty`.

    Returns
    -------
    scalar expression
    """
    return apply_penalty(get_all_params(layer, **tags), penalty, **kwargs)
