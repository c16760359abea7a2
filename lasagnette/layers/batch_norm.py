"""Batch normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from lasagnette import init, ops
from lasagnette.layers.axes import axes_or_auto, expand
from lasagnette.layers.base import Layer
from lasagnette.utils import carry_update, cast_like

__all__ = ["BatchNormLayer"]


class BatchNormLayer(Layer):
    """Bring the input to mean 0 and variance 1, then scale and shift it.

    .. math:: y = \\frac{x - \\mu}{\\sqrt{\\sigma^2 + \\epsilon}} \\gamma + \\beta

    While training, the statistics are those of the batch; for ``deterministic=True``, running
    averages that training gathered.

    Parameters
    ----------
    incoming : Layer or tuple
    axes : 'auto', int or tuple of int
        Axes to normalise over; 'auto': all but the second, so that every unit or channel has
        its own statistics.
    epsilon : float
        Added to the variance.
    alpha : float
        Weight of the batch in the running averages, from 0 to 1.
    beta, gamma : number, array, callable, shared variable, expression or None
        Shift and scale, of the input's shape without `axes`; None leaves them out.
    mean, inv_std : number, array, callable or shared variable
        Running averages of the mean and of the inverse deviation
        ``1 / sqrt(variance + epsilon)``, tagged ``batch_norm_stat`` and neither trainable nor
        regularizable.
    name : str, optional

    Raises
    ------
    ValueError
        If an axis is not one of the input, or a length along the other axes is not known.

    Notes
    -----
    The output expression carries the updates of the averages: every function that computes
    it advances them, unless it is deterministic; :func:`get_updates` returns them for
    explicit use. :func:`get_output` takes ``batch_norm_use_averages`` (default:
    `deterministic`) and ``batch_norm_update_averages`` (default: not `deterministic`) to
    choose otherwise, for instance to train on with frozen averages. Where one function
    computes several outputs of a layer, the averages follow the last one.

    References
    ----------
    S. Ioffe, C. Szegedy: Batch normalization: accelerating deep network training by reducing
    internal covariate shift. ICML 2015.

    Examples
    --------
    >>> BatchNormLayer((None, 64, 24, 24)).mean.get_value().shape
    (64,)
    """

    def __init__(
        self,
        incoming: Any,
        axes: str | int | Sequence[int] = "auto",
        epsilon: float = 1e-4,
        alpha: Any = 0.1,
        beta: Any = init.Constant(0),  # noqa: B008 (initializers have no state)
        gamma: Any = init.Constant(1),  # noqa: B008
        mean: Any = init.Constant(0),  # noqa: B008
        inv_std: Any = init.Constant(1),  # noqa: B008
        **kwargs: Any,
    ) -> None:
        super().__init__(incoming, **kwargs)
        self.axes = axes_or_auto(self, axes)
        self.epsilon = epsilon
        self.alpha = alpha
        shape = [s for axis, s in enumerate(self.input_shape) if axis not in self.axes]
        if None in shape:
            raise ValueError(
                "BatchNormLayer needs specified input sizes for all axes that are not normalized "
                f"over, got {self.input_shape!r} and axes {self.axes!r}"
            )
        self.beta = self.gamma = None
        if beta is not None:
            self.beta = self.add_param(beta, shape, "beta", regularizable=False)
        if gamma is not None:
            self.gamma = self.add_param(gamma, shape, "gamma")
        fixed = {"trainable": False, "regularizable": False, "batch_norm_stat": True}
        self.mean = self.add_param(mean, shape, "mean", **fixed)
        self.inv_std = self.add_param(inv_std, shape, "inv_std", **fixed)

    def get_output_for(
        self,
        input: Any,
        deterministic: bool = False,
        batch_norm_use_averages: bool | None = None,
        batch_norm_update_averages: bool | None = None,
        **kwargs: Any,
    ) -> Variable:
        use = deterministic if batch_norm_use_averages is None else batch_norm_use_averages
        update = (
            not deterministic if batch_norm_update_averages is None else batch_norm_update_averages
        )
        mean, inv_std = self.mean, self.inv_std
        if update or not use:
            batch_mean, batch_inv_std = self._statistics(input)
            if not use:
                mean, inv_std = batch_mean, batch_inv_std
            if update:
                mean = carry_update(mean, self.mean, self._average(self.mean, batch_mean))
                inv_std = carry_update(
                    inv_std, self.inv_std, self._average(self.inv_std, batch_inv_std)
                )
        if self._by_channel(input):
            gamma = pt.ones_like(self.mean) if self.gamma is None else self.gamma
            beta = pt.zeros_like(self.mean) if self.beta is None else self.beta
            return ops.normalize(input, gamma, beta, mean, inv_std, of_batch=not use)
        scale = inv_std if self.gamma is None else self.gamma * inv_std
        output = (input - self._expand(mean, input)) * self._expand(scale, input)
        if self.beta is not None:
            output = output + self._expand(self.beta, input)
        return output

    def _by_channel(self, input: Any) -> bool:
        """Whether the library's own Ops can do it: over all axes but the second, in one type."""
        given = [
            v for v in (input, self.mean, self.inv_std, self.gamma, self.beta) if v is not None
        ]
        dtypes = {v.type.dtype for v in given}
        return self.axes == (0, *range(2, input.ndim)) and dtypes in ({"float32"}, {"float64"})

    def _statistics(self, input: Any) -> tuple[Any, Any]:
        if self._by_channel(input):
            mean, variance = ops.batch_statistics(input)
        else:
            mean = input.mean(self.axes)
            variance = pt.sqr(input - self._expand(mean, input)).mean(self.axes)
        return mean, 1 / pt.sqrt(variance + cast_like(self.epsilon, variance))

    def _average(self, running: Any, batch: Any) -> Variable:
        alpha = cast_like(self.alpha, running)
        return (1 - alpha) * running + alpha * cast_like(batch, running)

    def _expand(self, parameter: Any, input: Any) -> Any:
        return expand(parameter, self.axes, input.ndim)
