"""The batching generator and the stages around it."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augment.functional import Levels
from cascade.batching import batched, unbatched
from cascade.stages import Candidates, Net, detect, filter_all, filter_sizes
from nets.scaling import Scaling

SETTINGS = settings(deadline=None, max_examples=50)
lengths = st.lists(st.integers(0, 9), max_size=20)


def numbered(counts):
    """Owners that are different objects, with rows that tell where they come from."""
    count = itertools.count()
    return [([i], np.array([next(count) for _ in range(n)], int)) for i, n in enumerate(counts)]


@SETTINGS
@given(lengths, st.integers(1, 7))
def test_batches_are_full_ordered_and_complete(counts, size):
    items = numbered(counts)
    batches = list(batched(iter(items), size))
    assert all(len(batch) == size for _, batch in batches[:-1])
    rows = [row for _, batch in batches for row in batch]
    assert rows == list(range(sum(counts)))
    assert all(sum(rows for _, rows in owners) == len(batch) for owners, batch in batches)


@SETTINGS
@given(lengths, st.integers(1, 7))
def test_unbatched_gives_everyone_their_rows_back(counts, size):
    items = numbered(counts)
    again = list(unbatched(batched(iter(items), size)))
    assert len(again) == len(items)
    for (owner, rows), (same, expected) in zip(again, items, strict=True):
        assert owner is same
        assert rows.tolist() == expected.tolist()


def test_a_full_batch_does_not_wait_for_more():
    taken = []

    def items():
        for number in range(5):
            taken.append(number)
            yield number, np.zeros(3)

    next(batched(items(), 4))
    assert taken == [0, 1]


def test_many_owners_without_rows_do_not_wait_for_ever():
    owners, batch = next(batched(((i, np.zeros(0)) for i in itertools.count()), 8))
    assert len(batch) == 0
    assert 10 < len(owners) < 1000


def test_an_empty_batch_size_is_refused():
    with pytest.raises(ValueError, match="size must be at least 1; got 0"):
        next(batched([], 0))


def brightness(batch):
    """A net that takes bright crops for faces."""
    face = batch.astype(np.float64).mean(axis=(1, 2, 3)) * 10
    return np.stack([np.zeros_like(face), face], axis=1).astype(np.float32)


def candidates(key, frames, image):
    frames = np.asarray(frames, np.float32).reshape(-1, 4)
    return Candidates(
        key,
        Levels(image),
        frames,
        np.linspace(0.9, 0.8, len(frames)).astype(np.float32),
        np.arange(len(frames)) % 2,
        steps=[],
    )


@pytest.fixture
def image():
    picture = np.full((60, 80, 3), 20, np.uint8)
    picture[:, 40:] = 230
    return picture


def test_detect_fills_batches_across_photographs(image):
    sizes = []

    def forward(batch):
        sizes.append(len(batch))
        return brightness(batch)

    dark, bright = [2, 2, 20, 20], [50, 10, 20, 20]
    items = [
        candidates("a", [dark, bright, dark], image),
        candidates("none", [], image),
        candidates("b", [bright] * 4, image),
    ]
    found = list(detect(items, Net("net", 6, Scaling(), forward), 0.5, batch_size=4, last=True))
    assert sizes == [4, 3]
    assert [item.key for item in found] == ["a", "none", "b"]
    assert [len(item.frames) for item in found] == [1, 0, 4]
    np.testing.assert_array_equal(found[0].frames, [bright])
    assert found[0].scores[0] > 0.99
    assert found[0].sizes.tolist() == [1]
    assert all(item.photo is None for item in found)
    assert [step.stage for step in found[2].steps] == ["net"]


def test_a_photograph_that_fails_leaves_the_others(image):
    net = Net("net", 6, Scaling(), brightness)
    items = [
        candidates("a", [[50, 10, 20, 20]], image),
        candidates("broken", [[50, 10, 20, 20], [np.nan, 0, 1, 1]], image),
        candidates("b", [[50, 10, 20, 20]], image),
    ]
    a, broken, b = detect(items, net, 0.5, batch_size=2)
    assert isinstance(broken.error, ValueError)
    assert len(broken.frames) == len(broken.scores) == len(broken.sizes) == 0
    assert len(a.frames) == len(b.frames) == 1
    assert a.photo is not None


def test_frames_are_filtered_inside_their_size_and_then_among_all(image):
    frames = [[0, 0, 10, 10], [1, 0, 10, 10], [0, 1, 10, 10], [1, 1, 10, 10]]
    items = list(filter_sizes([candidates("a", frames, image)], "net", 0.5))
    assert items[0].frames.tolist() == [frames[0], frames[1]]
    (item,) = filter_all(items, 0.5)
    assert item.frames.tolist() == [frames[0]]
    assert [step.stage for step in item.steps] == ["net in size", "at last"]
    assert [len(step.frames) for step in item.steps] == [2, 1]


def test_merging_moves_the_kept_frame(image):
    frames = [[0, 0, 10, 10], [2, 0, 10, 10]]
    (item,) = filter_all([candidates("a", frames, image)], 0.5, merge=True)
    np.testing.assert_allclose(item.frames, [[2 * 0.8 / 1.7, 0, 10, 10]], rtol=1e-5)
    assert item.scores.tolist() == pytest.approx([0.9])
