"""Nets for the tests of the cascade: of random weights, and of plain functions of the crops."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from cascade.bundle import Net
from lasagnette.layers import get_all_params
from nets import registry
from nets.folding import fold
from nets.scaling import Scaling

__all__ = ["answering", "confident", "contrast", "labels", "picture", "random_net"]


class _Answering:
    """Stands in the place of a plan."""

    def __init__(self, side: int, classes: int, function: Callable[[NDArray], NDArray]) -> None:
        self.side, self.classes, self.function = side, classes, function

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        return self.function(batch).astype(np.float32).reshape(len(batch), self.classes)


def answering(name: str, side: int, classes: int, function: Callable[[NDArray], NDArray]) -> Net:
    """A net whose logits are a function of the scaled crops."""
    return Net(name, _Answering(side, classes, function), Scaling())  # type: ignore[arg-type]


def random_net(name: str, seed: int, gain: float = 1.0) -> Net:
    """A folded net of random weights; a larger `gain` makes it surer."""
    layer = registry.build(name)
    rng = np.random.default_rng(seed)
    for parameter in get_all_params(layer):
        value = parameter.get_value()
        fan_in = value[0].size if value.ndim > 2 else len(value)
        weights = rng.normal(size=value.shape) * (2 / fan_in) ** 0.5
        last = (parameter.name or "").startswith("output")
        parameter.set_value((weights * (gain if last else 1)).astype("f"))
    return Net(name, fold(layer), Scaling(), {"seed": seed})


def picture(seed: int, rows: int = 90, columns: int = 120) -> NDArray[np.uint8]:
    """A smooth picture of random colours."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(small, (columns, rows)), np.uint8)


def contrast(batch: NDArray[np.float32]) -> NDArray:
    """Logits that depend on each crop alone, bit by bit the same in any batch."""
    face = np.array([crop.std(dtype=np.float64) * 8 - 3 for crop in batch])
    return np.stack([-face, face], axis=1)


def labels(batch: NDArray[np.float32]) -> NDArray[np.intp]:
    """The number that each crop is filled with."""
    return np.rint(batch[:, 0, 0, 0] * 127.5 + 127.5).astype(np.intp)


def confident(batch: NDArray[np.float32]) -> NDArray:
    """Logits of a calibration net that is sure of the class that each crop is filled with."""
    return np.where(labels(batch)[:, None] == np.arange(45), 200.0, 0.0)
