from __future__ import annotations

import json
import math
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augment.boxes import centres, iou_matrix
from augment.squares import MAX_IOU, TRIES, draw_squares
from augment.transforms import COLUMNS, Draws, Intervals, apply, draw

FRAME = np.array([[100, 50, 40, 40]], np.float32)
STILL = Intervals(move=0, scale=(1, 1), stretch=1, mirror=0)
BEYOND = {
    "rotation": 20.0,
    "brightness": 30.0,
    "contrast": 1.5,
    "blur": 1.0,
    "noise": 8.0,
    "jpeg": 40,
    "grey": 0.5,
    "occlusion": 0.6,
}
OF_INTERVAL = {"rotation": "angle", "jpeg": "quality"}  # where the names differ


def drawn(shift=(0, 0), factor=(1, 1)) -> Draws:
    still = draw(np.random.default_rng(0), 1, STILL)
    return still._replace(shift=np.array([shift], float), factor=np.array([factor], float))


def test_apply_moves_by_parts_of_the_frame():
    np.testing.assert_allclose(apply(FRAME, drawn(shift=(0.1, -0.05))), [[104, 48, 40, 40]])


def test_apply_scales_and_stretches_about_the_centre():
    np.testing.assert_allclose(apply(FRAME, drawn(factor=(1.5, 1))), [[90, 50, 60, 40]])
    np.testing.assert_allclose(apply(FRAME, drawn(factor=(0.5, 0.5))), [[110, 60, 20, 20]])


def test_no_change_is_no_change():
    rng = np.random.default_rng(0)
    frames = rng.uniform(1, 99, (20, 4)).astype(np.float32)
    changes = draw(rng, 20, STILL)
    np.testing.assert_allclose(apply(frames, changes), frames, rtol=1e-5)
    assert not changes.mirror.any()
    assert not changes.angle.any()
    assert all(changes.describe(row) == {} for row in range(20))


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
        ({"rotation": 181}, r"rotation must lie in \[0, 180\] degrees; got 181"),
        ({"brightness": -1}, r"brightness must lie in \[0, 255\] grey levels; got -1"),
        ({"contrast": 0.5}, "contrast must be at least 1; got 0.5"),
        ({"contrast": math.inf}, "contrast must be at least 1; got inf"),
        ({"blur": 17}, r"blur must lie in \[0, 16\] pixels; got 17"),
        ({"noise": 200}, r"noise must lie in \[0, 128\] grey levels; got 200"),
        ({"jpeg": 0}, r"jpeg must be a whole number in \[1, 100\], a JPEG quality; got 0"),
        ({"jpeg": 80.5}, "jpeg must be a whole number"),
        ({"grey": -1}, "grey must be a probability; got -1"),
        ({"occlusion": 1.1}, "occlusion must be a probability; got 1.1"),
        ({"occlusion": math.nan}, "occlusion must be a probability; got nan"),
        ({"unchanged": -0.1}, "unchanged must be a probability; got -0.1"),
        ({"move": "far"}, "move must lie in .*; got 'far'"),
        ({"grey": True}, "grey must be a probability; got True"),
        ({"scale": (1,)}, r"scale must be two .*; got \(1,\)"),
        ({"scale": 1.1}, "scale must be two .*; got 1.1"),
    ],
)
def test_intervals_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        Intervals(**options)


def test_the_optional_changes_fill_their_intervals():
    changes = draw(np.random.default_rng(0), 4000, Intervals(**BEYOND))
    for values, low, high in (
        (np.degrees(changes.angle), -20, 20),
        (changes.brightness, -30, 30),
        (np.log(changes.contrast), -math.log(1.5), math.log(1.5)),
        (changes.blur, 0, 1),
        (changes.noise, 0, 8),
        (changes.quality, 40, 100),
    ):
        room = (high - low) / 100
        assert low <= values.min() < low + room
        assert high - room < values.max() <= high + 1e-9
        assert abs(values.mean() - (low + high) / 2) < 3 * room
    assert 0.45 < changes.grey.mean() < 0.55
    assert len(np.unique(changes.seed)) == 4000


def test_unchanged_samples_are_spared_all_but_the_mirroring():
    some, none, every = (
        draw(np.random.default_rng(2), 4000, Intervals(**BEYOND, unchanged=share))
        for share in (0.3, 0.0, 1.0)
    )
    still = draw(np.random.default_rng(2), 4000, Intervals(move=0, scale=(1, 1), stretch=1))
    for name in Draws._fields:
        np.testing.assert_array_equal(getattr(every, name), getattr(still, name), name)
    spared = some.factor[:, 0] == 1
    assert 0.27 < spared.mean() < 0.33
    assert abs(np.corrcoef(spared, some.mirror)[0, 1]) < 0.05
    for name in Draws._fields:
        expected = np.array(getattr(none, name))
        expected[spared] = getattr(still, name)[spared]
        np.testing.assert_array_equal(getattr(some, name), expected, name)


def hidden(n: int, chance: float, seed: int = 0) -> np.ndarray:
    return draw(np.random.default_rng(seed), n, Intervals(occlusion=chance)).occlusion


def test_rectangles_hide_at_most_half_in_each_direction_and_lie_inside():
    places = hidden(3000, 1.0)
    left, top, width, height = places[:, :4].T
    for start, size in ((left, width), (top, height)):
        assert 0.15 <= size.min() < 0.16
        assert 0.49 < size.max() <= 0.5
        assert 0 <= start.min() < 0.01
        assert 0.99 < (start + size).max() <= 1
    assert abs(np.corrcoef(width, height)[0, 1]) < 0.06
    colours = places[:, 4:]
    assert 0 <= colours.min() < 1
    assert 254 < colours.max() <= 255
    assert len(np.unique(colours, axis=0)) == 3000


@pytest.mark.parametrize("chance", [0.0, 0.15, 0.5, 1.0])
def test_rectangles_come_with_the_given_chance_and_are_else_all_zero(chance):
    places = hidden(3000, chance)
    there = places[:, 2] > 0
    assert abs(there.mean() - chance) < 0.03
    assert not places[~there].any()
    assert chance < 1 or there.all()


def test_a_larger_chance_hides_more_samples_and_moves_no_rectangle():
    few, many = hidden(500, 0.2), hidden(500, 0.7)
    there = few[:, 2] > 0
    np.testing.assert_array_equal(few[there], many[there])
    assert (many[:, 2] > 0).sum() > there.sum()


def test_rectangles_come_from_the_seed_alone():
    np.testing.assert_array_equal(hidden(200, 0.5, seed=3), hidden(200, 0.5, seed=3))
    assert not np.array_equal(hidden(200, 0.5, seed=3), hidden(200, 0.5, seed=4))


@pytest.mark.parametrize("name", BEYOND)
def test_opening_one_interval_leaves_the_other_changes_as_they_were(name):
    off, on = (
        draw(np.random.default_rng(5), 30, Intervals(**chosen))
        for chosen in ({}, {name: BEYOND[name]})
    )
    column = OF_INTERVAL.get(name, name)
    for field in Draws._fields:
        same = np.array_equal(getattr(off, field), getattr(on, field))
        assert same == (field != column), field


def test_numbers_are_taken_by_the_sample_whatever_is_on():
    rng, expected = np.random.default_rng(2), np.random.default_rng(2)
    draw(rng, 7, Intervals(**BEYOND))
    draw(rng, 0, STILL)
    expected.random(7 * COLUMNS)
    assert rng.random() == expected.random()


def test_the_first_samples_are_the_same_in_a_longer_draw():
    few, many = (draw(np.random.default_rng(2), n, Intervals(**BEYOND)) for n in (5, 50))
    for a, b in zip(few, many.take(slice(5)), strict=True):
        np.testing.assert_array_equal(a, b)


def test_take_picks_rows_of_everything():
    changes = draw(np.random.default_rng(2), 9, Intervals(**BEYOND))
    rows = np.array([8, 3, 3])
    for whole, part in zip(changes, changes.take(rows), strict=True):
        np.testing.assert_array_equal(part, whole[rows])
    assert len(changes.take(changes.mirror).mirror) == np.count_nonzero(changes.mirror)


def test_describe_names_what_changes_and_in_which_unit():
    changes = drawn(shift=(0.1, 0), factor=(1.2, 1))._replace(
        mirror=np.array([True]), angle=np.array([math.pi / 6]), quality=np.array([55])
    )
    described = changes.describe(0)
    assert described == pytest.approx(
        {"move_x": 0.1, "width": 1.2, "mirror": 1, "rotation": 30, "jpeg": 55}
    )
    assert json.loads(json.dumps(described)) == described
    certain = {**BEYOND, "grey": 1.0, "mirror": 1.0, "occlusion": 1.0}
    full = draw(np.random.default_rng(0), 1, Intervals(**certain))
    assert set(BEYOND) - {"occlusion"} | {"hidden"} < set(full.describe(0))
    assert full.describe(0)["hidden"] == pytest.approx(np.prod(full.occlusion[0, 2:4]))


@settings(deadline=None, max_examples=30)
@given(
    st.builds(
        Intervals,
        move=st.floats(0, 0.9),
        scale=st.tuples(st.floats(0.1, 1), st.floats(1, 9)),
        stretch=st.floats(1, 3),
        mirror=st.floats(0, 1),
        rotation=st.floats(0, 180),
        contrast=st.floats(1, 4),
        noise=st.floats(0, 128),
        jpeg=st.integers(1, 100),
        occlusion=st.floats(0, 1),
    )
)
def test_intervals_survive_json(intervals):
    assert Intervals.from_dict(json.loads(json.dumps(intervals.as_dict()))) == intervals


def test_as_dict_holds_every_field_and_from_dict_fills_in_defaults():
    assert list(Intervals().as_dict()) == [field.name for field in fields(Intervals)]
    assert Intervals.from_dict({"blur": 1}) == Intervals(blur=1)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"blurr": 1}, "Intervals has no 'blurr'; it has move, scale, .*, blur, .*unchanged$"),
        ({"blur": "1"}, "blur must lie in .*; got '1'"),
        ({"jpeg": None}, "jpeg must be a whole number .*; got None"),
        ({"scale": [1, 2, 3]}, r"scale must be two .*; got \(1, 2, 3\)"),
    ],
)
def test_from_dict_refuses_what_it_does_not_know(values, message):
    with pytest.raises(ValueError, match=message):
        Intervals.from_dict(values)


def squares_of(rng: np.random.Generator, sizes: np.ndarray, faces: np.ndarray) -> np.ndarray:
    return draw_squares(rng.random((len(sizes), TRIES, 3)), sizes, faces, 20)


def test_squares_lie_inside_and_keep_away_from_faces():
    rng = np.random.default_rng(3)
    sizes = rng.integers(60, 500, (500, 2)).astype(float)
    faces = np.zeros((500, 2, 4), np.float32)
    faces[::2, 0] = np.column_stack([sizes[::2] * 0.3, sizes[::2] * 0.4])
    squares = squares_of(rng, sizes, faces)
    assert squares.dtype == np.float32
    np.testing.assert_array_equal(squares[:, 2], squares[:, 3])
    assert squares[:, 2].min() >= 19.99
    assert (squares[:, :2] >= 0).all()
    assert (squares[:, :2] + squares[:, 2:] <= sizes + 0.01).all()
    assert iou_matrix(squares[:, None], faces).max() < MAX_IOU


def test_square_sides_are_even_in_their_logarithm():
    sizes = np.full((8000, 2), 320.0)
    squares = squares_of(np.random.default_rng(0), sizes, np.zeros((8000, 0, 4)))
    octaves = np.histogram(np.log2(squares[:, 2] / 20), bins=4, range=(0, 4))[0]
    np.testing.assert_allclose(octaves, 2000, rtol=0.1)
    assert abs(centres(squares).mean() - 160) < 3


def test_a_picture_that_is_all_face_gives_the_least_bad_square():
    face = np.array([[[0, 0, 21, 21]]], np.float32)
    square = squares_of(np.random.default_rng(0), np.array([[21.0, 21]]), face)
    assert (square[:, 2:] <= 21).all()


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 19), st.integers(1, 3000), st.integers(0, 2**32))
def test_pictures_smaller_than_the_smallest_square(width, height, seed):
    sizes = np.array([[width, height]], float)
    square = squares_of(np.random.default_rng(seed), sizes, np.zeros((1, 0, 4)))
    assert square[0, 2] == pytest.approx(min(width, height), rel=1e-4)
    assert (square[:, :2] + square[:, 2:] <= sizes + 0.01).all()
