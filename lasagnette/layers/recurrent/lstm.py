"""Long short-term memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from lasagnette import init, nonlinearities
from lasagnette.layers.base import as_nonlinearity
from lasagnette.layers.recurrent.gates import Gate, GatedLayer

__all__ = ["LSTMLayer"]


class LSTMLayer(GatedLayer):
    """Long short-term memory with a forget gate and, unless told otherwise, peepholes.

    .. math::

        i_t &= \\sigma_i(x_t W_{xi} + h_{t-1} W_{hi} + w_{ci} \\odot c_{t-1} + b_i) \\\\
        f_t &= \\sigma_f(x_t W_{xf} + h_{t-1} W_{hf} + w_{cf} \\odot c_{t-1} + b_f) \\\\
        c_t &= f_t \\odot c_{t-1} + i_t \\odot \\sigma_c(x_t W_{xc} + h_{t-1} W_{hc} + b_c) \\\\
        o_t &= \\sigma_o(x_t W_{xo} + h_{t-1} W_{ho} + w_{co} \\odot c_t + b_o) \\\\
        h_t &= o_t \\odot \\sigma_h(c_t)

    Parameters
    ----------
    incoming : Layer or tuple
        Sequences ``(batch, steps, features)``; axes after the third are flattened into it.
    num_units : int
    ingate, forgetgate, cell, outgate : Gate
        Parameters and nonlinearities of i, f, the candidate cell, and o.
    nonlinearity : callable or None
        Of the cell on its way to the output; None for none.
    cell_init, hid_init : number, array, callable, shared variable, expression or Layer
        Initial states ``(1, num_units)``, or one row per sequence.
    backwards, learn_init, gradient_steps, grad_clipping
    unroll_scan, precompute_input, mask_input, only_return_final
        As in :class:`BaseRecurrentLayer`.
    peepholes : bool
        Whether i, f and o see the cell.
    name : str, optional

    Raises
    ------
    ValueError
        If arguments contradict each other or a shape does not fit.

    References
    ----------
    S. Hochreiter, J. Schmidhuber: Long short-term memory. Neural Computation 9 (1997). In the
    form of A. Graves: Generating sequences with recurrent neural networks. arXiv:1308.0850
    (2013).

    Examples
    --------
    >>> LSTMLayer((None, None, 10), num_units=12).output_shape
    (None, None, 12)
    """

    def __init__(
        self,
        incoming: Any,
        num_units: int,
        ingate: Gate = Gate(),  # noqa: B008 (gates are only read)
        forgetgate: Gate = Gate(),  # noqa: B008
        cell: Gate = Gate(W_cell=None, nonlinearity=nonlinearities.tanh),  # noqa: B008
        outgate: Gate = Gate(),  # noqa: B008
        nonlinearity: Callable | None = nonlinearities.tanh,
        cell_init: Any = init.Constant(0.0),  # noqa: B008
        hid_init: Any = init.Constant(0.0),  # noqa: B008
        backwards: bool = False,
        learn_init: bool = False,
        peepholes: bool = True,
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
            num_units,
            [hid_init, cell_init],
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
        self.nonlinearity = as_nonlinearity(self, nonlinearity)
        self.peepholes = peepholes
        add = self.add_gate
        self.W_in_to_ingate, self.W_hid_to_ingate, self.b_ingate = add(ingate, "ingate")
        self.W_in_to_forgetgate, self.W_hid_to_forgetgate, self.b_forgetgate = add(
            forgetgate, "forgetgate"
        )
        self.W_in_to_cell, self.W_hid_to_cell, self.b_cell = add(cell, "cell")
        self.W_in_to_outgate, self.W_hid_to_outgate, self.b_outgate = add(outgate, "outgate")
        self.nonlinearity_ingate = ingate.nonlinearity
        self.nonlinearity_forgetgate = forgetgate.nonlinearity
        self.nonlinearity_cell = cell.nonlinearity
        self.nonlinearity_outgate = outgate.nonlinearity
        if peepholes:
            self.W_cell_to_ingate = self._add_peephole(ingate, "ingate")
            self.W_cell_to_forgetgate = self._add_peephole(forgetgate, "forgetgate")
            self.W_cell_to_outgate = self._add_peephole(outgate, "outgate")
        self.cell_init = self.add_state(cell_init, "cell_init")
        self.hid_init = self.add_state(hid_init, "hid_init")

    def _add_peephole(self, gate: Gate, name: str) -> Any:
        if gate.W_cell is None:
            raise ValueError(
                f"LSTMLayer: {name} must have a W_cell for peepholes=True, got None; give it one "
                "or set peepholes=False"
            )
        return self.add_param(gate.W_cell, (self.num_units,), f"W_cell_to_{name}")

    def get_output_for(self, inputs: Any, **kwargs: Any) -> Variable:  # type: ignore[override]
        W_in, W_hid, b = self.stacked("ingate", "forgetgate", "cell", "outgate")
        weights = [W_in, W_hid, b]
        if self.peepholes:
            weights += [self.W_cell_to_ingate, self.W_cell_to_forgetgate, self.W_cell_to_outgate]

        def step(x: Any, hid: Any, cell: Any) -> list[Variable]:
            if not self.precompute_input:
                x = pt.dot(x, W_in) + b
            activations = self.clipped(x + pt.dot(hid, W_hid))
            ingate, forgetgate, candidate, outgate = self.split(activations, 4)
            if self.peepholes:
                ingate = ingate + cell * self.W_cell_to_ingate
                forgetgate = forgetgate + cell * self.W_cell_to_forgetgate
            cell = self.nonlinearity_forgetgate(forgetgate) * cell + self.nonlinearity_ingate(
                ingate
            ) * self.nonlinearity_cell(candidate)
            if self.peepholes:
                outgate = outgate + cell * self.W_cell_to_outgate
            return [self.nonlinearity_outgate(outgate) * self.nonlinearity(cell), cell]

        sequence = self.features_of_steps(inputs[0])
        if self.precompute_input:
            sequence = pt.dot(sequence, W_in) + b
        return self.recur(step, sequence, inputs, [self.hid_init, self.cell_init], weights)
