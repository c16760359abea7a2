"""The batching generator and the stages around it."""

import itertools

import numpy as np
import pytest
from cascade_nets import answering, confident, labels, picture, random_net
from hypothesis import given, settings
from hypothesis import strategies as st

from augment.boxes import iou_matrix
from augment.calibration import adjust, encode
from augment.functional import Levels
from cascade.batching import batched, unbatched
from cascade.stages import Candidates, calibrate, detect, filter_all, filter_sizes, slide
from cascade.sweep import Sweep
from cascade.windows import pyramid, windows_of_level

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
    found = list(detect(items, answering("net", 6, 2, forward), 0.5, batch_size=4, last=True))
    assert sizes == [4, 3]
    assert [item.key for item in found] == ["a", "none", "b"]
    assert [len(item.frames) for item in found] == [1, 0, 4]
    np.testing.assert_array_equal(found[0].frames, [bright])
    assert found[0].scores[0] > 0.99
    assert found[0].sizes.tolist() == [1]
    assert all(item.photo is None for item in found)
    assert [step.stage for step in found[2].steps] == ["net"]


def test_a_photograph_that_fails_leaves_the_others(image):
    net = answering("net", 6, 2, brightness)
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


FACES = np.random.default_rng(0).uniform(10, 60, (45, 4)).astype("f")


def filled(numbers, side=6):
    """Crops that are each filled with a number."""
    return np.repeat(np.array(numbers, np.uint8), 3 * side**2).reshape(-1, 3, side, side)


def waiting(key, frames, crops, photo=None):
    """Candidates on their way into calibration."""
    count = len(frames)
    scores = np.linspace(0.9, 0.8, count).astype("f")
    return Candidates(key, photo, frames, scores, np.arange(count), crops, steps=[])


@pytest.mark.parametrize("batch_size", [1, 7, 45, 100])
def test_a_sure_calibration_net_moves_frames_of_every_class_onto_the_face(batch_size):
    """Frames cut around faces so that each is of its class come back onto the faces."""
    classes = np.arange(45)
    frames = encode(FACES, classes)
    item = waiting("a", frames, filled(classes))
    net = answering("cal", 6, 45, confident)
    (found,) = calibrate([item], net, batch_size=batch_size)
    np.testing.assert_allclose(found.frames, FACES, rtol=1e-6, atol=1e-5)
    assert [step.stage for step in found.steps] == ["cal"]
    np.testing.assert_array_equal(found.steps[0].frames, found.frames)
    assert found.crops is None
    away = np.arange(45) != 22  # the class of frames that lie on the face
    assert (np.diagonal(iou_matrix(frames, FACES))[away] < 0.9).all()


def unsure(batch):
    """Logits of a calibration net that is not sure, of each crop alone."""
    answers = np.random.default_rng(1).normal(size=(256, 45)) * 3
    return answers[labels(batch)]


photos = st.lists(
    st.one_of(st.none(), st.lists(st.integers(0, 255), max_size=7)),  # None: one that failed
    max_size=12,
)


@SETTINGS
@given(photos, st.integers(1, 9), st.integers(0, 2**32))
def test_calibration_moves_each_photograph_by_its_own_probabilities(stream, batch_size, seed):
    rng = np.random.default_rng(seed)
    net = answering("cal", 6, 45, unsure)
    items, expected = [], []
    for key, numbers in enumerate(stream):
        frames = rng.uniform(5, 50, (len(numbers or []), 4)).astype("f")
        item = waiting(key, frames, filled(numbers or []))
        if numbers is None:
            item.fail(OSError("unreadable"))
        items.append(item)
        moved = adjust(frames, net.probabilities(filled(numbers))) if numbers else frames
        expected.append((moved, item.scores, item.sizes))
    found = list(calibrate(iter(items), net, batch_size=batch_size))
    assert [item.key for item in found] == list(range(len(stream)))
    for item, same, numbers, (frames, scores, sizes) in zip(
        found, items, stream, expected, strict=True
    ):
        assert item is same
        assert (item.error is None) == (numbers is not None)
        np.testing.assert_array_equal(item.frames, frames)
        np.testing.assert_array_equal(item.scores, scores)
        np.testing.assert_array_equal(item.sizes, sizes)
        assert [len(step.frames) for step in item.steps] == [len(frames)] * (item.error is None)
        assert item.crops is None


PICTURES = [picture(seed, 60, 80) for seed in range(3)]
broken = st.sampled_from(["unreadable", "nowhere"])
scenes = st.lists(st.one_of(broken, st.integers(0, 7)), max_size=10)


def pipeline(items, batch_size):
    """Two stages with calibration, filtering and the last filtering, as the detector's."""
    first, second = answering("one", 6, 2, brightness), answering("two", 9, 2, brightness)
    first_cal, second_cal = (answering(f"cal{n}", 6 + 3 * n, 45, by_mean) for n in (0, 1))
    items = detect(items, first, 0.4, batch_size=batch_size, crops=True)
    items = filter_sizes(calibrate(items, first_cal, batch_size=batch_size), "one", 0.5)
    items = detect(items, second, 0.45, batch_size=batch_size, crops=True, last=True)
    items = filter_sizes(calibrate(items, second_cal, batch_size=batch_size), "two", 0.5)
    return filter_all(items, 0.3)


def by_mean(batch):
    """A calibration net whose answer depends on each crop alone, bit by bit."""
    means = [int(crop.mean(dtype=np.float64) * 100) % 45 for crop in batch]
    return np.where(np.array(means, int)[:, None] == np.arange(45), 9.0, 0.0)


def scene(key, kind, seed):
    rng = np.random.default_rng([seed, key])
    count = kind if isinstance(kind, int) else 3
    frames = np.column_stack([rng.uniform(-5, 50, (count, 2)), rng.uniform(5, 40, (count, 2))])
    frames[:, 3] = frames[:, 2]
    if kind == "nowhere":
        frames[1] = np.nan
    item = candidates(key, frames, PICTURES[key % 3])
    if kind == "unreadable":
        item.fail(OSError("unreadable"))
    return item


@settings(deadline=None, max_examples=40)
@given(scenes, st.integers(1, 9), st.integers(0, 2**32))
def test_streams_keep_order_and_lose_nothing_at_any_batch_size(kinds, batch_size, seed):
    def items():
        return (scene(key, kind, seed) for key, kind in enumerate(kinds))

    found = list(pipeline(items(), batch_size))
    assert [item.key for item in found] == list(range(len(kinds)))
    for item, kind, single in zip(found, kinds, items(), strict=True):
        assert (item.error is not None) == (not isinstance(kind, int))
        (alone,) = pipeline([single], 100)
        for name in ("frames", "scores", "sizes"):
            np.testing.assert_array_equal(getattr(item, name), getattr(alone, name))
        assert [step.stage for step in item.steps] == [step.stage for step in alone.steps]
        for ours, theirs in zip(item.steps, alone.steps, strict=True):
            np.testing.assert_array_equal(ours.frames, theirs.frames)
        assert item.photo is None
        assert item.crops is None
        if isinstance(kind, int):
            counts = [len(step.frames) for step in item.steps]
            assert counts == sorted(counts, reverse=True)
            assert counts[0] <= kind


def test_a_stream_takes_photographs_as_it_needs_them():
    """Memory is bounded: what comes out first did not wait for the last photograph."""
    taken = []

    def items():
        for key in range(1000):
            taken.append(key)
            yield scene(key, 5, 0)

    first = next(pipeline(items(), 8))
    assert first.key == 0
    assert len(taken) < 50


def test_the_first_stage_keeps_the_pixels_of_the_windows_that_fired():
    image = picture(5)
    net = random_net("net12", 4)
    items = [Candidates("a", Levels(image)), Candidates("empty", Levels(image[:5]))]
    swept = slide(
        items,
        Sweep(net.plan, net.scaling),
        "net12",
        0.5,
        min_face=24,
        factor=1.4,
        stride=2,
        crops=True,
    )
    found, empty = swept
    assert len(found.frames) > 20
    assert found.crops.shape == (len(found.frames), 3, 12, 12)
    assert len(set(found.sizes.tolist())) > 1
    np.testing.assert_allclose(net.faces(found.crops), found.scores, atol=1e-5)
    levels = pyramid(90, 120, side=12, min_face=24, factor=1.4)
    for number in set(found.sizes.tolist()):
        windows = {tuple(window) for window in windows_of_level(levels[number], 2).tolist()}
        assert {tuple(frame) for frame in found.frames[found.sizes == number].tolist()} <= windows
    assert empty.crops.shape == (0, 3, 12, 12)
    assert empty.windows == 0


def test_a_first_stage_without_calibration_keeps_no_pixels():
    net = random_net("net12", 4)
    sweep = Sweep(net.plan, net.scaling)
    options = {"min_face": 24, "factor": 1.4, "stride": 4}
    (found,) = slide([Candidates("a", Levels(picture(5)))], sweep, "net12", 0.5, **options)
    assert found.crops is None
    assert len(found.frames)
