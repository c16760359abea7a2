"""Hard negatives from synthetic backgrounds, and the reservoir that they are kept in."""

import h5py
import numpy as np
import pytest

from augment.boxes import iou_matrix
from cascade.mining import BANDS, mine
from cascade.reservoir import Reservoir
from cascade.stages import Candidates

COLUMNS = ("lots", "photos", "bands", "frames", "scores")


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


def same(one, other):
    for name in (*COLUMNS, "limit", "seed", "searched", "seen"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_everything_that_fires_below_the_limit():
    detector = Fires({"a": squares(3), "b": squares(2, 1), "c": NONE})
    found = Reservoir(10, seed=0)
    photos = [(5, "a", NONE), (6, "c", NONE), (7, "b", NONE)]
    assert list(mine(detector, photos, found, depth=2)) == [5, 6, 7]
    assert detector.depth == 2
    assert found.photos.tolist() == [5, 5, 5, 7, 7]
    np.testing.assert_array_equal(found.frames[:3], squares(3).astype(np.float32))
    assert found.frames.dtype == found.scores.dtype == np.float32
    assert (found.seen, found.searched) == (5, 3)
    assert not found.bands.any()


def test_bands_are_those_of_the_overlap_and_frames_on_faces_are_left_out():
    face = np.array([[100, 100, 20, 20]], np.float32)
    shifts = np.array([0, 7, 12, 15, 18, 50])  # IoU 1, .48, .25, .14, .05, 0
    frames = np.repeat(face, len(shifts), axis=0)
    frames[:, 0] += shifts
    found = Reservoir(10, seed=0)
    list(mine(Fires({"a": frames}), [(0, "a", face)], found))
    np.testing.assert_array_equal(found.frames[:, 0] - 100, [12, 15, 18, 50])
    assert found.bands.tolist() == [3, 2, 1, 1]
    worst = iou_matrix(found.frames, face)[:, 0]
    for band in (1, 2, 3):
        inside = worst[found.bands == band]
        assert (inside >= BANDS[band - 1]).all()
        assert (inside < BANDS[band]).all()


def test_sure_finds_beside_annotated_faces_are_suspected_of_being_faces():
    face = np.array([[100, 100, 20, 20]], np.float32)
    found = Reservoir(10, seed=0)
    detector = Fires({"a": squares(3) - [300, 0, 0, 0], "b": squares(3)})
    list(mine(detector, [(0, "a", face), (1, "b", NONE)], found, suspect=0.8))
    # the scores are .9, .7 and .5; only photographs with faces can hold forgotten ones
    assert found.photos.tolist() == [0, 0, 1, 1, 1]
    np.testing.assert_allclose(found.scores, [0.7, 0.5, 0.9, 0.7, 0.5])


def test_a_photograph_that_fails_is_named_and_the_rest_goes_on():
    error, told = OSError("broken"), []
    detector = Fires({"a": squares(2)})
    found = Reservoir(9, seed=0)
    photos = [(0, error, NONE), (1, "a", NONE)]
    list(mine(detector, photos, found, failed=lambda number, why: told.append((number, why))))
    assert told == [(0, error)]
    assert found.photos.tolist() == [1, 1]
    assert found.searched == 2


def test_the_choice_is_bounded_even_and_repeatable():
    counts = np.zeros(30)
    detector = Fires({str(i): squares(3, i) for i in range(10)})
    photos = [(i, str(i), NONE) for i in range(10)]
    every = np.concatenate([squares(3, i) for i in range(10)]).astype(np.float32)
    for seed in range(300):
        found = Reservoir(6, seed)
        list(mine(detector, photos, found))
        assert len(found.frames) == 6
        assert found.seen == 30
        rows = [int(np.flatnonzero((every == frame).all(axis=1))[0]) for frame in found.frames]
        assert [row // 3 for row in rows] == found.photos.tolist()
        counts[rows] += 1
    # 300 * 6 / 30 = 60 expected, 7 the deviation of a binomial.
    assert abs(counts - 60).max() < 30
    again = Reservoir(6, 299)
    list(mine(detector, photos, again))
    same(found, again)


def test_each_band_has_the_whole_limit():
    found = Reservoir(4, seed=1)
    found.add(0, np.repeat([0, 2], [20, 3]), squares(23).astype("f"), np.ones(23, "f"))
    assert np.bincount(found.bands).tolist() == [4, 0, 3]


def test_a_search_that_was_interrupted_goes_on_to_the_same_choice(tmp_path):
    detector = Fires({str(i): squares(4, i) for i in range(8)})
    photos = [(i, str(i), NONE) for i in range(8)]
    whole = Reservoir(7, seed=3)
    list(mine(detector, photos, whole))
    first = Reservoir(7, seed=3)
    list(mine(detector, photos[:5], first))
    first.save(tmp_path / "part.h5")
    second = Reservoir.load(tmp_path / "part.h5", 7, 3)
    assert second.searched == 5
    list(mine(detector, photos[second.searched :], second))
    same(whole, second)


@pytest.mark.parametrize(("limit", "seed"), [(8, 3), (7, 4)])
def test_other_settings_begin_anew(tmp_path, limit, seed):
    found = Reservoir(7, seed=3)
    list(mine(Fires({"a": squares(4)}), [(0, "a", NONE)], found))
    found.save(tmp_path / "part.h5")
    assert Reservoir.load(tmp_path / "part.h5", limit, seed).searched == 0


def test_a_damaged_file_begins_anew(tmp_path):
    path = tmp_path / "part.h5"
    path.write_bytes(b"no HDF5")
    assert Reservoir.load(path, 7, 3).searched == 0
    with h5py.File(path, "w") as file:
        file.attrs["limit"] = 7
        file["unknown"] = 1
    assert Reservoir.load(path, 7, 3).searched == 0


def test_a_limit_below_one_is_refused():
    with pytest.raises(ValueError, match="limit must be at least 1; got 0"):
        Reservoir(0, seed=1)
