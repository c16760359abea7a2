"""Functions on networks, given by their output layers."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any
from warnings import warn

import numpy as np
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Variable

from lasagnette import utils
from lasagnette.layers.base import Layer, MergeLayer
from lasagnette.layers.input import InputLayer

__all__ = [
    "count_params",
    "get_all_layers",
    "get_all_param_values",
    "get_all_params",
    "get_output",
    "get_output_shape",
    "get_updates",
    "set_all_param_values",
]


def _as_list(layer: Layer | Iterable[Layer]) -> list[Layer]:
    # Whatever is not iterable is a layer: the contract of a layer is its methods.
    return list(layer) if isinstance(layer, Iterable) else [layer]


def _incoming(layer: Layer) -> list[Layer | None]:
    if isinstance(layer, InputLayer):
        return []
    return layer.input_layers if isinstance(layer, MergeLayer) else [layer.input_layer]


def get_all_layers(
    layer: Layer | Iterable[Layer], treat_as_input: Iterable[Layer] | None = None
) -> list[Layer]:
    """Return all layers that one or more layers depend on, and these themselves.

    Parameters
    ----------
    layer : Layer or iterable of Layer
    treat_as_input : iterable of Layer, optional
        Layers whose incoming layers are left out (unless others need them).

    Returns
    -------
    list of Layer
        Every layer after those that feed into it.

    Examples
    --------
    >>> from lasagnette.layers import InputLayer, DenseLayer
    >>> l_in = InputLayer((100, 20))
    >>> l1 = DenseLayer(l_in, num_units=50)
    >>> l2 = DenseLayer(l_in, num_units=10)
    >>> get_all_layers([l2, l1]) == [l_in, l2, l1]
    True
    >>> get_all_layers(l2, treat_as_input=[l2]) == [l2]
    True
    """
    stack: list[Layer | None] = list(reversed(_as_list(layer)))
    opened = set(treat_as_input or ())
    done: dict[Layer, None] = {}
    while stack:
        current = stack[-1]
        if current is None or current in done:
            stack.pop()
        elif current in opened:
            done[current] = None
            stack.pop()
        else:
            opened.add(current)
            stack.extend(reversed(_incoming(current)))
    return list(done)


def _propagate(
    function: str, layers: list[Layer], outputs: dict[Layer | None, Any], given: Any, apply: Any
) -> dict[Layer | None, Any]:
    """Fill `outputs` for `layers`, starting from what is given for input layers or any layer."""
    if isinstance(given, dict):
        outputs.update(given)
    elif given is not None:
        inputs = [layer for layer in layers if isinstance(layer, InputLayer)]
        if len(inputs) != 1:
            raise ValueError(
                f"{function}() was called with a single input for a network with {len(inputs)} "
                "input layers; give a dictionary from layer to input"
            )
        outputs[inputs[0]] = given
    for layer in layers:
        if layer in outputs:
            continue
        try:
            values = [outputs[incoming] for incoming in _incoming(layer)]
        except KeyError:
            raise ValueError(
                f"{function}() was called without an input for the free-floating layer "
                f"{layer!r}; give a dictionary that maps this layer, or None for what feeds "
                "into it, to one"
            ) from None
        outputs[layer] = apply(layer, values if isinstance(layer, MergeLayer) else values[0])
    return outputs


def get_output(layer_or_layers: Any, inputs: Any = None, **kwargs: Any) -> Any:
    """Return the output expressions of one or more layers of a network.

    Parameters
    ----------
    layer_or_layers : Layer or iterable of Layer
    inputs : expression, array or dict, optional
        The input to use instead of the input layers' variables: one for the only input
        layer, or a dictionary from any layers to what to use instead of their output.
    **kwargs
        Passed on to all layers' ``get_output_for``; ``deterministic=True`` turns noise off
        and uses the averages of batch normalisation.

    Returns
    -------
    expression or list of expressions

    Raises
    ------
    ValueError
        If inputs are missing or ambiguous.

    Warns
    -----
    UserWarning
        If no layer of the network knows a keyword.

    Notes
    -----
    ``get_output([l1, l2])`` and ``[get_output(l1), get_output(l2)]`` differ where `l1` and
    `l2` depend on one dropout layer: the former uses one mask for both, the latter two
    independent masks.

    Functions that compute a nondeterministic output also draw new dropout masks and advance
    batch-norm averages at every call; see :func:`get_updates`.
    """
    treat_as_input = list(inputs) if isinstance(inputs, dict) else []
    layers = get_all_layers(layer_or_layers, treat_as_input)
    if isinstance(inputs, dict):
        inputs = {layer: utils.as_theano_expression(x) for layer, x in inputs.items()}
    elif inputs is not None:
        inputs = utils.as_theano_expression(inputs)
    computed = []

    def apply(layer: Layer, values: Any) -> Variable:
        computed.append(layer)
        return layer.get_output_for(values, **kwargs)

    given = inputs if isinstance(inputs, dict) else {}
    variables: dict[Layer | None, Any] = {
        layer: layer.input_var
        for layer in layers
        if isinstance(layer, InputLayer) and layer not in given
    }
    outputs = _propagate("get_output", layers, variables, inputs, apply)
    if kwargs:
        _warn_of_unused(kwargs, computed)
    if not isinstance(layer_or_layers, Iterable):
        return outputs[layer_or_layers]
    return [outputs[layer] for layer in layer_or_layers]


def _warn_of_unused(kwargs: dict[str, Any], layers: Iterable[Layer]) -> None:
    """Warn of keywords that none of the layers reads."""
    accepted = {"deterministic"}
    for layer in layers:
        accepted.update(utils.inspect_kwargs(layer.get_output_for), layer.get_output_kwargs)
    unused = []
    for name in kwargs:
        if name not in accepted:
            near = get_close_matches(name, accepted, n=1)
            unused.append(f"{name} (perhaps you meant {near[0]})" if near else name)
    if unused:
        warn(f"get_output() was called with unused kwargs: {', '.join(unused)}", stacklevel=3)


def get_output_shape(layer_or_layers: Any, input_shapes: Any = None) -> Any:
    """Return the output shapes of one or more layers of a network.

    Parameters
    ----------
    layer_or_layers : Layer or iterable of Layer
    input_shapes : tuple or dict, optional
        Shape of the only input layer, or a dictionary from any layers to shapes, to use
        instead of those the network was built with.

    Returns
    -------
    tuple or list of tuple

    Examples
    --------
    >>> from lasagnette.layers import InputLayer, Conv2DLayer
    >>> net = Conv2DLayer(InputLayer((None, 3, 12, 12)), num_filters=16, filter_size=3)
    >>> get_output_shape(net, (1, 3, 480, 640))
    (1, 16, 478, 638)
    """
    treat_as_input = list(input_shapes) if isinstance(input_shapes, dict) else []
    layers = get_all_layers(layer_or_layers, treat_as_input)
    if not input_shapes:
        shapes: dict[Layer | None, Any] = {layer: layer.output_shape for layer in layers}
    else:
        shapes = _propagate(
            "get_output_shape",
            layers,
            {layer: layer.shape for layer in layers if isinstance(layer, InputLayer)},
            input_shapes,
            lambda layer, values: layer.get_output_shape_for(values),
        )
    if not isinstance(layer_or_layers, Iterable):
        return shapes[layer_or_layers]
    return [shapes[layer] for layer in layer_or_layers]


def get_all_params(
    layer: Layer | Iterable[Layer], unwrap_shared: bool = True, **tags: bool
) -> list[Any]:
    """Return the parameters of all layers that one or more layers depend on.

    Parameters
    ----------
    layer : Layer or iterable of Layer
    unwrap_shared : bool
        Whether a parameter that is an expression is replaced by the shared variables in it.
    **tags
        ``tag=True`` keeps the parameters that have the tag, ``tag=False`` those that have
        not, for instance ``trainable=True``.

    Returns
    -------
    list of shared variables or expressions
        In the order of the layers, each once.

    Examples
    --------
    >>> from lasagnette.layers import InputLayer, DenseLayer
    >>> l1 = DenseLayer(InputLayer((100, 20)), num_units=50)
    >>> l2 = DenseLayer(l1, num_units=30)
    >>> get_all_params(l2) == [l1.W, l1.b, l2.W, l2.b]
    True
    >>> get_all_params(l2, regularizable=True) == [l1.W, l2.W]
    True
    """
    return utils.unique(
        param
        for l in get_all_layers(layer)
        for param in l.get_params(unwrap_shared=unwrap_shared, **tags)
    )


def count_params(layer: Layer | Iterable[Layer], **tags: bool) -> int:
    """Return the number of scalars in the parameters of a network.

    Parameters
    ----------
    layer : Layer or iterable of Layer
    **tags
        Which parameters to count; see :func:`get_all_params`.

    Examples
    --------
    >>> from lasagnette.layers import InputLayer, DenseLayer
    >>> net = DenseLayer(InputLayer((None, 20)), num_units=50)
    >>> count_params(net), count_params(net, regularizable=True)
    (1050, 1000)
    """
    values = (p.get_value(borrow=True) for p in get_all_params(layer, **tags))
    return sum(int(np.size(value)) for value in values)


def get_all_param_values(layer: Layer | Iterable[Layer], **tags: bool) -> list[np.ndarray]:
    """Return copies of the values of a network's parameters.

    Parameters
    ----------
    layer : Layer or iterable of Layer
    **tags
        Which parameters to take; see :func:`get_all_params`.

    Returns
    -------
    list of numpy arrays
        In the order of :func:`get_all_params`.

    Examples
    --------
    A network's values, saved and loaded again:

    >>> from lasagnette.layers import InputLayer, DenseLayer
    >>> net = DenseLayer(InputLayer((None, 20)), num_units=50)
    >>> np.savez("net.npz", *get_all_param_values(net))  # doctest: +SKIP
    >>> with np.load("net.npz", allow_pickle=False) as f:  # doctest: +SKIP
    ...     set_all_param_values(net, [f[f"arr_{i}"] for i in range(len(f.files))])
    """
    # Functions compiled for JAX leave arrays of its own in shared variables.
    return [np.array(p.get_value(borrow=True)) for p in get_all_params(layer, **tags)]


def set_all_param_values(
    layer: Layer | Iterable[Layer], values: Iterable[Any], **tags: bool
) -> None:
    """Set the values of a network's parameters.

    Nothing is set unless everything fits.

    Parameters
    ----------
    layer : Layer or iterable of Layer
    values : iterable of arrays
        As :func:`get_all_param_values` returns them; cast to the parameters' dtypes.
    **tags
        Which parameters to set; see :func:`get_all_params`.

    Raises
    ------
    ValueError
        If the number of values or a shape does not fit.
    """
    params = get_all_params(layer, **tags)
    values = [np.asarray(value) for value in values]
    if len(values) != len(params):
        raise ValueError(
            f"set_all_param_values() got {len(values)} values for {len(params)} parameters"
        )
    for i, (param, value) in enumerate(zip(params, values, strict=True)):
        shape = np.shape(param.get_value(borrow=True))
        if value.shape != shape:
            raise ValueError(
                f"set_all_param_values() needs shape {shape!r} for parameter {i} "
                f"({param.name!r}), got {value.shape!r}"
            )
    for param, value in zip(params, values, strict=True):
        param.set_value(value.astype(param.type.dtype))


def get_updates(expressions: Variable | Iterable[Variable]) -> dict[SharedVariable, Variable]:
    """Return the updates that nondeterministic outputs carry.

    These are the counters of dropout layers and the running averages of batch normalisation.
    Functions perform them by themselves; adding them to the updates makes them visible, for
    instance to save them with a checkpoint, and changes nothing else.

    Parameters
    ----------
    expressions : expression or iterable of expressions
        Outputs, or losses computed from them.

    Returns
    -------
    dict from shared variable to expression
        Empty for deterministic outputs.

    Examples
    --------
    >>> from lasagnette.layers import InputLayer, DropoutLayer, get_output
    >>> net = DropoutLayer(InputLayer((None, 8)), p=0.5)
    >>> list(get_updates(get_output(net))) == [net.state]
    True
    >>> get_updates(get_output(net, deterministic=True))
    {}
    """
    return {
        getattr(variable.tag, "update_target", variable): variable.default_update
        for variable in utils.collect_shared_vars(expressions)
        if variable.default_update is not None
    }
