from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from augment_scenes import draw_scene
from hypothesis import given, settings
from hypothesis import strategies as st

from augment.functional import Levels, crop, crop_many, crop_photos

PHOTO = np.asarray(draw_scene(3, 400, 301, [(60, 40, 0, 150, 120)]))


def reference(image: np.ndarray, frame: np.ndarray, side: int) -> np.ndarray:
    """Whole-pixel frames, resized by OpenCV's own area averaging."""
    x, y, width, height = (int(v) for v in frame)
    return cv2.resize(
        image[y : y + height, x : x + width], (side, side), interpolation=cv2.INTER_AREA
    )


def whole_pixel_frames(count: int, low: int, high: int) -> np.ndarray:
    rng = np.random.default_rng(low)
    side = rng.integers(low, high, count)
    x = (rng.random(count) * (400 - side)).astype(int)
    y = (rng.random(count) * (301 - side)).astype(int)
    return np.column_stack([x, y, side, side]).astype(np.float32)


@pytest.mark.parametrize(("low", "high", "side"), [(12, 300, 12), (24, 300, 24), (48, 300, 48)])
def test_agrees_with_area_averaging(low, high, side):
    noisy = np.clip(
        PHOTO + np.random.default_rng(0).normal(0, 12, PHOTO.shape).round(), 0, 255
    ).astype(np.uint8)
    frames = whole_pixel_frames(60, low, high)
    for image, limit in ((PHOTO, 1.0), (noisy, 3.0)):
        crops = crop_many(image, frames, side).transpose(0, 2, 3, 1).astype(int)
        difference = [
            np.abs(one - reference(image, frame, side)).mean()
            for one, frame in zip(crops, frames, strict=True)
        ]
        assert np.mean(difference) < limit
        bias = [
            (one - reference(image, frame, side)).mean()
            for one, frame in zip(crops, frames, strict=True)
        ]
        assert abs(np.mean(bias)) < 0.5


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_exact_where_the_frame_is_a_power_of_two(factor):
    """Then the samples are pixels of a halving, and only roundings are left."""
    frame = np.array([16, 32, 12 * factor, 12 * factor], np.float32)
    ours = crop(PHOTO, frame, 12).astype(int)
    assert np.abs(ours - reference(PHOTO, frame, 12)).max() <= 1 + factor // 4


def test_a_frame_of_the_crops_size_is_nearly_the_picture():
    blurred = cv2.GaussianBlur(PHOTO, (0, 0), 3)
    ours = crop(blurred, np.array([50, 60, 48, 48]), 48).astype(int)
    assert np.abs(ours - blurred[60:108, 50:98]).max() <= 3


def test_a_moved_frame_moves_by_fractions_of_a_pixel():
    ramp = np.tile(np.arange(0, 240, 4, dtype=np.uint8)[None, :, None], (60, 1, 3))
    moves = np.array([0, 0.25, 0.5, 1, 1.5])
    frames = np.array([[15 + d, 20, 24, 24] for d in moves], np.float32)
    means = crop_many(ramp, frames, 12).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(means, 4 * (15 + moves + 12 - 0.5), atol=0.6)


def test_a_stretched_frame_is_squeezed():
    image = np.zeros((100, 200, 3), np.uint8)
    image[:, 100:] = 200
    one = crop(image, np.array([80, 10, 40, 20]), 20)
    assert one[:, :9].max() == 0
    assert one[:, 11:].min() == 200


def test_outside_the_border_the_last_pixels_are_repeated():
    image = np.asarray(draw_scene(5, 60, 40))
    padded = cv2.copyMakeBorder(image, 64, 64, 64, 64, cv2.BORDER_REPLICATE)
    for x, y, size in ((-20, -10, 48), (30, 20, 50), (-30, -30, 120)):
        ours = crop(image, np.array([x, y, size, size]), 24).astype(int)
        wanted = crop(padded, np.array([x + 64, y + 64, size, size]), 24)
        # in a halving the last pixel is the mean of two
        assert np.abs(ours - wanted).mean() < (0.1 if size < 96 else 2)
    far = crop(image, np.array([1000.0, 1000, 30, 30]), 12)
    np.testing.assert_array_equal(far, np.broadcast_to(image[-1, -1], (12, 12, 3)))


@settings(deadline=None, max_examples=50)
@given(
    x=st.floats(-50, 380, width=32),
    y=st.floats(-50, 280, width=32),
    width=st.floats(2, 350, width=32),
    height=st.floats(2, 350, width=32),
    side=st.sampled_from([1, 12, 48]),
)
def test_mirror_is_the_mirrored_photograph(x, y, width, height, side):
    frame = np.array([x, y, width, height], np.float32)
    plain, mirrored = crop(PHOTO, frame, side), crop(PHOTO, frame, side, mirror=True)
    np.testing.assert_array_equal(mirrored, plain[:, ::-1])
    other = np.array([PHOTO.shape[1] - x - width, y, width, height], np.float32)
    assert np.abs(mirrored.astype(int) - crop(PHOTO[:, ::-1].copy(), other, side)).max() <= 2


def test_many_are_the_same_as_one_by_one():
    rng = np.random.default_rng(2)
    photos = [Levels(PHOTO), Levels(np.asarray(draw_scene(8, 90, 200)))]
    which = rng.integers(0, 2, 3000)
    frames = np.column_stack(
        [rng.uniform(-10, 200, (3000, 2)), rng.uniform(5, 250, (3000, 2))]
    ).astype(np.float32)
    mirror = rng.random(3000) < 0.5
    crops = crop_photos([photos[i] for i in which], frames, 12, mirror)
    assert crops.shape == (3000, 3, 12, 12)
    assert crops.flags.c_contiguous
    for i in range(0, 3000, 97):
        alone = crop(photos[which[i]].level(0), frames[i], 12, bool(mirror[i]))
        np.testing.assert_array_equal(crops[i], alone.transpose(2, 0, 1))


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (20_000, 2)])
def test_thin_photographs(size):
    image = np.full((size[1], size[0], 3), 77, np.uint8)
    frames = np.array([[0, 0, size[0], size[1]], [-3, -3, 900, 900]], np.float32)
    assert (crop_many(image, frames, 12) == 77).all()


def turned(image: np.ndarray, frame: np.ndarray, side: int, angle: float) -> np.ndarray:
    """Bilinear samples in float64 of the picture turned about the frame's centre, and their mean.

    Written from the definition: no fixed point, no levels, no shared code.
    """
    x, y, width, height = frame.astype(float)
    grid = (np.arange(2 * side) + 0.5) / (2 * side) - 0.5
    across, down = np.meshgrid(grid * width, grid * height)
    columns = x + width / 2 + across * np.cos(angle) - down * np.sin(angle) - 0.5
    rows = y + height / 2 + across * np.sin(angle) + down * np.cos(angle) - 0.5
    columns = np.clip(columns, 0, image.shape[1] - 1)
    rows = np.clip(rows, 0, image.shape[0] - 1)
    left, above = (np.floor(v).astype(int) for v in (columns, rows))
    right, below = np.minimum(left + 1, image.shape[1] - 1), np.minimum(above + 1, len(image) - 1)
    a, b = (columns - left)[..., None], (rows - above)[..., None]
    samples = (1 - b) * ((1 - a) * image[above, left] + a * image[above, right])
    samples += b * ((1 - a) * image[below, left] + a * image[below, right])
    return samples.reshape(side, 2, side, 2, 3).mean(axis=(1, 3))


@settings(deadline=None, max_examples=50)
@given(
    x=st.floats(-50, 380, width=32),
    y=st.floats(-50, 280, width=32),
    width=st.floats(2, 90, width=32),
    height=st.floats(2, 90, width=32),
    angle=st.floats(-7, 7),
)
def test_samples_are_bilinear_and_turned(x, y, width, height, angle):
    frame = np.array([x, y, width, height], np.float32)  # small enough for no halving
    for turn in (0.0, angle):
        error = crop(PHOTO, frame, 24, angle=turn) - turned(PHOTO, frame, 24, turn)
        assert np.abs(error).max() < 0.5 + 0.6
        assert np.abs(error).mean() < 0.3


@pytest.mark.parametrize("angle", [-2.0, 0.3, 1.0])
def test_positive_angles_turn_counterclockwise_as_opencv_does(angle):
    frame = np.array([120, 70, 96, 96], np.float32)
    centre = (120 + 48 - 0.5, 70 + 48 - 0.5)  # OpenCV counts from the first pixel's centre
    matrix = cv2.getRotationMatrix2D(centre, np.degrees(angle), 1)
    whole = cv2.warpAffine(PHOTO, matrix, PHOTO.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
    difference = crop(PHOTO, frame, 48, angle=angle).astype(int) - crop(whole, frame, 48)
    assert np.abs(difference).mean() < 1.5


def test_quarter_turns_move_pixels_alone():
    frame = np.array([100, 50, 48, 48], np.float32)
    plain = crop(PHOTO, frame, 24)
    for quarters in range(4):
        angle = quarters * np.pi / 2
        difference = crop(PHOTO, frame, 24, angle=angle).astype(int) - np.rot90(plain, quarters)
        assert np.abs(difference).max() <= 1
        mirrored = crop(PHOTO, frame, 24, mirror=True, angle=angle)
        np.testing.assert_array_equal(mirrored, crop(PHOTO, frame, 24, angle=angle)[:, ::-1])


def test_threads_share_photographs():
    rng = np.random.default_rng(4)
    which = rng.integers(0, 3, 200)
    frames = np.column_stack([rng.uniform(-10, 200, (200, 2)), rng.uniform(5, 300, (200, 2))])
    for _ in range(5):
        photos = [Levels(PHOTO[i:]) for i in range(3)]  # fresh: all threads make the halvings
        shown = [photos[i] for i in which]
        with ThreadPoolExecutor(4) as pool:
            crops = list(pool.map(lambda _: crop_photos(shown, frames, 12), range(8)))  # noqa: B023
        for other in crops[1:]:
            np.testing.assert_array_equal(other, crops[0])


def test_nothing_to_cut():
    assert crop_many(PHOTO, np.zeros((0, 4), np.float32), 12).shape == (0, 3, 12, 12)
    assert crop_photos([], np.zeros((0, 4)), 12).shape == (0, 3, 12, 12)


def test_levels_halve_and_are_kept():
    levels = Levels(PHOTO)
    assert levels.size == (400, 301)
    assert levels.level(3).shape == (38, 50, 3)
    assert levels.level(3) is levels.level(3)
    made = sum(levels.level(k).nbytes for k in range(10))
    assert levels.nbytes == pytest.approx(made, rel=0.01)


@pytest.mark.parametrize(
    "frame", [[0, 0, 0, 5], [0, 0, 5, -1], [np.nan, 0, 5, 5], [0, 0, 5, np.inf]]
)
def test_frames_without_area_are_refused(frame):
    with pytest.raises(ValueError, match="finite with positive width and height; frame 1 is"):
        crop_many(PHOTO, np.array([[0, 0, 5, 5], frame], np.float32), 12)


def test_side_is_positive():
    with pytest.raises(ValueError, match="at least 1 pixel; got 0"):
        crop(PHOTO, np.array([0, 0, 5, 5]), 0)


def test_angles_are_finite():
    with pytest.raises(ValueError, match=r"angles are finite; got .*nan"):
        crop(PHOTO, np.array([0, 0, 5, 5]), 12, angle=np.nan)


@pytest.mark.parametrize("name", ["mirror", "angle"])
def test_every_frame_has_its_values(name):
    values = {name: np.zeros(3, int)}
    with pytest.raises(ValueError, match=rf"{name} has one value for each of the 2 frames.*\(3,\)"):
        crop_photos([Levels(PHOTO)] * 2, np.full((2, 4), 9.0), 12, **values)


def test_every_frame_has_its_photograph():
    with pytest.raises(ValueError, match="each of the 2 frames has a photograph; got 1"):
        crop_photos([Levels(PHOTO)], np.full((2, 4), 9.0), 12)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (PHOTO.astype(np.float32), "uint8 array .* got float32"),
        (PHOTO[..., 0], r"uint8 array .* shape \(301, 400\)"),
        (PHOTO[:0], r"sides are 1 to 2147483647 pixels; got shape \(0, 400, 3\)"),
    ],
)
def test_what_is_no_photograph_is_refused(image, message):
    with pytest.raises(ValueError, match=message):
        Levels(image)


def test_views_of_pictures_are_cut_like_copies():
    view = PHOTO[10:200:2, 300:20:-1]
    frame = np.array([3.5, 2, 60, 50])
    np.testing.assert_array_equal(crop(view, frame, 12), crop(view.copy(), frame, 12))
