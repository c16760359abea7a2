"""All windows of a level through the first net.

Neighbouring windows share most of their pixels: the compiled kernel (`cascade.kernels`) evaluates a
level without cutting one. Without it, windows are cut and evaluated as batches, which is what the
kernel's results equal.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from cascade import kernels
from cascade.windows import Level, count_windows, offsets
from nets.plan import Plan
from nets.scaling import Scaling

__all__ = ["Sweep"]

_BATCH = 1024  # windows that are cut at once
_PADDING = 16  # the kernel takes filters and units in multiples of this


class Sweep:
    """A first-stage net evaluated on all windows of a level.

    Parameters
    ----------
    plan : Plan
        The net: a convolution with relu and 2x2 max-pooling, then dense layers.
    scaling : Scaling
        What turns pixels into the net's input.

    Attributes
    ----------
    side : int
        Side of a window in the level's pixels.

    Raises
    ------
    ValueError
        If the net has another shape.
    """

    def __init__(self, plan: Plan, scaling: Scaling):
        first, *rest = plan.steps
        swept = first.operation == "conv" and first.pool and first.relu and plan.side % 2 == 0
        if not swept or not rest or any(step.operation != "dense" for step in rest):
            raise ValueError(
                "a sweep evaluates a convolution with relu and 2x2 pooling on an even side, then "
                f"dense layers; got {plan.steps!r} on side {plan.side}"
            )
        taps = plan.weights(first)[0].shape[2]
        if taps > plan.side // 2:
            raise ValueError(
                f"a sweep's filters reach over at most half of the input's {plan.side} pixels; "
                f"got {taps}"
            )
        self.side = plan.side
        self._plan, self._scaling = plan, scaling
        self._shape, self._weights = _packed(plan)

    def logits(self, image: NDArray[np.uint8], stride: int) -> NDArray[np.float32]:
        """Evaluate the net on every window.

        Parameters
        ----------
        image : uint8 array (3, rows, columns)
            A level of the pyramid.
        stride : int
            Step of the windows in pixels, even (the pooling's cells are 2 pixels wide).

        Returns
        -------
        float32 array (windows, classes)
            In the order of `cascade.windows.windows_of_level`.

        Raises
        ------
        ValueError
            If `stride` is not a positive even number.
        """
        if stride < 2 or stride % 2:
            raise ValueError(f"a sweep's stride must be a positive even number; got {stride!r}")
        level = Level(image.shape[1], image.shape[2], scale=1, side=self.side)
        out = np.empty((count_windows([level], stride), self._plan.classes), np.float32)
        sweep = kernels.compiled_sweep()
        if sweep is not None:
            sweep(image, stride, self._scaling, self._shape, self._weights, out)
        elif len(out):
            rows, columns = (offsets(length, self.side, stride) for length in image.shape[1:])
            y, x = (places.ravel() for places in np.meshgrid(rows, columns, indexing="ij"))
            windows = sliding_window_view(image, (self.side, self.side), axis=(1, 2))
            for start in range(0, len(out), _BATCH):
                part = slice(start, start + _BATCH)
                batch = windows[:, y[part], x[part]].swapaxes(0, 1)
                out[part] = self._plan(self._scaling.apply(batch))
        return out


def _packed(plan: Plan) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The net as the kernel takes it.

    Returns
    -------
    shape : int64 array
        Side, taps, filters, number of dense layers; for each of these units and relu (0 or 1).
    weights : float32 array
        The filters, (taps, taps, 3, filters), and their bias; then for each dense layer its
        weights, (inputs, units), and bias. Filters and units are padded with zeros, and the first
        dense layer's inputs are (rows of cells, columns of cells, filters).
    """
    first, *rest = plan.steps
    filters, bias = plan.weights(first)
    shape = [plan.side, filters.shape[2], len(filters), len(rest)]
    arrays = [_padded(filters.transpose(2, 3, 1, 0)), _padded(bias)]
    for number, step in enumerate(rest):
        weights, bias = plan.weights(step)
        if number == 0:
            cells = plan.side // 2
            by_cell = weights.reshape(len(filters), cells, cells, -1).transpose(1, 2, 3, 0)
            weights = _padded(by_cell).swapaxes(2, 3)
        shape += [len(bias), int(step.relu)]
        arrays += [_padded(weights), _padded(bias)]
    return np.array(shape, np.int64), np.concatenate([array.ravel() for array in arrays])


def _padded(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """Fill the last axis with zeros."""
    missing = -array.shape[-1] % _PADDING
    return np.pad(array, [(0, 0)] * (array.ndim - 1) + [(0, missing)])
