"""All windows of a level through the first net without cutting one.

Neighbouring windows share most of their pixels, so their convolutions are computed once for the
whole level. Two things keep the result equal to that of the windows:

*The border.* A window is padded with zeros before its convolution, a level is not: inside it
lie the neighbour's pixels. A zero outside the window is the same as a zero in the filter. So the
window's outer rows and columns are computed a second time with filters that lack their outer
taps, on every `stride`-th row or column only. After pooling there are four kinds of cells: middle
cells, from plain filters; cells of an edge row, an edge column, or both, in which some filters
were cut.

*The dense layer* takes the pooled cells of a window: it is a correlation over the pooled maps,
with half the windows' stride. Its weights are split by the kind of cell, and the four results
are added.

The windows flush with the right and bottom border lie off the stride's grid: they are cut and
evaluated as a batch, and so are all windows of a small level.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from cascade.windows import offsets
from lasagnette.ops import kernels
from nets.plan import Plan
from nets.scaling import Scaling

__all__ = ["Sweep"]

_FEW = 150  # windows up to which cutting them is faster than the many small steps of a sweep
_BAND = 1 << 16  # pixels of a level that are swept at once, to keep its maps in the cache


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
        self._net = _first_net(plan)
        self._scaling = scaling
        self.side = self._net.side

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
        rows, columns = (offsets(length, self.side, stride) for length in image.shape[1:])
        if len(rows) * len(columns) <= _FEW:
            return self._cut(image, *_pairs(rows, columns))
        regular = [int(np.sum(np.arange(len(o)) * stride == o)) for o in (rows, columns)]
        classes = len(self._net.dense[-1].bias)
        out = np.empty((len(rows), len(columns), classes), np.float32)
        width = (regular[1] - 1) * stride + self.side
        band = max(8, _BAND // width // stride)
        for first in range(0, regular[0], band):
            count = min(band, regular[0] - first)
            height = (count - 1) * stride + self.side
            part = image[:, first * stride : first * stride + height, :width]
            out[first : first + count, : regular[1]] = self._sweep(part, stride)
        flush = np.ones(out.shape[:2], bool)
        flush[: regular[0], : regular[1]] = False
        at = np.nonzero(flush)
        out[at] = self._cut(image, rows[at[0]], columns[at[1]])
        return out.reshape(-1, classes)

    def _cut(self, image, rows, columns) -> NDArray[np.float32]:
        """Evaluate windows at any places as a batch."""
        net = self._net
        if not len(rows):
            return np.empty((0, len(net.dense[-1].bias)), np.float32)
        windows = sliding_window_view(image, (self.side, self.side), axis=(1, 2))
        batch = self._scaling.apply(windows[:, rows, columns].swapaxes(0, 1))
        k = net.filters.shape[2] // 2
        maps = kernels.conv2d(batch, net.filters, net.bias, pad=(k, k, k, k), relu=True)
        values = kernels.max_pool(maps, (2, 2), (2, 2)).reshape(len(batch), -1)
        for dense in net.dense:
            values = _relu(values @ dense.weights + dense.bias, dense.relu)
        return values

    def _sweep(self, image, stride: int) -> NDArray[np.float32]:
        """Evaluate the windows on the stride's grid, which the image ends with."""
        net = self._net
        x = self._scaling.apply(np.ascontiguousarray(image))[None]
        maps = _Maps(net, x, stride)
        first = net.dense[0]
        values = maps.correlate(first.weights) + first.bias[:, None, None]
        units, rows, columns = values.shape
        values = _relu(values, first.relu).reshape(units, -1).T
        for dense in net.dense[1:]:
            values = _relu(values @ dense.weights + dense.bias, dense.relu)
        return values.reshape(rows, columns, -1)


@dataclass
class _Dense:
    """A dense layer: weights (inputs, units), bias (units,)."""

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    relu: bool


@dataclass
class _FirstNet:
    """The arrays of a net that can be swept: filters (filters, 3, k, k), correlated, k odd."""

    side: int
    filters: NDArray[np.float32]
    bias: NDArray[np.float32]
    dense: list[_Dense]


def _first_net(plan: Plan) -> _FirstNet:
    first, *rest = plan.steps
    swept = first.operation == "conv" and first.pool and first.relu and plan.side % 2 == 0
    if not swept or not rest or any(step.operation != "dense" for step in rest):
        raise ValueError(
            "a sweep evaluates a convolution with relu and 2x2 pooling on an even side, then "
            f"dense layers; got {plan.steps!r} on side {plan.side}"
        )
    filters, bias = plan.weights(first)
    if filters.shape[2] > plan.side // 2:
        raise ValueError(
            f"a sweep's filters reach over at most half of the input's {plan.side} pixels; "
            f"got {filters.shape[2]}"
        )
    return _FirstNet(
        plan.side, filters, bias, [_Dense(*plan.weights(step), step.relu) for step in rest]
    )


class _Maps:
    """The pooled maps of a level whose windows lie on the stride's grid from its corner on.

    A place is a row or column of cells inside a window; None stands for all rows or columns of
    the level, where the windows' places are the same for all of them.
    """

    def __init__(self, net: _FirstNet, x: NDArray[np.float32], stride: int):
        self.net = net
        self.x = x
        self.stride = stride
        self.counts = [(length - net.side) // stride + 1 for length in x.shape[2:]]
        self.pad = net.filters.shape[2] // 2
        self.cells = net.side // 2
        self.edge = (self.pad + 1) // 2  # pooled cells on each side that see the border
        self._convolved: dict[tuple[int | None, int | None], NDArray] = {}

    def correlate(self, weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """Apply a dense layer's weights (inputs, units) to every window: (units, rows, columns)."""
        edge, cells, step = self.edge, self.cells, self.stride // 2
        middle = slice(edge, cells - edge)
        edges = [*range(edge), *range(cells - edge, cells)]
        w = weights.reshape(-1, cells, cells, weights.shape[1]).transpose(3, 0, 1, 2)

        def add(maps: Sequence, filters: Sequence, stride: tuple[int, int]):
            x, f = np.concatenate(maps), np.concatenate(filters, axis=1)
            rows, columns = (
                (count - 1) * by + length
                for count, by, length in zip(self.counts, stride, f.shape[2:], strict=True)
            )
            return kernels.conv2d(x[None, :, :rows, :columns], f, stride=stride)[0]

        inner = self._pooled(None, None)[:, edge:, edge:]
        total = add([inner], [w[:, :, middle, middle]], (step, step))
        if not edges:  # 1x1 filters
            return total
        total += add(
            [self._pooled(r, None)[:, :, edge:] for r in edges],
            [w[:, :, r : r + 1, middle] for r in edges],
            (1, step),
        )
        total += add(
            [self._pooled(None, c)[:, edge:] for c in edges],
            [w[:, :, middle, c : c + 1] for c in edges],
            (step, 1),
        )
        corners = [(r, c) for r in edges for c in edges]
        total += add(
            [self._pooled(r, c) for r, c in corners],
            [w[:, :, r : r + 1, c : c + 1] for r, c in corners],
            (1, 1),
        )
        return total

    def _pooled(self, row: int | None, column: int | None) -> NDArray:
        """Pooled cells at a place of every window, or everywhere."""
        if row is None and column is None:
            return kernels.max_pool(self._convolution(None, None)[None], (2, 2), (2, 2))[0]
        tops = (None,) if row is None else (2 * row, 2 * row + 1)
        lefts = (None,) if column is None else (2 * column, 2 * column + 1)
        best = _largest([self._cells(top, left) for top in tops for left in lefts])
        if row is None:
            best = np.maximum(best[:, ::2], best[:, 1::2])
        if column is None:
            best = np.maximum(best[:, :, ::2], best[:, :, 1::2])
        return best

    def _cells(self, row: int | None, column: int | None) -> NDArray:
        """Convolved cells at a place of every window, or everywhere."""
        cut = [place if self._taps(place) else None for place in (row, column)]
        maps = self._convolution(*cut)
        for axis, place in enumerate((row, column)):
            if place is not None and cut[axis] is None:
                stop = place + (self.counts[axis] - 1) * self.stride + 1
                maps = maps[(slice(None),) * (1 + axis) + (slice(place, stop, self.stride),)]
        return maps

    def _taps(self, place: int | None) -> tuple[int, int] | None:
        """The filter's taps that lie inside the window, where some do not."""
        if place is None or self.pad <= place < self.net.side - self.pad:
            return None
        size = 2 * self.pad + 1
        return max(0, self.pad - place), min(size, self.net.side - place + self.pad)

    def _convolution(self, row: int | None, column: int | None) -> NDArray:
        """Convolve the level, or only an edge place of every window with the taps inside it."""
        if (row, column) not in self._convolved:
            x, filters = self.x, self.net.filters
            pad = [self.pad] * 4
            for axis, place in ((2, row), (3, column)):
                taps = self._taps(place)
                if place is not None and taps is not None:
                    x, filters = self._gathered(x, filters, axis, place, taps)
                    pad[2 * axis - 4 : 2 * axis - 2] = 0, 0
            self._convolved[row, column] = kernels.conv2d(
                x, filters, self.net.bias, pad=tuple(pad), relu=True
            )[0]
        return self._convolved[row, column]

    def _gathered(self, x, filters, axis: int, place: int, taps: tuple[int, int]):
        """Put the pixels under each tap of an edge place into channels of their own.

        What is left is a convolution without a stride along this axis, over the few pixels that
        the windows' edges need.
        """
        low, high = taps
        start = place - self.pad
        stop = start + (self.counts[axis - 2] - 1) * self.stride + 1
        before = (slice(None),) * axis
        pixels = [
            x[(*before, slice(start + tap, stop + tap, self.stride))] for tap in range(low, high)
        ]
        weights = [filters[(*before, slice(tap, tap + 1))] for tap in range(low, high)]
        return np.concatenate(pixels, axis=1), np.concatenate(weights, axis=1)


def _pairs(rows, columns):
    y, x = np.meshgrid(rows, columns, indexing="ij")
    return y.ravel(), x.ravel()


def _relu(values, apply: bool):
    return np.maximum(values, 0) if apply else values


def _largest(arrays):
    best = arrays[0]
    for array in arrays[1:]:
        best = np.maximum(best, array)
    return best
