from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augment.pixels import change
from augment.transforms import Draws, Intervals, draw

SIDE = 24
ALL = {
    "brightness": 40.0,
    "contrast": 1.6,
    "blur": 2.0,
    "noise": 10.0,
    "jpeg": 30,
    "grey": 0.4,
    "occlusion": 0.5,
}


def pictures(n: int, seed: int = 0) -> np.ndarray:
    """Smooth patterns in colour: what JPEG and blur change but do not destroy."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    speed, start = rng.uniform(2, 9, (2, n, 3, 1, 1))
    return (128 + 80 * np.sin(speed * x + start) * np.cos(start * y)).astype(np.uint8)


def drawn(n: int, **changed: float) -> Draws:
    """Draws that do nothing but what is said."""
    still = draw(np.random.default_rng(0), n, Intervals(mirror=0))
    return still._replace(
        **{name: np.full(n, value, getattr(still, name).dtype) for name, value in changed.items()}
    )


def test_all_off_returns_its_input():
    crops = pictures(3)
    assert change(crops, draw(np.random.default_rng(0), 3, Intervals())) is crops


def test_nothing_is_written_into_the_input():
    crops = pictures(6)
    before = crops.copy()
    changed = change(crops, draw(np.random.default_rng(0), 6, Intervals(**ALL)))
    assert changed.dtype == np.uint8
    assert changed.shape == crops.shape
    assert (changed != crops).any(axis=(1, 2, 3)).all()
    np.testing.assert_array_equal(crops, before)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32), st.permutations(range(7)), st.sampled_from([(), *ALL]))
def test_a_sample_has_the_same_bytes_alone_and_in_any_batch(seed, order, alone):
    crops = pictures(7, seed)
    chosen = ALL if not alone else {alone: ALL[alone]}
    draws = draw(np.random.default_rng(seed), 7, Intervals(**chosen))
    whole = change(crops, draws)
    for rows in [[row] for row in range(7)] + [list(order)]:
        np.testing.assert_array_equal(change(crops[rows], draws.take(rows)), whole[rows])


@pytest.mark.parametrize(
    "changed",
    [{"brightness": 9}, {"contrast": 2}, {"blur": 1}, {"noise": 9}, {"grey": 1}, {"quality": 20}],
    ids=lambda changed: next(iter(changed)),
)
def test_only_the_samples_that_were_drawn_are_touched(changed):
    crops, (name, value) = pictures(5), next(iter(changed.items()))
    draws = drawn(5)
    getattr(draws, name)[[1, 3]] = value
    touched = (change(crops, draws) != crops).any(axis=(1, 2, 3))
    assert touched.tolist() == [False, True, False, True, False]


def hiding(n: int, rows: list[int], place: list[float]) -> Draws:
    """Draws that hide a rectangle in some samples."""
    draws = drawn(n)
    draws.occlusion[rows] = place
    return draws


def test_a_rectangle_of_one_colour_hides_its_place_and_nothing_else():
    crops = pictures(5)
    changed = change(crops, hiding(5, [1, 3], [0.25, 0.5, 0.5, 0.125, 10, 200.4, 99.6]))
    touched = (changed != crops).any(axis=(1, 2, 3))
    assert touched.tolist() == [False, True, False, True, False]
    for row in (1, 3):
        part = changed[row, :, 12:15, 6:18]  # rows from 12 on, columns from 6 on
        assert (part == np.array([10, 200, 100])[:, None, None]).all()
        rest = np.ones((SIDE, SIDE), bool)
        rest[12:15, 6:18] = False
        np.testing.assert_array_equal(changed[row][:, rest], crops[row][:, rest])


@pytest.mark.parametrize("side", [12, 15, 24, 48])
def test_drawn_rectangles_hide_a_part_of_at_most_half_in_each_direction(side):
    """Which samples are hidden follows from the draws, and so do their bytes."""
    n = 400
    draws = draw(np.random.default_rng(1), n, Intervals(mirror=0, occlusion=0.3))
    crops = np.random.default_rng(2).integers(0, 256, (n, 3, side, side), dtype=np.uint8)
    changed = change(crops, draws)
    different = (changed != crops).any(axis=1)
    touched = different.any(axis=(1, 2))
    np.testing.assert_array_equal(touched, draws.occlusion[:, 2] > 0)
    assert 0.2 < touched.mean() < 0.4
    rows, columns = different.any(axis=2).sum(axis=1), different.any(axis=1).sum(axis=1)
    for hidden in (rows[touched], columns[touched]):
        assert hidden.min() >= 1
        assert side * 0.4 < hidden.max() <= side / 2
    again = draw(np.random.default_rng(1), n, Intervals(mirror=0, occlusion=0.3))
    np.testing.assert_array_equal(change(crops, again), changed)


def test_what_is_hidden_is_lit_and_noisy_like_the_rest():
    crops = np.full((1, 3, SIDE, SIDE), 100, np.uint8)
    draws = hiding(1, [0], [0, 0, 0.5, 0.5, 50, 50, 50])
    bright = change(crops, draws._replace(brightness=np.array([20.0])))[0, 0]
    assert (bright[0, 0], bright[-1, -1]) == (70, 120)
    noise = change(crops, draws._replace(noise=np.array([9.0])))[0, 0, :12, :12]
    assert 6 < noise.std() < 12
    blurred = change(crops, draws._replace(blur=np.array([2.0])))[0, 0]
    assert 50 < blurred[5, 11] < 100  # the rectangle's edge


def test_occlusion_switched_off_leaves_all_bytes_as_they_were():
    crops = pictures(20)
    others = {name: value for name, value in ALL.items() if name != "occlusion"}
    off, on = (
        draw(np.random.default_rng(4), 20, Intervals(**others, occlusion=chance))
        for chance in (0.0, 1.0)
    )
    without = on._replace(occlusion=np.zeros((20, 7)))
    np.testing.assert_array_equal(change(crops, off), change(crops, without))
    assert (change(crops, on) != change(crops, off)).any(axis=(1, 2, 3)).all()


def test_brightness_adds_and_saturates():
    crops = np.full((1, 3, 2, 2), 100, np.uint8)
    crops[0, 0, 0] = [0, 250]
    changed = change(crops, drawn(1, brightness=20))
    assert changed[0, 0].tolist() == [[20, 255], [120, 120]]
    assert (change(crops, drawn(1, brightness=-20))[0, 0, 0] == [0, 230]).all()


def test_contrast_leaves_middle_grey_and_spreads_the_rest():
    crops = np.repeat(np.array([0, 117, 127, 128, 138, 255], np.uint8), 3).reshape(1, 6, 3)
    crops = np.ascontiguousarray(crops.transpose(0, 2, 1)[..., None])  # (1, 3, 6, 1)
    assert change(crops, drawn(1, contrast=2))[0, 0, :, 0].tolist() == [0, 106, 126, 128, 148, 255]
    assert change(crops, drawn(1, contrast=0.5))[0, 0, :, 0].tolist() == [
        64,
        122,
        127,
        128,
        133,
        191,
    ]


def test_blur_is_a_gaussian_of_the_given_width_in_each_channel():
    crops = np.zeros((1, 3, SIDE, SIDE), np.uint8)
    crops[0, 1, 12, 12] = 255
    spot = change(crops, drawn(1, blur=1.5))[0].astype(float)
    assert not spot[[0, 2]].any()
    place = np.arange(SIDE) - 12
    for axis in (0, 1):
        along = spot[1].sum(axis=axis)
        assert along @ place == pytest.approx(0, abs=1)
        assert np.sqrt(along @ place**2 / along.sum()) == pytest.approx(1.5, rel=0.1)
    np.testing.assert_array_equal(change(crops[:, :, :1] * 0 + 77, drawn(1, blur=3)), 77)


def test_noise_has_the_drawn_deviation_and_is_independent_in_every_channel():
    crops = np.full((4, 3, 48, 48), 128, np.uint8)
    draws = draw(np.random.default_rng(0), 4, Intervals())._replace(noise=np.array([0, 3, 9, 20.0]))
    noise = change(crops, draws).astype(float) - 128
    np.testing.assert_allclose(noise.std(axis=(1, 2, 3)), [0, 3, 9, 20], rtol=0.03)
    np.testing.assert_allclose(noise.mean(axis=(1, 2, 3)), 0, atol=0.6)
    correlation = np.corrcoef(noise[1:].reshape(9, -1))
    assert np.abs(correlation - np.eye(9)).max() < 0.08


def test_grey_is_the_luma_in_all_channels_and_keeps_grey_pixels():
    crops = pictures(1)
    grey = change(crops, drawn(1, grey=True))
    expected = np.tensordot([0.299, 0.587, 0.114], crops[0].astype(float), 1)
    assert (grey[0] == grey[0, 0]).all()
    assert np.abs(grey[0, 0] - expected).max() <= 1
    np.testing.assert_array_equal(change(grey, drawn(1, grey=True)), grey)


def test_jpeg_keeps_colours_in_their_places_and_is_worse_at_lower_quality():
    crops = pictures(8)
    crops[0] = np.array([220, 30, 60], np.uint8)[:, None, None]
    errors = [
        np.abs(change(crops, drawn(8, quality=quality)).astype(int) - crops).mean()
        for quality in (95, 60, 10)
    ]
    assert 0 < errors[0] < errors[1] < errors[2] < 20
    red = change(crops, drawn(8, quality=80))[0].reshape(3, -1).mean(axis=1)
    np.testing.assert_allclose(red, [220, 30, 60], atol=3)


def test_a_grey_sample_stays_grey_in_its_file():
    changed = change(pictures(1), drawn(1, grey=True, quality=50))[0]
    assert (changed == changed[0]).all()


def test_noise_goes_into_the_file_and_is_not_blurred():
    """The order of a camera: what blur would do to noise, and JPEG does."""
    crops = np.full((1, 3, 48, 48), 128, np.uint8)
    noise = change(crops, drawn(1, noise=10)).std()
    assert change(crops, drawn(1, noise=10, blur=4)).std() == pytest.approx(noise)
    assert change(crops, drawn(1, noise=10, contrast=3)).std() == pytest.approx(noise, rel=0.01)
    assert change(crops, drawn(1, noise=10, quality=10)).std() < 0.7 * noise


@pytest.mark.parametrize(
    ("crops", "message"),
    [
        (np.zeros((2, 3, 4, 4)), r"takes uint8 crops .*; got float64 of shape \(2, 3, 4, 4\)"),
        (np.zeros((2, 4, 4, 3), np.uint8), r"got uint8 of shape \(2, 4, 4, 3\)"),
        (np.zeros((1, 3, 4, 4), np.uint8), "one draw per crop; got 2 for 1 crops"),
    ],
)
def test_wrong_arrays_are_refused(crops, message):
    with pytest.raises(ValueError, match=message):
        change(crops, drawn(2))
