from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augment.boxes import centres, iou_matrix
from augment.squares import MAX_IOU, draw_squares
from augment.transforms import Draws, Intervals, apply, draw

FRAME = np.array([[100, 50, 40, 40]], np.float32)


def drawn(shift=(0, 0), factor=(1, 1)) -> Draws:
    return Draws(np.array([shift], float), np.array([factor], float), np.array([False]))


def test_apply_moves_by_parts_of_the_frame():
    np.testing.assert_allclose(apply(FRAME, drawn(shift=(0.1, -0.05))), [[104, 48, 40, 40]])


def test_apply_scales_and_stretches_about_the_centre():
    np.testing.assert_allclose(apply(FRAME, drawn(factor=(1.5, 1))), [[90, 50, 60, 40]])
    np.testing.assert_allclose(apply(FRAME, drawn(factor=(0.5, 0.5))), [[110, 60, 20, 20]])


def test_no_change_is_no_change():
    rng = np.random.default_rng(0)
    frames = rng.uniform(1, 99, (20, 4)).astype(np.float32)
    still = Intervals(move=0, scale=(1, 1), stretch=1, mirror=0)
    changes = draw(rng, 20, still)
    np.testing.assert_allclose(apply(frames, changes), frames, rtol=1e-5)
    assert not changes.mirror.any()


def test_draws_fill_their_intervals():
    changes = draw(np.random.default_rng(0), 4000, Intervals(0.2, (0.8, 1.3), 1.25, 0.5))
    assert changes.shift.shape == changes.factor.shape == (4000, 2)
    for axis in (0, 1):
        assert -0.2 <= changes.shift[:, axis].min() < -0.19
        assert 0.19 < changes.shift[:, axis].max() <= 0.2
    ratio = changes.factor[:, 0] / changes.factor[:, 1]
    assert 1.24 < ratio.max() <= 1.25 * 1.0001
    assert 1 / 1.25 * 0.9999 <= ratio.min() < 1 / 1.24
    assert 0.45 < (ratio > 1).mean() < 0.55  # x or y, half and half
    scale = changes.factor.min(axis=1)
    assert 0.8 <= scale.min() < 0.81
    assert 1.29 < scale.max() <= 1.3
    assert 0.45 < changes.mirror.mean() < 0.55


def test_draws_come_from_the_generator_alone():
    one, other = (draw(np.random.default_rng(7), 50, Intervals()) for _ in range(2))
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


def test_default_keeps_a_face_a_face():
    frames = np.repeat(FRAME, 5000, axis=0)
    changed = apply(frames, draw(np.random.default_rng(1), 5000, Intervals()))
    assert iou_matrix(changed, FRAME).min() > 0.55


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"move": -0.1}, r"move must lie in \[0, 1\); got -0.1"),
        ({"move": float("nan")}, "move must lie"),
        ({"scale": (1.2, 1)}, r"scale must be two positive, rising factors; got \(1.2, 1\)"),
        ({"scale": (0, 1)}, "scale must be"),
        ({"stretch": 0.9}, "stretch must be at least 1; got 0.9"),
        ({"mirror": 2}, "mirror must be a probability; got 2"),
    ],
)
def test_intervals_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        Intervals(**options)


def test_squares_lie_inside_and_keep_away_from_faces():
    rng = np.random.default_rng(3)
    sizes = rng.integers(60, 500, (500, 2)).astype(float)
    faces = np.zeros((500, 2, 4), np.float32)
    faces[::2, 0] = np.column_stack([sizes[::2] * 0.3, sizes[::2] * 0.4])
    squares = draw_squares(rng, sizes, faces, 20)
    assert squares.dtype == np.float32
    np.testing.assert_array_equal(squares[:, 2], squares[:, 3])
    assert squares[:, 2].min() >= 19.99
    assert (squares[:, :2] >= 0).all()
    assert (squares[:, :2] + squares[:, 2:] <= sizes + 0.01).all()
    assert iou_matrix(squares[:, None], faces).max() < MAX_IOU


def test_square_sides_are_even_in_their_logarithm():
    squares = draw_squares(
        np.random.default_rng(0), np.full((8000, 2), 320.0), np.zeros((8000, 0, 4)), 20
    )
    octaves = np.histogram(np.log2(squares[:, 2] / 20), bins=4, range=(0, 4))[0]
    np.testing.assert_allclose(octaves, 2000, rtol=0.1)
    assert abs(centres(squares).mean() - 160) < 3


def test_a_picture_that_is_all_face_gives_the_least_bad_square():
    face = np.array([[[0, 0, 21, 21]]], np.float32)
    square = draw_squares(np.random.default_rng(0), np.array([[21.0, 21]]), face, 20)
    assert (square[:, 2:] <= 21).all()


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 19), st.integers(1, 3000), st.integers(0, 2**32))
def test_pictures_smaller_than_the_smallest_square(width, height, seed):
    sizes = np.array([[width, height]], float)
    square = draw_squares(np.random.default_rng(seed), sizes, np.zeros((1, 0, 4)), 20)
    assert square[0, 2] == pytest.approx(min(width, height), rel=1e-4)
    assert (square[:, :2] + square[:, 2:] <= sizes + 0.01).all()
