"""Parameters of gates, and the layers that have gates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytensor.tensor as pt

from lasagnette import init, nonlinearities
from lasagnette.layers.base import as_nonlinearity
from lasagnette.layers.recurrent.base import BaseRecurrentLayer
from lasagnette.utils import repr_of_call

__all__ = ["Gate", "GatedLayer"]


class Gate:
    """How to make the parameters of a gate of :class:`LSTMLayer` or :class:`GRULayer`.

    A gate computes ``nonlinearity(x @ W_in + h @ W_hid + c * W_cell + b)`` from the input, the
    hidden state and the cell.

    Parameters
    ----------
    W_in : number, array, callable, shared variable or expression
        Weights ``(inputs, units)``.
    W_hid : number, array, callable, shared variable or expression
        Weights ``(units, units)``.
    W_cell : number, array, callable, shared variable, expression or None
        Peephole weights ``(units,)``; None for a gate without.
    b : number, array, callable, shared variable or expression
        Biases ``(units,)``.
    nonlinearity : callable or None
        None for a linear gate.

    Examples
    --------
    A forget gate that is open at the start of the training (Gers et al., Learning to forget,
    2000):

    >>> from lasagnette.layers import LSTMLayer
    >>> layer = LSTMLayer((10, 20, 30), num_units=10, forgetgate=Gate(b=init.Constant(5)))
    >>> float(layer.b_forgetgate.get_value()[0])
    5.0
    """

    def __init__(
        self,
        W_in: Any = init.Normal(0.1),  # noqa: B008 (initializers have no state)
        W_hid: Any = init.Normal(0.1),  # noqa: B008
        W_cell: Any = init.Normal(0.1),  # noqa: B008
        b: Any = init.Constant(0.0),  # noqa: B008
        nonlinearity: Callable[[Any], Any] | None = nonlinearities.sigmoid,
    ) -> None:
        self.W_in = W_in
        self.W_hid = W_hid
        self.W_cell = W_cell
        self.b = b
        self.nonlinearity = as_nonlinearity(self, nonlinearity)

    def __repr__(self) -> str:
        """Return the call that makes the gate."""
        return repr_of_call(self)


class GatedLayer(BaseRecurrentLayer):
    """Base of layers with gates: their parameters, and the products that all gates share.

    Parameters
    ----------
    incoming : Layer or tuple
        Sequences ``(batch, steps, features)``; axes after the third are flattened into it.
    num_units : int
    initial_states : sequence
    **options
        As in :class:`BaseRecurrentLayer`.
    """

    def __init__(
        self, incoming: Any, num_units: int, initial_states: Sequence[Any], **options: Any
    ) -> None:
        super().__init__(incoming, initial_states, **options)
        self.num_units = num_units
        self.state_shape = (num_units,)

    def add_gate(self, gate: Gate, name: str) -> tuple[Any, Any, Any]:
        """Register the parameters of a gate; return its input and hidden weights and biases."""
        units = self.num_units
        return (
            self.add_param(gate.W_in, (self.num_features(), units), f"W_in_to_{name}"),
            self.add_param(gate.W_hid, (units, units), f"W_hid_to_{name}"),
            self.add_param(gate.b, (units,), f"b_{name}", regularizable=False),
        )

    def stacked(self, *gates: str) -> tuple[Any, Any, Any]:
        """Return the input weights, hidden weights and biases of gates side by side."""

        def side_by_side(prefix: str) -> Any:
            return pt.concatenate([getattr(self, f"{prefix}_{gate}") for gate in gates], axis=-1)

        return side_by_side("W_in_to"), side_by_side("W_hid_to"), side_by_side("b")

    def split(self, activations: Any, gates: int) -> list[Any]:
        """Return the activations of every gate, of those that :meth:`stacked` put together."""
        n = self.num_units
        return [activations[:, i * n : (i + 1) * n] for i in range(gates)]

    def features_of_steps(self, input: Any) -> Any:
        """Return sequences as ``(steps, batch, features)``."""
        return self.steps_first(input.flatten(3) if input.ndim > 3 else input)
