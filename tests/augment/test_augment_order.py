from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augment import index as tables
from augment.errors import DataError
from augment.index import BACKGROUND, FACE, Index
from augment.order import epoch_order, steps_per_epoch
from augment.recipe import Recipe
from augment.transforms import Intervals


def table(faces: int = 37, backgrounds: int = 9) -> Index:
    frames = np.ones((faces + backgrounds, 4))
    both = tables.make("/", ["a"] * len(frames), frames, FACE, "t", ["g"] * len(frames))
    labels = np.where(np.arange(len(frames)) < faces, FACE, BACKGROUND).astype(np.int32)
    return replace(both, labels=labels)


@settings(deadline=None, max_examples=40)
@given(
    size=st.integers(2, 200), ratio=st.sampled_from([0.0, 0.5, 1.0, 3.0]), seed=st.integers(0, 99)
)
def test_an_epoch_shows_every_face_once(size, ratio, seed):
    if round(size / (1 + ratio)) < 1:
        return
    recipe = Recipe(12, size, backgrounds_per_face=ratio)
    faces = recipe.faces_in_batch
    rows, classes = epoch_order(table(), recipe, seed=seed, epoch=0)
    assert rows.dtype == classes.dtype == np.int32
    assert rows.shape == classes.shape == (steps_per_epoch(table(), recipe), size)
    assert not classes.any()
    shown = rows[:, :faces].ravel()
    assert sorted(shown[:37]) == list(range(37))
    assert len(shown) - 37 < faces
    rest = np.bincount(rows[:, faces:].ravel(), minlength=46)
    assert not rest[:37].any()
    assert rest[37:].max() - rest[37:].min() <= 1  # the backgrounds take turns


@settings(deadline=None, max_examples=20)
@given(size=st.integers(1, 200), seed=st.integers(0, 99))
def test_a_calibration_epoch_shows_every_face_in_every_class(size, seed):
    recipe = Recipe(12, size, "calibration")
    rows, classes = epoch_order(table(), recipe, seed=seed, epoch=0)
    assert rows.shape == (steps_per_epoch(table(), recipe), size)
    items = (rows.ravel() * 45 + classes.ravel())[: 37 * 45]
    assert sorted(items) == list(range(37 * 45))


def test_an_epoch_of_classes_shows_every_row_once():
    recipe = Recipe(12, 10, "classes")
    rows, classes = epoch_order(table(), recipe, seed=0, epoch=0)
    assert sorted(rows.ravel()[:46]) == list(range(46))
    assert not classes.any()


@settings(deadline=None, max_examples=30)
@given(
    weights=st.lists(st.floats(0, 3), min_size=5, max_size=30).filter(lambda w: round(sum(w)) > 0),
    seed=st.integers(0, 99),
)
def test_a_row_of_weight_w_appears_w_times_rounded_up_or_down(weights, seed):
    some = replace(table(len(weights), 0), weights=np.array(weights, np.float32))
    recipe = Recipe(12, 1, "classes")
    rows = epoch_order(some, recipe, seed=seed, epoch=0).rows.ravel()
    count = round(float(some.weights.sum(dtype=np.float64)))
    assert len(rows) == steps_per_epoch(some, recipe) == count
    wanted = some.weights * (count / some.weights.sum(dtype=np.float64))
    times = np.bincount(rows, minlength=len(weights))
    assert (np.abs(times - wanted) < 1 + 1e-6).all()


def test_weights_hold_on_average():
    weights = np.array([0, 0.5, 0.25, 2, 1, 1.25] * 4, np.float32)
    some = replace(table(24, 0), weights=weights)
    recipe = Recipe(12, 4, backgrounds_per_face=0)
    counts = np.zeros(24)
    for epoch in range(600):
        rows = epoch_order(some, recipe, seed=1, epoch=epoch).rows.ravel()
        assert len(rows) == 20
        counts += np.bincount(rows, minlength=24)
    assert not counts[weights == 0].any()
    np.testing.assert_allclose(counts / 600, weights, atol=0.09)


def test_weights_of_backgrounds():
    some = table(40, 4)
    weights = some.weights.copy()
    weights[40:] = 0, 1, 3, 0
    rows = epoch_order(replace(some, weights=weights), Recipe(12, 8), seed=1, epoch=0).rows
    times = np.bincount(rows[:, 4:].ravel(), minlength=44)[40:]
    assert times.tolist() == [0, 10, 30, 0]


def test_orders_follow_from_seed_and_epoch_alone():
    def order(seed: int, epoch: int) -> np.ndarray:
        return epoch_order(table(), Recipe(12, 8), seed=seed, epoch=epoch).rows

    np.testing.assert_array_equal(order(3, 5), order(3, 5))
    for other in (order(3, 6), order(4, 5), order(5, 3)):
        assert not np.array_equal(order(3, 5), other)


def test_what_has_no_order():
    faces, squares = table(72, 0), table(0, 44)
    with pytest.raises(DataError, match="the index has no background among its 72 rows"):
        epoch_order(faces, Recipe(12, 10), seed=0, epoch=0)
    with pytest.raises(DataError, match="the index has no face of any weight among its 44 rows"):
        steps_per_epoch(squares, Recipe(12, 10))
    nothing = replace(faces, weights=np.zeros(72, np.float32))
    with pytest.raises(DataError, match="the index has no row of any weight among its 72 rows"):
        steps_per_epoch(nothing, Recipe(12, 10, "classes"))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"side": 0}, "Recipe.side must be a whole number above 0; got 0"),
        ({"batch_size": 2.5}, "Recipe.batch_size must be a whole number above 0; got 2.5"),
        ({"task": "faces"}, r"Recipe.task must be one of .*'classes'\); got 'faces'"),
        ({"backgrounds_per_face": -1}, "must not be negative; got -1"),
        ({"backgrounds_per_face": float("nan")}, "must not be negative; got nan"),
        ({"smallest": 0}, "Recipe.smallest must be positive; got 0"),
        (
            {"batch_size": 2, "backgrounds_per_face": 9},
            "a batch of 2 with 9 backgrounds per face has no face; make it larger",
        ),
    ],
)
def test_recipes_out_of_range(values, message):
    with pytest.raises(DataError, match=message):
        Recipe(**{"side": 12, "batch_size": 8, **values})


@pytest.mark.parametrize("intervals", [None, Intervals(), Intervals(scale=(0.5, 2), jpeg=30)])
def test_a_recipe_survives_json(intervals):
    recipe = Recipe(24, 7, "calibration", intervals, backgrounds_per_face=1 / 3, smallest=17.3)
    assert Recipe.from_dict(recipe.as_dict()) == recipe
