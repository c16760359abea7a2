"""Gated recurrent units."""

from __future__ import annotations

from typing import Any

import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from lasagnette import init, nonlinearities
from lasagnette.layers.recurrent.gates import Gate, GatedLayer

__all__ = ["GRULayer"]


class GRULayer(GatedLayer):
    """Gated recurrent units.

    .. math::

        r_t &= \\sigma_r(x_t W_{xr} + h_{t-1} W_{hr} + b_r) \\\\
        u_t &= \\sigma_u(x_t W_{xu} + h_{t-1} W_{hu} + b_u) \\\\
        c_t &= \\sigma_c(x_t W_{xc} + r_t \\odot (h_{t-1} W_{hc}) + b_c) \\\\
        h_t &= (1 - u_t) \\odot h_{t-1} + u_t \\odot c_t

    The reset gate is applied after the product with :math:`W_{hc}`, as in Cho et al., so that
    all products of a step are one.

    Parameters
    ----------
    incoming : Layer or tuple
        Sequences ``(batch, steps, features)``; axes after the third are flattened into it.
    num_units : int
    resetgate, updategate, hidden_update : Gate
        Parameters and nonlinearities of r, u and c.
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

    References
    ----------
    K. Cho et al.: On the properties of neural machine translation: encoder-decoder approaches.
    arXiv:1409.1259 (2014).

    Examples
    --------
    >>> GRULayer((None, None, 10), num_units=12, only_return_final=True).output_shape
    (None, 12)
    """

    def __init__(
        self,
        incoming: Any,
        num_units: int,
        resetgate: Gate = Gate(W_cell=None),  # noqa: B008 (gates are only read)
        updategate: Gate = Gate(W_cell=None),  # noqa: B008
        hidden_update: Gate = Gate(W_cell=None, nonlinearity=nonlinearities.tanh),  # noqa: B008
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
        super().__init__(
            incoming,
            num_units,
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
        self.W_in_to_updategate, self.W_hid_to_updategate, self.b_updategate = self.add_gate(
            updategate, "updategate"
        )
        self.W_in_to_resetgate, self.W_hid_to_resetgate, self.b_resetgate = self.add_gate(
            resetgate, "resetgate"
        )
        self.W_in_to_hidden_update, self.W_hid_to_hidden_update, self.b_hidden_update = (
            self.add_gate(hidden_update, "hidden_update")
        )
        self.nonlinearity_updategate = updategate.nonlinearity
        self.nonlinearity_resetgate = resetgate.nonlinearity
        self.nonlinearity_hid = hidden_update.nonlinearity
        self.hid_init = self.add_state(hid_init, "hid_init")

    def get_output_for(self, inputs: Any, **kwargs: Any) -> Variable:  # type: ignore[override]
        W_in, W_hid, b = self.stacked("resetgate", "updategate", "hidden_update")

        def step(x: Any, hid: Any) -> list[Variable]:
            if not self.precompute_input:
                x = pt.dot(x, W_in) + b
            x_reset, x_update, x_candidate = self.split(self.clipped(x), 3)
            h_reset, h_update, h_candidate = self.split(self.clipped(pt.dot(hid, W_hid)), 3)
            reset = self.nonlinearity_resetgate(x_reset + h_reset)
            update = self.nonlinearity_updategate(x_update + h_update)
            candidate = self.nonlinearity_hid(self.clipped(x_candidate + reset * h_candidate))
            return [(1 - update) * hid + update * candidate]

        sequence = self.features_of_steps(inputs[0])
        if self.precompute_input:
            sequence = pt.dot(sequence, W_in) + b
        return self.recur(step, sequence, inputs, [self.hid_init], [W_in, W_hid, b])
