"""Initializers of parameters.

An initializer is called with a shape and returns an array of dtype ``floatX``, drawn from
:func:`lasagnette.random.get_rng`.

>>> from lasagnette.layers import DenseLayer
>>> from lasagnette.init import Constant, GlorotUniform
>>> l1 = DenseLayer((100, 20), num_units=50, W=GlorotUniform("relu"), b=Constant(0.0))
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from lasagnette.random import get_rng
from lasagnette.utils import floatX, repr_of_call

__all__ = [
    "Constant",
    "Glorot",
    "GlorotNormal",
    "GlorotUniform",
    "He",
    "HeNormal",
    "HeUniform",
    "Initializer",
    "Normal",
    "Orthogonal",
    "Sparse",
    "Uniform",
]

Shape = tuple[int, ...]


def _gain(gain: float | str) -> float:
    """Return the number that `gain` stands for ('relu' is the square root of two)."""
    if isinstance(gain, str):
        if gain != "relu":
            raise ValueError(f"gain must be a number or 'relu', got {gain!r}")
        return float(np.sqrt(2))
    return gain


def _require_matrix(who: object, shape: Shape) -> None:
    if len(shape) < 2:
        raise RuntimeError(
            f"{type(who).__name__} needs a shape of two dimensions or more, got {shape!r}"
        )


def _require_c01b(who: object, shape: Shape) -> None:
    if len(shape) != 4:
        raise RuntimeError(
            f"{type(who).__name__}: c01b=True needs a shape of four dimensions, got {shape!r}"
        )


class Initializer:
    """Base class: subclasses define :meth:`sample`."""

    def __call__(self, shape: Shape) -> np.ndarray:
        """Return :meth:`sample` of `shape`."""
        return self.sample(shape)

    def sample(self, shape: Shape) -> np.ndarray:
        """Return an array of the given shape and of dtype ``floatX``."""
        raise NotImplementedError

    def __repr__(self) -> str:
        """Return the call that makes the initializer, as far as its attributes tell it."""
        return repr_of_call(self)


class Normal(Initializer):
    """Draw from the normal distribution N(mean, std).

    Parameters
    ----------
    std, mean : float
    """

    def __init__(self, std: float = 0.01, mean: float = 0.0) -> None:
        self.std = std
        self.mean = mean

    def sample(self, shape: Shape) -> np.ndarray:
        return floatX(get_rng().normal(self.mean, self.std, size=shape))


class Uniform(Initializer):
    """Draw from the uniform distribution.

    Parameters
    ----------
    range : float or pair of float
        A number stands for the interval from ``-range`` to ``range``.
    std : float, optional
        Draw around `mean` with this standard deviation instead; `range` is ignored then.
    mean : float
        Used with `std` only.
    """

    def __init__(
        self,
        range: float | tuple[float, float] = 0.01,
        std: float | None = None,
        mean: float = 0.0,
    ) -> None:
        if std is not None:
            half = float(np.sqrt(3)) * std
            self.range = (mean - half, mean + half)
        elif isinstance(range, tuple):
            self.range = range
        else:
            self.range = (-range, range)

    def sample(self, shape: Shape) -> np.ndarray:
        return floatX(get_rng().uniform(*self.range, size=shape))

    def __repr__(self) -> str:
        low, high = self.range
        return repr_of_call(self, range=high if low == -high else self.range)


class Glorot(Initializer):
    """Weights with the deviation ``gain * sqrt(2 / ((n1 + n2) * field))``.

    ``n1`` and ``n2`` are the first two lengths of the shape, ``field`` the product of the
    others (a filter's rows times columns).

    Parameters
    ----------
    initializer : Initializer class
        Called with ``std=``; :class:`Normal` or :class:`Uniform`.
    gain : float or 'relu'
        1 for linear and sigmoid units, 'relu' (the square root of 2) for rectifiers.
    c01b : bool
        Whether filter banks are ``(channels, rows, columns, filters)`` instead of
        ``(filters, channels, rows, columns)``.

    Raises
    ------
    RuntimeError
        On sampling, for a shape of one dimension, or not of four with ``c01b=True``.

    References
    ----------
    X. Glorot, Y. Bengio: Understanding the difficulty of training deep feedforward neural
    networks. AISTATS 2010.
    """

    def __init__(
        self,
        initializer: Callable[..., Initializer],
        gain: float | str = 1.0,
        c01b: bool = False,
    ) -> None:
        self.initializer = initializer
        self.gain = _gain(gain)
        self.c01b = c01b

    def sample(self, shape: Shape) -> np.ndarray:
        if self.c01b:
            _require_c01b(self, shape)
            n1, field, n2 = shape[0], math.prod(shape[1:3]), shape[3]
        else:
            _require_matrix(self, shape)
            n1, n2, field = shape[0], shape[1], math.prod(shape[2:])
        std = self.gain * np.sqrt(2.0 / ((n1 + n2) * field))
        return self.initializer(std=std).sample(shape)


class GlorotNormal(Glorot):
    """:class:`Glorot` with normally distributed weights."""

    def __init__(self, gain: float | str = 1.0, c01b: bool = False) -> None:
        super().__init__(Normal, gain, c01b)


class GlorotUniform(Glorot):
    """:class:`Glorot` with uniformly distributed weights."""

    def __init__(self, gain: float | str = 1.0, c01b: bool = False) -> None:
        super().__init__(Uniform, gain, c01b)


class He(Initializer):
    """Weights with the deviation ``gain * sqrt(1 / fan_in)``.

    ``fan_in`` is the first length of a matrix, the product of all but the first length of a
    filter bank.

    Parameters
    ----------
    initializer : Initializer class
        Called with ``std=``; :class:`Normal` or :class:`Uniform`.
    gain : float or 'relu'
        1 for linear and sigmoid units, 'relu' (the square root of 2) for rectifiers.
    c01b : bool
        Whether filter banks are ``(channels, rows, columns, filters)`` instead of
        ``(filters, channels, rows, columns)``.

    Raises
    ------
    RuntimeError
        On sampling, for a shape of one dimension, or not of four with ``c01b=True``.

    References
    ----------
    K. He, X. Zhang, S. Ren, J. Sun: Delving deep into rectifiers. ICCV 2015.
    """

    def __init__(
        self,
        initializer: Callable[..., Initializer],
        gain: float | str = 1.0,
        c01b: bool = False,
    ) -> None:
        self.initializer = initializer
        self.gain = _gain(gain)
        self.c01b = c01b

    def sample(self, shape: Shape) -> np.ndarray:
        if self.c01b:
            _require_c01b(self, shape)
            fan_in = math.prod(shape[:3])
        else:
            _require_matrix(self, shape)
            fan_in = shape[0] if len(shape) == 2 else math.prod(shape[1:])
        return self.initializer(std=self.gain * np.sqrt(1.0 / fan_in)).sample(shape)


class HeNormal(He):
    """:class:`He` with normally distributed weights."""

    def __init__(self, gain: float | str = 1.0, c01b: bool = False) -> None:
        super().__init__(Normal, gain, c01b)


class HeUniform(He):
    """:class:`He` with uniformly distributed weights."""

    def __init__(self, gain: float | str = 1.0, c01b: bool = False) -> None:
        super().__init__(Uniform, gain, c01b)


class Constant(Initializer):
    """Fill with one value.

    Parameters
    ----------
    val : float
    """

    def __init__(self, val: float = 0.0) -> None:
        self.val = val

    def sample(self, shape: Shape) -> np.ndarray:
        return np.full(shape, floatX(self.val))


class Sparse(Initializer):
    """A matrix in which every column has the same number of nonzero entries.

    Parameters
    ----------
    sparsity : float
        Fraction of nonzero entries per column.
    std : float
        Deviation of the nonzero entries, drawn from N(0, std).
    """

    def __init__(self, sparsity: float = 0.1, std: float = 0.01) -> None:
        self.sparsity = sparsity
        self.std = std

    def sample(self, shape: Shape) -> np.ndarray:
        if len(shape) != 2:
            raise RuntimeError(f"Sparse needs a shape of two dimensions, got {shape!r}")
        n_inputs, n_outputs = shape
        size = int(self.sparsity * n_inputs)
        rng = get_rng()
        rows = np.argsort(rng.random((n_inputs, n_outputs)), axis=0)[:size]
        weights = np.zeros(shape)
        weights[rows, np.arange(n_outputs)] = rng.normal(0.0, self.std, (size, n_outputs))
        return floatX(weights)


class Orthogonal(Initializer):
    """Orthonormal rows or columns, whichever are fewer, times `gain`.

    A filter bank is orthogonal as the matrix whose rows are the flattened filters.

    Parameters
    ----------
    gain : float or 'relu'
        1 for linear and sigmoid units, 'relu' (the square root of 2) for rectifiers.

    References
    ----------
    A. Saxe, J. McClelland, S. Ganguli: Exact solutions to the nonlinear dynamics of learning
    in deep linear neural networks. ICLR 2014.
    """

    def __init__(self, gain: float | str = 1.0) -> None:
        self.gain = _gain(gain)

    def sample(self, shape: Shape) -> np.ndarray:
        _require_matrix(self, shape)
        flat = (shape[0], int(np.prod(shape[1:])))
        u, _, v = np.linalg.svd(get_rng().normal(0.0, 1.0, flat), full_matrices=False)
        q = u if u.shape == flat else v
        return floatX(self.gain * q.reshape(shape))
