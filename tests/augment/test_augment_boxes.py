from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from augment.boxes import (
    as_frames,
    centres,
    ellipse_to_square,
    iou_matrix,
    overlap_min_matrix,
    to_squares,
)

FRAMES = arrays(
    np.float32,
    st.tuples(st.integers(1, 6), st.just(4)),
    elements=st.floats(1, 500, width=32),
)


def test_ellipse_and_square_have_one_area_and_centre():
    x, y, width, height = ellipse_to_square(60, 40, 1.2, 100, 80)
    assert width == height
    assert (x + width / 2, y + height / 2) == pytest.approx((100, 80))
    mask = np.zeros((200, 200), np.uint8)
    cv2.ellipse(mask, ((100, 80), (120, 80), math.degrees(1.2)), 1, -1)
    assert width * height == pytest.approx(mask.sum(), rel=0.03)


def overlap_by_counting(a, b) -> tuple[float, float]:
    """IoU and overlap over the smaller of two whole-pixel frames, on masks."""
    masks = np.zeros((2, 40, 40), bool)
    for mask, (x, y, width, height) in zip(masks, (a, b), strict=True):
        mask[y : y + height, x : x + width] = True
    both = (masks[0] & masks[1]).sum()
    return both / (masks[0] | masks[1]).sum(), both / min(masks[0].sum(), masks[1].sum())


def test_overlaps_agree_with_counted_pixels():
    rng = np.random.default_rng(0)
    frames = np.column_stack([rng.integers(0, 20, (30, 2)), rng.integers(1, 20, (30, 2))])
    a, b = frames[:12], frames[12:]
    iou, smaller = iou_matrix(a, b), overlap_min_matrix(a, b)
    assert iou.shape == smaller.shape == (12, 18)
    for i in range(12):
        for j in range(18):
            assert (iou[i, j], smaller[i, j]) == pytest.approx(overlap_by_counting(a[i], b[j]))


def test_leading_axes_are_broadcast():
    rng = np.random.default_rng(1)
    a, b = rng.uniform(1, 50, (3, 5, 4)), rng.uniform(1, 50, (3, 2, 4))
    together = iou_matrix(a, b)
    assert together.shape == (3, 5, 2)
    for k in range(3):
        np.testing.assert_allclose(together[k], iou_matrix(a[k], b[k]))


def test_empty_frames_overlap_nothing():
    empty = np.zeros((1, 4), np.float32)
    assert iou_matrix(empty, empty).item() == 0
    assert overlap_min_matrix(empty, as_frames([[0, 0, 5, 5]])).item() == 0
    assert iou_matrix(as_frames([]), as_frames([[0, 0, 5, 5]])).shape == (0, 1)


@settings(deadline=None, max_examples=50)
@given(FRAMES, FRAMES)
def test_overlaps_are_symmetric_and_bounded(a, b):
    for overlap in (iou_matrix, overlap_min_matrix):
        matrix = overlap(a, b)
        np.testing.assert_allclose(matrix, overlap(b, a).T, rtol=1e-5)
        assert (matrix >= 0).all()
        assert (matrix <= 1.001).all()
        np.testing.assert_allclose(np.diag(overlap(a, a)), 1, rtol=1e-3)
    assert (iou_matrix(a, b) <= overlap_min_matrix(a, b) * 1.001).all()


@settings(deadline=None, max_examples=50)
@given(FRAMES)
def test_squares_keep_area_and_centre(frames):
    squares = to_squares(frames)
    assert squares.dtype == np.float32
    np.testing.assert_array_equal(squares[:, 2], squares[:, 3])
    np.testing.assert_allclose(squares[:, 2] ** 2, frames[:, 2] * frames[:, 3], rtol=1e-4)
    np.testing.assert_allclose(centres(squares), centres(frames), rtol=1e-4, atol=1e-3)


def test_frames_are_rows_of_four():
    assert as_frames([]).shape == (0, 4)
    assert as_frames([[1, 2, 3, 4]]).dtype == np.float32
    with pytest.raises(ValueError, match=r"rows of x, y, width, height; got shape \(1, 3\)"):
        as_frames([[1, 2, 3]])
