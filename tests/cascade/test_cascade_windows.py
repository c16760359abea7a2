"""Pyramid and windows against the article's generator."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augment.functional import crop_many
from cascade.windows import count_windows, level_images, offsets, pyramid, windows_of_level

SETTINGS = settings(deadline=None, max_examples=50)


def article_windows(rows, columns, side, min_face, factor, stride):
    """windows(img) of "Brotherhood of data": per size, (x, y) of every window."""
    size = min(rows, columns)
    while size >= min_face:
        step = stride * size / side

        def places(length, size=size, step=step):
            found, at = [], 0.0
            while at + size <= length + 1e-6:
                found.append(at)
                at += step
            if found[-1] + size < length - 1e-6:
                found.append(length - size)
            return found

        yield size, places(rows), places(columns)
        size /= factor


sizes = st.integers(12, 150)


@SETTINGS
@given(sizes, sizes, st.integers(12, 40), st.sampled_from([1.2, 1.5]), st.sampled_from([2, 4, 6]))
def test_equals_the_article(rows, columns, min_face, factor, stride):
    levels = pyramid(rows, columns, side=12, min_face=min_face, factor=factor)
    expected = list(article_windows(rows, columns, 12, min_face, factor, stride))
    assert len(levels) == len(expected)
    total = 0
    for level, (size, ys, xs) in zip(levels, expected, strict=True):
        frames = windows_of_level(level, stride)
        total += len(frames)
        assert frames.dtype == np.float32
        np.testing.assert_allclose(frames[:, 2:], size, rtol=1e-5)
        pixel = 1 / level.scale
        for found, places, length in ((frames[:, 0], xs, columns), (frames[:, 1], ys, rows)):
            found = np.unique(found)
            # The last one ends with the level, less than one of its pixels before the border;
            # the article has one more window where that part of a pixel is all that is left.
            assert len(found) in (len(places), len(places) - 1)
            np.testing.assert_allclose(found[:-1], places[: len(found) - 1], rtol=1e-4, atol=1e-3)
            assert -1e-3 <= length - size - found[-1] < pixel + 1e-3
    assert count_windows(levels, stride) == total


@SETTINGS
@given(st.integers(0, 80), st.sampled_from([12, 24]), st.sampled_from([2, 4, 6]))
def test_offsets_cover_the_length(length, side, stride):
    places = offsets(length, side, stride)
    if length < side:
        assert not len(places)
        return
    assert places[0] == 0
    assert places[-1] == length - side
    assert (np.diff(places) > 0).all()
    assert (np.diff(places) <= stride).all()
    assert (places[:-1] % stride == 0).all()


@SETTINGS
@given(sizes, sizes, st.integers(5, 40))
def test_level_images_have_the_levels_sizes(rows, columns, min_face):
    image = np.zeros((rows, columns, 3), np.uint8)
    levels = pyramid(rows, columns, side=12, min_face=min_face, factor=1.3)
    images = list(level_images(image, levels))
    assert [i.shape for i in images] == [(3, level.rows, level.columns) for level in levels]
    assert min(min(i.shape[1:]) for i in images) == 12 if levels else not images


@pytest.mark.parametrize("shape", [(371, 499), (250, 131), (64, 64)])
def test_a_window_shows_what_its_frame_frames(shape):
    """Also in levels whose size is rounded: what the net sees is where the box is drawn."""
    rows, columns = shape
    image = np.zeros((rows, columns, 3), np.uint8)  # red tells x, green tells y
    image[:, :, 0] = np.rint((np.arange(columns) + 0.5) * 255 / columns)
    image[:, :, 1] = np.rint((np.arange(rows) + 0.5) * 255 / rows)[:, None]
    levels = pyramid(rows, columns, side=12, min_face=15, factor=1.2)
    for level, picture in zip(levels, level_images(image, levels), strict=True):
        frames = windows_of_level(level, 4)
        at = np.rint(frames[:, :2] * level.scale).astype(int)
        windows = np.stack([picture[:, y : y + 12, x : x + 12] for x, y in at])
        seen = windows.mean(axis=(2, 3))[:, :2] / 255 * (columns, rows)
        pixel = 1 / level.scale
        centres = frames[:, :2] + frames[:, 2:] / 2
        assert np.abs(seen - centres).max() < 0.25 * pixel + max(shape) / 255 / 2


@pytest.mark.parametrize("shape", [(360, 480), (90, 700), (512, 100), (384, 384)])
def test_a_window_of_a_level_is_a_crop(shape):
    """The nets learn from crops. Long levels are made of several parts."""
    rows, columns = shape
    noise = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    image = cv2.resize(noise, (columns, rows))
    levels = pyramid(rows, columns, side=12, min_face=9, factor=1.25)
    assert levels[0].scale < 0.15 < 1 < levels[-1].scale
    for level, picture in zip(levels, level_images(image, levels), strict=True):
        frames = windows_of_level(level, 4)
        at = np.rint(frames[:, :2] * level.scale).astype(int)
        windows = np.stack([picture[:, y : y + 12, x : x + 12] for x, y in at])
        difference = np.abs(windows - crop_many(image, frames, 12).astype(int))
        # Places of samples are rounded to 1/128 of a pixel, from other numbers each time.
        assert difference.mean() < 0.02
        assert difference.max() <= 2


@pytest.mark.parametrize("shape", [(1, 500), (500, 1), (11, 11), (0, 5)])
def test_a_picture_below_the_smallest_face_has_no_levels(shape):
    assert pyramid(*shape, side=12, min_face=12, factor=1.2) == []


def test_wrong_settings_are_refused():
    with pytest.raises(ValueError, match="min_face must be at least 1 pixel; got 0"):
        pyramid(50, 50, side=12, min_face=0, factor=1.2)
    with pytest.raises(ValueError, match=r"factor must be greater than 1; got 1\.0"):
        pyramid(50, 50, side=12, min_face=12, factor=1.0)
