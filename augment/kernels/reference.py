"""The kernel in NumPy: what runs where no compiled one is, and what tests hold that to."""

from __future__ import annotations

import ctypes

import numpy as np

__all__ = ["cut"]

_FINE = 2  # samples per pixel of the crop, in each direction
_PARTS = 128  # parts of a pixel that places are rounded to


def cut(pictures: np.ndarray, maps: np.ndarray, side: int, out: np.ndarray) -> None:
    """See `augment.kernels.cut`."""
    fine = _FINE * side
    # exactly symmetric, so that mirroring is a change of signs
    steps = np.arange(1 - fine, fine, 2) / (2 * fine)
    for crop, (address, rows, columns), (x0, xu, xv, y0, yu, yv) in zip(
        out, pictures.tolist(), maps.tolist(), strict=True
    ):
        image = _view(address, rows, columns)
        if xv == 0 and yu == 0:
            x, y = _places(x0 + xu * steps, columns), _places(y0 + yv * steps, rows)
            sums = _upright_sums(image, x, y)
        else:
            u, v = steps, steps[:, None]
            x = _places(x0 + xu * u + xv * v, columns)
            y = _places(y0 + yu * u + yv * v, rows)
            sums = _turned_sums(image, x, y)
        whole = (_FINE * _PARTS) ** 2
        crop[:] = ((sums + whole // 2) // whole).transpose(2, 0, 1)


def _view(address: int, rows: int, columns: int) -> np.ndarray:
    memory = (ctypes.c_uint8 * (rows * columns * 3)).from_address(address)
    return np.frombuffer(memoryview(memory), np.uint8).reshape(rows, columns, 3)


def _places(positions: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Indices of the two pixels around each position, and the second's weight in parts."""
    positions = np.clip(positions, 0, length - 1)
    at = positions.astype(np.int64)
    parts = ((positions - at) * _PARTS + 0.5).astype(np.int64)
    return at, np.minimum(at + 1, length - 1), parts


def _upright_sums(image, x, y) -> np.ndarray:
    """Weighted sums ``(side, side, 3)``: first over rows, then over columns."""
    left, right, parts = x
    low, high = left.min(), right.max() + 1
    lines = _sum_pairs(image[:, low:high], *y)
    return _sum_pairs(lines.transpose(1, 0, 2), left - low, right - low, parts).transpose(1, 0, 2)


def _sum_pairs(lines, first, second, parts) -> np.ndarray:
    """For every pixel of the crop the sum of two samples' lines, int32 ``(side, ...)``."""
    total = np.zeros((), np.int32)
    for half in range(_FINE):
        weights = parts[half::_FINE, None, None].astype(np.int32)
        total = total + lines[first[half::_FINE]] * (_PARTS - weights)
        total += lines[second[half::_FINE]] * weights
    return total


def _turned_sums(image, x, y) -> np.ndarray:
    """Weighted sums ``(side, side, 3)``: every sample is read by itself."""
    left, right, across = x
    above, below, down = y
    across, down = across[..., None].astype(np.int32), down[..., None].astype(np.int32)
    samples = (_PARTS - down) * (
        (_PARTS - across) * image[above, left] + across * image[above, right]
    )
    samples += down * ((_PARTS - across) * image[below, left] + across * image[below, right])
    side = len(left) // _FINE
    return samples.reshape(side, _FINE, side, _FINE, 3).sum(axis=(1, 3))
