"""Hard negatives from synthetic backgrounds."""

import numpy as np
import pytest

from augment.boxes import iou_matrix
from cascade.mining import mine
from cascade.stages import Candidates


class Fires:
    """Stands for a detector that fires on given frames."""

    def __init__(self, frames):
        self.frames = {key: np.asarray(value, np.float32) for key, value in frames.items()}
        self.depth = None

    def candidates(self, photos, *, depth):
        self.depth = depth
        for key, image in photos:
            if isinstance(image, Exception):
                yield Candidates(key, error=image)
                continue
            frames = self.frames[image]
            scores = np.linspace(0.9, 0.5, len(frames)).astype(np.float32)
            yield Candidates(key, frames=frames, scores=scores)


def squares(n, seed=0):
    rng = np.random.default_rng(seed)
    return np.column_stack([rng.uniform(0, 200, (n, 2)), np.full((n, 2), 20.0)])


NONE = np.empty((0, 4), np.float32)


def test_everything_that_fires_below_the_limit():
    detector = Fires({"a": squares(3), "b": squares(2, 1), "c": NONE})
    photos = [("A", "a", NONE), ("C", "c", NONE), ("B", "b", NONE)]
    found = mine(detector, photos, 10, np.random.default_rng(0), depth=2)
    assert detector.depth == 2
    assert found.keys == ["A", "A", "A", "B", "B"]
    np.testing.assert_array_equal(found.frames[:3], squares(3).astype(np.float32))
    assert found.frames.dtype == found.scores.dtype == np.float32
    assert found.seen == 5
    assert found.failed == []


def test_frames_on_faces_are_left_out():
    faces = squares(1)
    shifted = faces + np.array([7, 0, 0, 0])  # overlaps by 13 / 27
    beside = faces + np.array([15, 0, 0, 0])  # by 5 / 35
    detector = Fires({"a": np.concatenate([faces, shifted, beside])})
    found = mine(detector, [("A", "a", faces)], 10, np.random.default_rng(0))
    np.testing.assert_allclose(found.frames, beside)
    assert iou_matrix(found.frames, faces.astype(np.float32)).max() < 0.3


def test_a_photograph_that_fails_is_named():
    error = OSError("broken")
    detector = Fires({"a": squares(2)})
    found = mine(detector, [("X", error, NONE), ("A", "a", NONE)], 9, np.random.default_rng(0))
    assert found.failed == [("X", error)]
    assert found.keys == ["A", "A"]


def test_the_choice_is_bounded_even_and_repeatable():
    counts = np.zeros(30)
    detector = Fires({str(i): squares(3, i) for i in range(10)})
    photos = [(i, str(i), NONE) for i in range(10)]
    every = np.concatenate([squares(3, i) for i in range(10)]).astype(np.float32)
    for seed in range(300):
        found = mine(detector, photos, 6, np.random.default_rng(seed))
        assert len(found.keys) == len(found.frames) == len(found.scores) == 6
        assert found.seen == 30
        rows = [int(np.flatnonzero((every == frame).all(axis=1))[0]) for frame in found.frames]
        assert [row // 3 for row in rows] == found.keys
        counts[rows] += 1
    # 300 * 6 / 30 = 60 expected, 7 the deviation of a binomial.
    assert abs(counts - 60).max() < 30
    again = mine(detector, photos, 6, np.random.default_rng(299))
    np.testing.assert_array_equal(again.frames, found.frames)


def test_no_photograph_gives_no_frame():
    found = mine(Fires({}), [], 5, np.random.default_rng(0))
    assert found.frames.shape == (0, 4)
    assert found.keys == []


def test_an_empty_limit_is_refused():
    with pytest.raises(ValueError, match="limit must be at least 1; got 0"):
        mine(Fires({}), [], 0, np.random.default_rng(0))
