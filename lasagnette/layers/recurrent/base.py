"""What all recurrent layers share: options, initial states, and the loop over the steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.gradient import grad_clip
from pytensor.graph.basic import Variable
from pytensor.graph.replace import clone_replace
from pytensor.scalar import upcast
from pytensor.scan import scan

from lasagnette.layers.base import Layer, MergeLayer, Shape
from lasagnette.layers.recurrent.interpreted import LOOP
from lasagnette.utils import collect_shared_vars, unique

__all__ = ["BaseRecurrentLayer"]

Step = Callable[..., list[Variable]]


class BaseRecurrentLayer(MergeLayer):
    """Base of layers that go through sequences, step by step, with one or more states.

    A subclass sets :attr:`state_shape`, registers its initial states by :meth:`add_state`, and
    defines :meth:`get_output_for`, which says what one step computes and calls :meth:`recur`.

    Parameters
    ----------
    incoming : Layer or tuple
        Sequences ``(batch, steps, ...)``.
    initial_states : sequence
        What the subclass was given for them; the layers among them become incoming layers.
    backwards : bool
        Whether to go from the last step to the first. The output is in the input's order.
    learn_init : bool
        Whether initial states are trainable parameters. Layers never are, and expressions by
        the shared variables in them.
    gradient_steps : int
        Number of steps that the gradient goes back; -1 for all.
    grad_clipping : number
        Gradients are clipped to plus and minus this inside every step, against explosion; 0 or
        False for no clipping.
    unroll_scan : bool
        Whether to write out all steps instead of looping over them. Such functions are often
        faster and take longer to compile; the number of steps must be known.
    precompute_input : bool
        Whether to do the input's part of all steps in one large product before the loop, which
        is faster and needs more memory.
    mask_input : Layer or tuple, optional
        Output ``(batch, steps)``, of any type: where it is 0, the state is carried over to the
        next step unchanged. For sequences of several lengths in one batch.
    only_return_final : bool
        Whether to return the state after the last step only.
    name : str, optional

    Attributes
    ----------
    state_shape : tuple of int
        Shape of a state of one sequence.

    Raises
    ------
    ValueError
        If arguments contradict each other.

    Notes
    -----
    The output is ``(batch, steps, *state_shape)``, or ``(batch, *state_shape)`` for
    ``only_return_final=True``.

    Examples
    --------
    A cell of one's own, a running sum:

    >>> from lasagnette.layers import InputLayer, get_output
    >>> class Sum(BaseRecurrentLayer):
    ...     def __init__(self, incoming, **kwargs):
    ...         super().__init__(incoming, [0], **kwargs)
    ...         self.state_shape = self.input_shapes[0][2:]
    ...         self.start = self.add_state(0, "start")
    ...     def get_output_for(self, inputs, **kwargs):
    ...         step = lambda x, total: [total + x]
    ...         return self.recur(step, self.steps_first(inputs[0]), inputs, [self.start])
    >>> net = Sum(InputLayer((None, 3, 1)), unroll_scan=True)
    >>> get_output(net, [[[1.0], [2.0], [3.0]]]).eval(mode="FAST_COMPILE").ravel()
    array([1., 3., 6.])
    """

    state_shape: Shape

    def __init__(
        self,
        incoming: Any,
        initial_states: Sequence[Any],
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
        masks = [] if mask_input is None else [mask_input]
        layers = [state for state in initial_states if isinstance(state, Layer)]
        super().__init__([incoming, *masks, *layers], **kwargs)
        self.backwards = backwards
        self.learn_init = learn_init
        self.gradient_steps = gradient_steps
        self.grad_clipping = grad_clipping
        self.unroll_scan = unroll_scan
        self.precompute_input = precompute_input
        self.only_return_final = only_return_final
        self.has_mask = mask_input is not None
        who = type(self).__name__
        input_shape = self.input_shapes[0]
        if len(input_shape) < 2:
            raise ValueError(
                f"{who}: the input must have shape (batch, steps, ...), got {input_shape!r}"
            )
        if unroll_scan and gradient_steps != -1:
            raise ValueError(
                f"{who}: gradient_steps must be -1 when unroll_scan is True, got {gradient_steps!r}"
            )
        if unroll_scan and input_shape[1] is None:
            raise ValueError(
                f"{who}: unroll_scan=True needs a known number of steps, got the input shape "
                f"{input_shape!r}"
            )
        if self.has_mask and len(self.input_shapes[1]) != 2:
            raise ValueError(
                f"{who}: mask_input must have shape (batch, steps), got {self.input_shapes[1]!r}"
            )

    def num_features(self) -> int:
        """Return the number of features of a step, of all axes after the second.

        Raises
        ------
        ValueError
            If there are none, or not all lengths are known.
        """
        trailing = self.input_shapes[0][2:]
        if not trailing or None in trailing:
            raise ValueError(
                f"{type(self).__name__}: the input must have shape (batch, steps, features) with "
                f"a known number of features, got {self.input_shapes[0]!r}"
            )
        return int(np.prod(trailing))  # type: ignore[arg-type]

    def add_state(self, spec: Any, name: str) -> Any:
        """Register an initial state, to be called in a subclass's constructor.

        Parameters
        ----------
        spec : number, numpy array, callable, shared variable, expression or Layer
            Of shape ``(1, *state_shape)``, used for all sequences, or, for variables and
            layers, ``(batch, *state_shape)``.
        name : str

        Returns
        -------
        shared variable, expression or Layer

        Raises
        ------
        ValueError
            If the shape does not fit.
        """
        if not isinstance(spec, Layer):
            shape = (_rows(spec) or 1, *self.state_shape)
            return self.add_param(spec, shape, name, trainable=self.learn_init, regularizable=False)
        shape = spec.output_shape[1:]
        if len(shape) != len(self.state_shape) or any(
            None not in (a, b) and a != b for a, b in zip(shape, self.state_shape, strict=True)
        ):
            raise ValueError(
                f"{type(self).__name__}: {name} must have output shape (batch, "
                f"{', '.join(map(repr, self.state_shape))}), got {spec.output_shape!r}"
            )
        return spec

    def get_output_shape_for(self, input_shapes: Sequence[Shape]) -> Shape:
        batch, steps = input_shapes[0][:2]
        if self.only_return_final:
            return (batch, *self.state_shape)
        return (batch, steps, *self.state_shape)

    def steps_first(self, input: Any) -> Any:
        """Return sequences as ``(steps, batch, ...)``, the order of the loop."""
        return input.dimshuffle(1, 0, *range(2, input.ndim))

    def clipped(self, x: Any) -> Any:
        """Return an expression whose gradient is clipped as the layer was told."""
        if not self.grad_clipping:
            return x
        bound = np.asarray(self.grad_clipping, dtype=x.type.dtype)
        return grad_clip(x, -bound, bound)

    def recur(
        self,
        step: Step,
        sequence: Any,
        inputs: Sequence[Any],
        states: Sequence[Any],
        weights: Sequence[Any] = (),
    ) -> Variable:
        """Return the first state after every step, or after the last one.

        Parameters
        ----------
        step : callable
            From the input of one step ``(batch, ...)`` and the states ``(batch,
            *state_shape)`` to the list of the new states.
        sequence : tensor, (steps, batch, ...)
        inputs : list of expressions
            What the layer's :meth:`get_output_for` was called with.
        states : sequence
            What :meth:`add_state` returned, in the order of `initial_states`.
        weights : sequence of tensor
            The parameters and expressions of parameters that `step` uses.
        """
        incoming = iter(inputs[1:])
        sequences = [sequence]
        if self.has_mask:
            sequences.append(pt.neq(next(incoming), 0).dimshuffle(1, 0))
        values = [next(incoming) if isinstance(state, Layer) else state for state in states]
        dtype = upcast(
            *(v.dtype for v in (sequence, *values, *weights) if v.dtype.startswith("float"))
        )
        start = [pt.cast(self._initial(value, sequence), dtype) for value in values]

        def guarded(x: Any, *rest: Any) -> list[Variable]:
            mask, previous = (rest[0], rest[1:]) if self.has_mask else (None, rest)
            previous = previous[: len(start)]  # the loop passes the weights, too
            new = step(x, *previous)
            self._refuse_running_averages(new)
            if mask is not None:
                mask = mask.dimshuffle(0, *"x" * len(self.state_shape))
                new = [pt.switch(mask, n, p) for n, p in zip(new, previous, strict=True)]
            return [pt.specify_shape(n, p.type.shape) for n, p in zip(new, previous, strict=True)]

        if self.unroll_scan:
            return self._unrolled(guarded, sequences, start)
        output, *_ = scan(
            guarded,
            sequences=sequences,
            outputs_info=start,
            non_sequences=unique(weights),
            go_backwards=self.backwards,
            truncate_gradient=self.gradient_steps,
            name=LOOP,
            return_list=True,
            return_updates=False,
        )
        if self.only_return_final:
            return output[-1]
        output = self.steps_first(output)
        return output[:, ::-1] if self.backwards else output

    def _initial(self, value: Any, sequence: Any) -> Variable:
        """Return an initial state with a row for every sequence of the batch."""
        static = sequence.type.shape[1]
        if _rows(value) == 1:
            batch = sequence.shape[1] if static is None else static
            value = pt.specify_broadcastable(value, 0)
            value = pt.alloc(value, batch, *self.state_shape)
        return pt.specify_shape(value, (static, *self.state_shape))

    def _unrolled(
        self, step: Step, sequences: Sequence[Any], states: Sequence[Variable]
    ) -> Variable:
        # One step is built and then copied, so that its random layers draw once for all
        # steps, as they do in the loop.
        inner = [variable.type() for variable in (*(s[0] for s in sequences), *states)]
        new = step(*inner)
        steps = self.input_shapes[0][1]
        outputs = []
        current = list(states)
        sequences = [pt.specify_shape(s, (steps, *s.type.shape[1:])) for s in sequences]
        for index in reversed(range(steps)) if self.backwards else range(steps):  # type: ignore
            given = [*(s[index] for s in sequences), *current]
            current = clone_replace(new, dict(zip(inner, given, strict=True)))
            outputs.append(current[0])
        if self.only_return_final:
            return outputs[-1]
        return pt.stack(outputs[::-1] if self.backwards else outputs, axis=1)

    def _refuse_running_averages(self, outputs: Sequence[Variable]) -> None:
        if any(hasattr(v.tag, "update_target") for v in collect_shared_vars(outputs)):
            raise ValueError(
                f"{type(self).__name__}: batch normalisation inside the recurrence cannot update "
                "its averages; call get_output() with batch_norm_update_averages=False, or "
                "normalise the input"
            )


def _rows(state: Any) -> int | None:
    """Return the number of an initial state's rows, as far as it is known; None for values."""
    if isinstance(state, SharedVariable):
        return np.shape(state.get_value(borrow=True))[0] if state.type.ndim else None
    if isinstance(state, Variable):
        return state.type.shape[0] if state.type.ndim else None
    return None
