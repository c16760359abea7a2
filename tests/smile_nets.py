"""A smiley net and a detector that tests can see through: grey levels and grey squares.

The net's smiley is the grey level of its crop, from dark, class 0, to white, class 16. A face is a
square brighter than a black background; its box is the middle half, so that all squares of a vote
lie inside.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from augment.datasets.smileys import SMILEYS
from cascade import smiles
from cascade.detector import Detection
from cascade.smiles import SmileNet
from nets.plan import INPUT, Plan, Step
from nets.scaling import Scaling

__all__ = ["SquareDetector", "faces_on_black", "grey_net", "grey_of", "noisy_net", "smile_file"]

CLASSES = len(SMILEYS)
_PIXELS = 3 * 48 * 48
_DARKEST, _STEP = 48, 207 / 16  # grey level of class 0, and between two classes


def grey_net(sure: float = 2.0) -> SmileNet:
    """A net whose logits are largest at the class that the crop's mean grey level names."""
    classes = np.arange(CLASSES)
    # The class is m = slope * pixel + offset of the scaled pixels' mean, and the logits are
    # -(k - m)^2 without m^2, which is the same for all k: linear in m.
    slope = 127.5 / _STEP
    offset = (127.5 - _DARKEST) / _STEP
    weights = np.tile(sure * 2 * classes * slope / _PIXELS, (_PIXELS, 1))
    bias = (sure * (2 * classes * offset - classes**2)).astype(np.float64)
    arrays = {"output.W": weights, "output.b": bias}
    return SmileNet("grey", Plan(48, [Step("dense", [INPUT], "output")], arrays), Scaling())


def grey_of(smiley: str) -> int:
    """The grey level that `grey_net` takes for a smiley."""
    return round(_DARKEST + _STEP * SMILEYS.index(smiley))


def noisy_net(seed: int) -> SmileNet:
    """A small net of random weights, whose answers change from crop to crop."""
    rng = np.random.default_rng(seed)
    steps = [
        Step("conv", [INPUT], "conv1", relu=True, pool=True),
        Step("mean", ["conv1"], "mean1"),
        Step("mean", ["mean1"], "mean2"),
        Step("dense", ["mean2"], "output"),
    ]
    arrays = {
        "conv1.W": rng.normal(size=(4, 3, 5, 5)) * 0.3,
        "conv1.b": rng.normal(size=4) * 0.1,
        "output.W": rng.normal(size=(4 * 6 * 6, CLASSES)) * 0.4,
        "output.b": rng.normal(size=CLASSES) * 0.1,
    }
    return SmileNet("noisy", Plan(48, steps, arrays), Scaling())


def smile_file(folder: Path) -> Path:
    """`grey_net` in a file."""
    path = folder / "grey.h5"
    smiles.save(path, grey_net(), dtype="float32")
    return path


def faces_on_black(
    faces: Sequence[tuple[int, int, str]], size: tuple[int, int] = (120, 200), side: int = 60
) -> NDArray[np.uint8]:
    """A picture with faces at (left, top), each making a smiley."""
    picture = np.zeros((*size, 3), np.uint8)
    for left, top, smiley in faces:
        picture[max(top, 0) : top + side, max(left, 0) : left + side] = grey_of(smiley)
    return picture


class SquareDetector:
    """Finds bright squares, in the place of `cascade.Detector`; larger ones score higher."""

    def __init__(self, cascade: Any = None, **options: Any) -> None:
        net = SimpleNamespace(side=24, faces=self._faces)
        stage = SimpleNamespace(detection=net, threshold=0.5, calibration=None)
        self.cascade = SimpleNamespace(stages=[stage])
        self.searched = 0

    def detect_many(
        self, items: Iterable[tuple[Any, Any]], **options: Any
    ) -> Iterator[tuple[Any, Detection | Exception]]:
        """As `Detector.detect_many`."""
        for key, image in items:
            yield key, image if isinstance(image, Exception) else self._find(image)

    def _find(self, image: NDArray[np.uint8]) -> Detection:
        self.searched += 1
        bright = (image.max(axis=2) > 25).astype(np.uint8)
        _, _, found, _ = cv2.connectedComponentsWithStats(bright, connectivity=4)
        found = found[1:][found[1:, cv2.CC_STAT_AREA] >= 50].astype(np.float32)
        boxes = found[:, :4].copy()
        boxes[:, :2] += boxes[:, 2:] / 4
        boxes[:, 2:] /= 2
        scores = 0.5 + found[:, cv2.CC_STAT_AREA] / (2 * image[..., 0].size)
        order = np.argsort(-scores, kind="stable")
        return Detection(boxes[order], scores[order].astype(np.float32))

    @staticmethod
    def _faces(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        return (crops.mean(axis=(1, 2, 3)) > 25).astype(np.float32)
