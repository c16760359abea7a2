"""A single net on every window."""

from __future__ import annotations

import numpy as np
import pytest

from augment.boxes import iou_matrix
from augment.functional import crop_many
from cascade.alone import detect_alone
from cascade.windows import pyramid, windows_of_level


class Bright:
    """Stands in for a net: the brighter the window, the more it is a face."""

    name, side = "bright", 24

    def faces(self, crops: np.ndarray) -> np.ndarray:
        return (crops.mean(axis=(1, 2, 3)) / 255).astype(np.float32)


@pytest.fixture
def image() -> np.ndarray:
    dark = np.zeros((120, 160, 3), np.uint8)
    dark[30:90, 60:120] = 255
    return dark


def test_what_fired_is_filtered_in_each_size_and_among_all(image: np.ndarray) -> None:
    found = detect_alone(Bright(), image, threshold=0.8, overlap=0.3, min_face=40, stride=2)
    assert found.trace is not None
    fired, in_size, last = found.trace.steps
    assert [step.stage for step in found.trace.steps] == ["bright", "bright in size", "at last"]
    assert len(fired.frames) > len(in_size.frames) >= len(last.frames) == len(found.boxes)
    overlaps = iou_matrix(found.boxes, found.boxes) - np.eye(len(found.boxes))
    assert (overlaps <= 0.3).all()
    assert iou_matrix(found.boxes[:1], np.array([[60, 30, 60, 60]])).item() > 0.4
    assert (np.diff(found.scores) <= 0).all()


def test_every_window_is_seen_as_it_would_be_cut(image: np.ndarray) -> None:
    found = detect_alone(Bright(), image, threshold=0, overlap=1, min_face=60, factor=1.5)
    levels = pyramid(120, 160, side=24, min_face=60, factor=1.5)
    windows = np.concatenate([windows_of_level(level, 8) for level in levels])
    assert found.trace is not None
    assert found.trace.windows == len(windows)
    assert np.array_equal(found.trace.steps[0].frames, windows)
    expected = Bright().faces(crop_many(image, windows, 24))
    assert np.array_equal(found.trace.steps[0].scores, expected)


def test_a_photograph_smaller_than_a_face_has_none() -> None:
    found = detect_alone(Bright(), np.zeros((20, 20, 3), np.uint8))
    assert len(found.boxes) == 0
