"""Recurrent layers from other layers, and the plain one."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from pytensor.graph.basic import Variable

from lasagnette import init, nonlinearities, utils
from lasagnette.layers import helper
from lasagnette.layers.base import Layer, Shape, as_nonlinearity
from lasagnette.layers.dense import DenseLayer
from lasagnette.layers.input import InputLayer
from lasagnette.layers.recurrent.base import BaseRecurrentLayer

__all__ = ["CustomRecurrentLayer", "RecurrentLayer"]


class CustomRecurrentLayer(BaseRecurrentLayer):
    """Recurrence with any layers: ``h_t = nonlinearity(f_i(x_t) + f_h(h_{t-1}))``.

    Parameters
    ----------
    incoming : Layer or tuple
        Sequences ``(batch, steps, ...)``.
    input_to_hidden : Layer
        Output of a network with one input layer, f_i. With `precompute_input`, it is applied
        to the steps of all sequences as one batch.
    hidden_to_hidden : Layer
        Output of a network with one input layer, f_h, from hidden state to hidden state.
    nonlinearity : callable or None
        None for none.
    hid_init : number, array, callable, shared variable, expression or Layer
        Initial state ``(1, *state_shape)``, or one row per sequence.
    backwards, learn_init, gradient_steps, grad_clipping
    unroll_scan, precompute_input, mask_input, only_return_final
        As in :class:`BaseRecurrentLayer`.
    name : str, optional

    Raises
    ------
    ValueError
        If arguments contradict each other or a shape does not fit.

    Notes
    -----
    Keywords of :func:`get_output` go on to the layers of both networks. A dropout layer in
    `hidden_to_hidden` draws one mask for all steps of a sequence (Y. Gal, Z. Ghahramani: A
    theoretically grounded application of dropout in recurrent neural networks. NIPS 2016).

    Examples
    --------
    A convolutional recurrence:

    >>> from lasagnette.layers import Conv2DLayer, InputLayer
    >>> f_i = Conv2DLayer(InputLayer((None, 3, 8, 8)), num_filters=7, filter_size=3, pad="same")
    >>> f_h = Conv2DLayer(InputLayer(f_i.output_shape), num_filters=7, filter_size=3, pad="same")
    >>> CustomRecurrentLayer((None, 10, 3, 8, 8), f_i, f_h).output_shape
    (None, 10, 7, 8, 8)
    """

    def __init__(
        self,
        incoming: Any,
        input_to_hidden: Any,
        hidden_to_hidden: Any,
        nonlinearity: Callable | None = nonlinearities.rectify,
        hid_init: Any = init.Constant(0.0),  # noqa: B008 (initializers have no state)
        backwards: bool = False,
        learn_init: bool = False,
        gradient_steps: int = -1,
        grad_clipping: float = 0,
        unroll_scan: bool = False,
        precompute_input: bool = True,
        mask_input: Any = None,
        only_return_final: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            incoming,
            [hid_init],
            backwards=backwards,
            learn_init=learn_init,
            gradient_steps=gradient_steps,
            grad_clipping=grad_clipping,
            unroll_scan=unroll_scan,
            precompute_input=precompute_input,
            mask_input=mask_input,
            only_return_final=only_return_final,
            **kwargs,
        )
        self._connect(input_to_hidden, hidden_to_hidden, nonlinearity, hid_init)

    def _connect(
        self,
        input_to_hidden: Any,
        hidden_to_hidden: Any,
        nonlinearity: Callable | None,
        hid_init: Any,
    ) -> None:
        """Take the two networks, once their shapes have been found to fit."""
        self.input_to_hidden = input_to_hidden
        self.hidden_to_hidden = hidden_to_hidden
        self.nonlinearity = as_nonlinearity(self, nonlinearity)
        self._only_input_layer("input_to_hidden")
        hidden = self._only_input_layer("hidden_to_hidden").output_shape
        computed, recurred = input_to_hidden.output_shape, hidden_to_hidden.output_shape
        batch, steps = self.input_shapes[0][:2]
        if self.precompute_input:
            rows = None if batch is None or steps is None else batch * steps
            if None not in (rows, computed[0]) and computed[0] != rows:
                self._misfit(
                    "input_to_hidden, which is applied to all steps at once, must have the batch "
                    f"size {rows} or None (or set precompute_input=False)",
                    computed,
                )
        elif None not in (computed[0], recurred[0]) and computed[0] != recurred[0]:
            self._misfit(
                f"input_to_hidden must have the batch size of hidden_to_hidden, {recurred[0]}",
                computed,
            )
        if not _fit(computed[1:], recurred[1:]):
            self._misfit(
                f"hidden_to_hidden must have the output shape of input_to_hidden, {computed!r}, "
                "after the first axis",
                recurred,
            )
        if not _fit(computed[1:], hidden[1:]):
            self._misfit(
                "the input of hidden_to_hidden must have the output shape of input_to_hidden, "
                f"{computed!r}, after the first axis",
                hidden,
            )
        self.state_shape = recurred[1:]
        self.hid_init = self.add_state(hid_init, "hid_init")
        for layer in helper.get_all_layers([input_to_hidden, hidden_to_hidden]):
            self.get_output_kwargs += utils.inspect_kwargs(layer.get_output_for)
            self.get_output_kwargs += layer.get_output_kwargs

    def _only_input_layer(self, which: str) -> Layer:
        layers = helper.get_all_layers(getattr(self, which))
        inputs = [layer for layer in layers if isinstance(layer, InputLayer)]
        if len(inputs) != 1:
            raise ValueError(
                f"{type(self).__name__}: {which} must have exactly one InputLayer, got "
                f"{len(inputs)}"
            )
        return inputs[0]

    def _misfit(self, rule: str, shape: Shape) -> None:
        raise ValueError(f"{type(self).__name__}: {rule}, got {shape!r}")

    def get_params(self, unwrap_shared: bool = True, **tags: bool) -> list[Any]:
        """Return the parameters of this layer, then those of both networks."""
        params = super().get_params(unwrap_shared=unwrap_shared, **tags)
        for network in (self.input_to_hidden, self.hidden_to_hidden):
            params += helper.get_all_params(network, unwrap_shared=unwrap_shared, **tags)
        return utils.unique(params)

    def get_output_for(self, inputs: Any, **kwargs: Any) -> Variable:  # type: ignore[override]
        sequence = self.steps_first(inputs[0])
        weights = helper.get_all_params(self.hidden_to_hidden)
        if self.precompute_input:
            steps, batch = _lengths(sequence)[:2]
            flat = sequence.reshape((steps * batch, *_lengths(sequence)[2:]))
            computed = _output(self.input_to_hidden, flat, kwargs)
            sequence = computed.reshape((steps, batch, *_lengths(computed)[1:]))
        else:
            weights += helper.get_all_params(self.input_to_hidden)

        def step(x: Any, hid: Any) -> list[Variable]:
            if not self.precompute_input:
                x = _output(self.input_to_hidden, x, kwargs)
            activation = x + _output(self.hidden_to_hidden, hid, kwargs)
            return [self.nonlinearity(self.clipped(activation))]

        return self.recur(step, sequence, inputs, [self.hid_init], weights)


def _fit(first: Shape, second: Shape) -> bool:
    return len(first) == len(second) and all(
        None in (a, b) or a == b for a, b in zip(first, second, strict=True)
    )


def _lengths(x: Any) -> list[Any]:
    """Return the lengths of a tensor, as ints where they are known."""
    return [x.shape[i] if length is None else length for i, length in enumerate(x.type.shape)]


def _output(network: Layer, input: Any, kwargs: dict[str, Any]) -> Any:
    with warnings.catch_warnings():
        # A keyword may be for the other network; the outer get_output() warns if it is for none.
        warnings.filterwarnings("ignore", r"get_output\(\) was called with unused kwargs")
        return helper.get_output(network, input, **kwargs)


class RecurrentLayer(CustomRecurrentLayer):
    """The plain recurrent layer: ``h_t = nonlinearity(x_t @ W_x + h_{t-1} @ W_h + b)``.

    Parameters
    ----------
    incoming : Layer or tuple
        Sequences ``(batch, steps, features)``; axes after the third are flattened into it.
    num_units : int
    W_in_to_hid : number, array, callable, shared variable or expression
        Weights W_x ``(features, num_units)``.
    W_hid_to_hid : number, array, callable, shared variable or expression
        Weights W_h ``(num_units, num_units)``.
    b : number, array, callable, shared variable, expression or None
        Biases ``(num_units,)``; None for a layer without.
    nonlinearity : callable or None
        None for none.
    hid_init : number, array, callable, shared variable, expression or Layer
        Initial state ``(1, num_units)``, or one row per sequence.
    backwards, learn_init, gradient_steps, grad_clipping
    unroll_scan, precompute_input, mask_input, only_return_final
        As in :class:`BaseRecurrentLayer`.
    name : str, optional

    Raises
    ------
    ValueError
        If arguments contradict each other or a shape does not fit.

    Examples
    --------
    >>> RecurrentLayer((None, None, 10), num_units=12).output_shape
    (None, None, 12)
    """

    def __init__(
        self,
        incoming: Any,
        num_units: int,
        W_in_to_hid: Any = init.Uniform(),  # noqa: B008 (initializers have no state)
        W_hid_to_hid: Any = init.Uniform(),  # noqa: B008
        b: Any = init.Constant(0.0),  # noqa: B008
        nonlinearity: Callable | None = nonlinearities.rectify,
        hid_init: Any = init.Constant(0.0),  # noqa: B008
        backwards: bool = False,
        learn_init: bool = False,
        gradient_steps: int = -1,
        grad_clipping: float = 0,
        unroll_scan: bool = False,
        precompute_input: bool = True,
        mask_input: Any = None,
        only_return_final: bool = False,
        **kwargs: Any,
    ) -> None:
        # Not the parent's constructor: the networks are made here, from the checked input.
        BaseRecurrentLayer.__init__(
            self,
            incoming,
            [hid_init],
            backwards=backwards,
            learn_init=learn_init,
            gradient_steps=gradient_steps,
            grad_clipping=grad_clipping,
            unroll_scan=unroll_scan,
            precompute_input=precompute_input,
            mask_input=mask_input,
            only_return_final=only_return_final,
            **kwargs,
        )
        self.num_units = num_units
        self.num_features()  # raises if it is not known
        prefix = "" if self.name is None else f"{self.name}."
        in_to_hid = DenseLayer(
            InputLayer((None, *self.input_shapes[0][2:])),
            num_units,
            W=W_in_to_hid,
            b=b,
            nonlinearity=None,
            name=f"{prefix}input_to_hidden",
        )
        hid_to_hid = DenseLayer(
            InputLayer((None, num_units)),
            num_units,
            W=W_hid_to_hid,
            b=None,
            nonlinearity=None,
            name=f"{prefix}hidden_to_hidden",
        )
        self.W_in_to_hid = in_to_hid.W
        self.W_hid_to_hid = hid_to_hid.W
        self.b = in_to_hid.b
        self._connect(in_to_hid, hid_to_hid, nonlinearity, hid_init)
