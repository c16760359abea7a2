"""Layers that transform images geometrically, by parameters that another network computes.

Coordinates run from -1 (the first row or column) to 1 (the last), x before y, whatever the
size of the image. Pixels are interpolated bilinearly, so that gradients reach both the image
and the network that computes the parameters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import disconnected_grad
from pytensor.graph.basic import Variable

from lasagnette.layers.base import MergeLayer, Shape
from lasagnette.utils import as_tuple, cast_like

__all__ = ["TPSTransformerLayer", "TransformerLayer"]

BORDER_MODES = ("nearest", "mirror", "wrap")


class _ImageTransformer(MergeLayer):
    """What the transformers share: the checks, the output's size, the sampling.

    Subclasses define ``num_parameters`` and ``_points(parameters, rows, columns)``.
    """

    num_parameters: int

    def __init__(
        self,
        incoming: Any,
        localization_network: Any,
        downsample_factor: float | Sequence[float],
        border_mode: str,
        **kwargs: Any,
    ) -> None:
        super().__init__([incoming, localization_network], **kwargs)
        who = type(self).__name__
        self.downsample_factor = as_tuple(downsample_factor, 2)
        self.border_mode = border_mode
        image_shape, parameters_shape = self.input_shapes
        if len(image_shape) != 4:
            raise ValueError(
                f"{who}: the input must have 4 dimensions (batch, channels, rows, columns), "
                f"got shape {image_shape!r}"
            )
        if len(parameters_shape) != 2 or parameters_shape[1] != self.num_parameters:
            raise ValueError(
                f"{who}: the localization network must have output shape (batch, "
                f"{self.num_parameters}), got {parameters_shape!r}"
            )
        if border_mode not in BORDER_MODES:
            raise ValueError(
                f"{who}: border_mode must be one of {', '.join(BORDER_MODES)}, got {border_mode!r}"
            )
        if not all(factor > 0 for factor in self.downsample_factor):
            raise ValueError(
                f"{who}: downsample_factor must be positive, got {downsample_factor!r}"
            )

    def get_output_shape_for(self, input_shapes: Sequence[Shape]) -> Shape:
        batch, channels, *lengths = input_shapes[0]
        rows, columns = (
            None if length is None else int(length / factor)
            for length, factor in zip(lengths, self.downsample_factor, strict=True)
        )
        return batch, channels, rows, columns

    def get_output_for(self, inputs: Any, **kwargs: Any) -> Variable:  # type: ignore[override]
        images, parameters = inputs
        rows, columns = (
            pt.cast(images.shape[axis] / factor, "int64") if length is None else length
            for axis, length, factor in zip(
                (2, 3),
                self.get_output_shape_for([images.type.shape])[2:],
                self.downsample_factor,
                strict=True,
            )
        )
        points = self._points(parameters, rows, columns)
        return _sample(images, cast_like(points, images), rows, columns, self.border_mode)

    def _points(self, parameters: Any, rows: Any, columns: Any) -> Any:
        """Return where the output's pixels come from, ``(batch, 2, rows * columns)``."""
        raise NotImplementedError


class TransformerLayer(_ImageTransformer):
    """Spatial transformer: an affine transformation of images.

    Parameters
    ----------
    incoming : Layer or tuple
        Images ``(batch, channels, rows, columns)``.
    localization_network : Layer
        Its output ``(batch, 6)`` is the matrix ``(t1 t2 t3; t4 t5 t6)`` of every image: the
        output's pixel at (x, y) is the input's at (t1 x + t2 y + t3, t4 x + t5 y + t6). So t1
        and t5 zoom, t2 and t4 skew, t3 and t6 shift.
    downsample_factor : float or pair of float
        The output has the input's rows and columns divided by this, rounded down.
    border_mode : {'nearest', 'mirror', 'wrap'}
        What lies outside the image: its outermost pixels, its mirror image, or the image again.
    name : str, optional

    Raises
    ------
    ValueError
        If a shape or an argument breaks these rules.

    References
    ----------
    M. Jaderberg, K. Simonyan, A. Zisserman, K. Kavukcuoglu: Spatial transformer networks.
    NIPS 2015.

    Examples
    --------
    A localization network starts as the identity:

    >>> from lasagnette import init
    >>> from lasagnette.layers import DenseLayer, InputLayer
    >>> l_in = InputLayer((None, 3, 28, 28))
    >>> identity = np.array([1.0, 0, 0, 0, 1, 0])
    >>> l_loc = DenseLayer(l_in, 6, W=init.Constant(0), b=identity, nonlinearity=None)
    >>> TransformerLayer(l_in, l_loc, downsample_factor=2).output_shape
    (None, 3, 14, 14)
    """

    num_parameters = 6

    def __init__(
        self,
        incoming: Any,
        localization_network: Any,
        downsample_factor: float | Sequence[float] = 1,
        border_mode: str = "nearest",
        **kwargs: Any,
    ) -> None:
        super().__init__(incoming, localization_network, downsample_factor, border_mode, **kwargs)

    def _points(self, parameters: Any, rows: Any, columns: Any) -> Any:
        matrix = parameters.reshape((-1, 2, 3, 1))
        grid = _grid(rows, columns, parameters.dtype, pt)
        x, y = grid[0], grid[1]
        return matrix[:, :, 0] * x + matrix[:, :, 1] * y + matrix[:, :, 2]


class TPSTransformerLayer(_ImageTransformer):
    """Spatial transformer: a thin-plate spline through control points.

    Parameters
    ----------
    incoming : Layer or tuple
        Images ``(batch, channels, rows, columns)``.
    localization_network : Layer
        Its output ``(batch, 2 * control_points)`` is by how much every control point moves:
        first all x, then all y. Zeros are the identity.
    downsample_factor : float or pair of float
        The output has the input's rows and columns divided by this, rounded down.
    control_points : int
        A square number; the points form a regular grid over the image, row by row.
    precompute_grid : 'auto' or bool
        Whether to compute the spline's basis functions when the layer is made, which needs
        images of a known size; 'auto': if the size is known.
    border_mode : {'nearest', 'mirror', 'wrap'}
        What lies outside the image: its outermost pixels, its mirror image, or the image again.
    name : str, optional

    Raises
    ------
    ValueError
        If a shape or an argument breaks these rules.

    References
    ----------
    M. Jaderberg et al.: Spatial transformer networks. NIPS 2015. F. L. Bookstein: Principal
    warps: thin-plate splines and the decomposition of deformations. IEEE PAMI 11 (1989).

    Examples
    --------
    >>> TPSTransformerLayer((None, 3, 28, 28), (None, 32), control_points=16).output_shape
    (None, 3, 28, 28)
    """

    def __init__(
        self,
        incoming: Any,
        localization_network: Any,
        downsample_factor: float | Sequence[float] = 1,
        control_points: int = 16,
        precompute_grid: str | bool = "auto",
        border_mode: str = "nearest",
        **kwargs: Any,
    ) -> None:
        side = math.isqrt(control_points)
        if side < 2 or side**2 != control_points:
            raise ValueError(
                "TPSTransformerLayer: control_points must be a square number from 4 on, "
                f"got {control_points!r}"
            )
        self.control_points = control_points
        self.num_parameters = 2 * control_points
        super().__init__(incoming, localization_network, downsample_factor, border_mode, **kwargs)
        rows, columns = self.output_shape[2:]
        known = rows is not None and columns is not None
        if precompute_grid == "auto":
            precompute_grid = known
        elif precompute_grid and not known:
            raise ValueError(
                "TPSTransformerLayer: precompute_grid=True needs images of known size, got "
                f"{self.input_shapes[0]!r}"
            )
        self.precompute_grid = precompute_grid
        self.source_points = np.stack(
            [axis.ravel() for axis in np.meshgrid(*[np.linspace(-1, 1, side)] * 2)]
        )
        # Bookstein's L; the coefficients of a spline are its inverse times the displaced points.
        system = np.zeros((control_points + 3, control_points + 3))
        system[:, 3:] = _spline_basis(self.source_points, self.source_points, np)
        system[3:, :3] = system[:3, 3:].T
        self._solve = np.linalg.inv(system)[3:]
        self._basis = None
        if precompute_grid:
            self._basis = _spline_basis(_grid(rows, columns, "float64", np), self.source_points, np)

    def _points(self, parameters: Any, rows: Any, columns: Any) -> Any:
        basis = self._basis
        if basis is None:
            basis = _spline_basis(
                _grid(rows, columns, parameters.dtype, pt),
                cast_like(self.source_points, parameters),
                pt,
            )
        moved = parameters.reshape((-1, self.control_points))
        moved = moved.reshape((-1, 2, self.control_points)) + cast_like(
            self.source_points, parameters
        )
        coefficients = pt.dot(moved, cast_like(self._solve, parameters))
        return pt.dot(coefficients, cast_like(basis, parameters))


def _spline_basis(points: Any, centres: Any, xp: Any) -> Any:
    """Return 1, x, y and the radial functions of the centres at points, ``(3 + n, points)``.

    `xp` is the module to compute with, NumPy or ``pytensor.tensor``.
    """
    squared = ((points[None] - centres.T[:, :, None]) ** 2).sum(1)
    # r^2 log r^2, and 0 at the centres.
    radial = squared * xp.log(xp.maximum(squared, np.asarray(1e-30, dtype=squared.dtype)))
    return xp.concatenate([xp.ones_like(points[:1]), points, radial], axis=0)


def _grid(rows: Any, columns: Any, dtype: str, xp: Any) -> Any:
    """Return the coordinates x and y of an image's pixels, ``(2, rows * columns)``."""
    index = xp.arange(rows * columns, dtype="int64")

    def coordinate(index: Any, length: Any) -> Any:
        return index.astype(dtype) * 2 / xp.maximum(length - 1, 1).astype(dtype) - 1

    return xp.stack([coordinate(index % columns, columns), coordinate(index // columns, rows)])


def _sample(images: Any, points: Any, rows: Any, columns: Any, border_mode: str) -> Variable:
    """Return images that are interpolated at points, ``(batch, channels, rows, columns)``."""
    batch, channels, height, width = (images.shape[axis] for axis in range(4))
    x0, x1, x_weight = _neighbours(points[:, 0], width, border_mode)
    y0, y1, y_weight = _neighbours(points[:, 1], height, border_mode)
    pixels = images.dimshuffle(0, 2, 3, 1).reshape((batch * height * width, channels))
    first = (pt.arange(batch, dtype="int64") * height * width)[:, None]

    def at(y: Any, x: Any) -> Any:
        # Flat indices: every backend has a fast gather, and scatter, along one axis.
        found = pixels[(first + y * width + x).ravel()]
        return found.reshape((batch, rows, columns, channels))

    def weight(value: Any) -> Any:
        return value.reshape((batch, rows, columns, 1))

    upper = at(y0, x0) * weight(1 - x_weight) + at(y0, x1) * weight(x_weight)
    lower = at(y1, x0) * weight(1 - x_weight) + at(y1, x1) * weight(x_weight)
    sampled = upper * weight(1 - y_weight) + lower * weight(y_weight)
    return sampled.dimshuffle(0, 3, 1, 2)


def _neighbours(coordinate: Any, length: Any, border_mode: str) -> tuple[Any, Any, Any]:
    """Return the pixels before and after coordinates, and the weight of the one after."""
    position = (coordinate + 1) / 2 * cast_like(length - 1, coordinate)
    before = pt.floor(disconnected_grad(position))
    # Not even a NaN or a number beyond all integers may index outside the image.
    limit = cast_like(2.0**30, coordinate)
    index = pt.cast(pt.switch(pt.isnan(before), 0, pt.clip(before, -limit, limit)), "int64")
    return (
        _inside(index, length, border_mode),
        _inside(index + 1, length, border_mode),
        position - before,
    )


def _inside(index: Any, length: Any, border_mode: str) -> Any:
    if border_mode == "nearest":
        return pt.clip(index, 0, length - 1)
    if border_mode == "wrap":
        return index % length
    period = pt.maximum(2 * (length - 1), 1)
    index = index % period
    return pt.minimum(index, period - index)
