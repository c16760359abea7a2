"""Greedy filtering against the article's pseudocode."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cascade.nms import filter_frames
from lasagnette.ops import kernels

SETTINGS = settings(deadline=None, max_examples=50)


@pytest.fixture(autouse=True)
def restored():
    yield
    kernels.load()


def overlap_of(a, b, overlap):
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    common = max(width, 0) * max(height, 0)
    areas = a[2] * a[3], b[2] * b[3]
    return common / (sum(areas) - common if overlap == "iou" else min(areas))


def article_filter(frames, scores, threshold, overlap):
    """filter_frames of "Brotherhood of data", on indices."""
    result = []
    left = sorted(range(len(frames)), key=lambda i: -scores[i])
    while left:
        best = left.pop(0)
        result.append(best)
        left = [i for i in left if overlap_of(frames[best], frames[i], overlap) <= threshold]
    return result


@st.composite
def scored_frames(draw):
    # Coarse numbers, so that equal scores, equal frames and exact thresholds occur; every
    # quotient of areas is exact or far from the thresholds below.
    n = draw(st.integers(0, 25))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    frames = np.hstack([rng.integers(0, 12, (n, 2)), rng.integers(1, 9, (n, 2))])
    return frames.astype(np.float32), rng.integers(0, 8, n) / 8, rng.integers(0, 3, n)


@SETTINGS
@given(
    scored_frames(), st.sampled_from([0.0, 0.25, 0.5, 0.73, 1.0]), st.sampled_from(["iou", "min"])
)
def test_equals_the_article(given_frames, threshold, overlap):
    frames, scores, _ = given_frames
    kept = filter_frames(frames, scores, threshold, overlap=overlap)
    assert kept.tolist() == article_filter(frames.tolist(), scores, threshold, overlap)


@SETTINGS
@given(scored_frames(), st.sampled_from([0.0, 0.25, 0.73]))
def test_groups_are_filtered_apart(given_frames, threshold):
    frames, scores, groups = given_frames
    kept = filter_frames(frames, scores, threshold, groups=groups)
    apart = set()
    for group in set(groups.tolist()):
        members = np.flatnonzero(groups == group)
        apart |= set(members[filter_frames(frames[members], scores[members], threshold)].tolist())
    assert set(kept.tolist()) == apart
    assert (np.diff(scores[kept]) <= 0).all()


@SETTINGS
@given(scored_frames(), st.sampled_from([0.0, 0.3, 0.7]), st.sampled_from(["iou", "min"]))
def test_filtering_twice_changes_nothing(given_frames, threshold, overlap):
    frames, scores, groups = given_frames
    kept = filter_frames(frames, scores, threshold, overlap=overlap, groups=groups)
    again = filter_frames(
        frames[kept], scores[kept], threshold, overlap=overlap, groups=groups[kept]
    )
    assert again.tolist() == list(range(len(kept)))


@SETTINGS
@given(
    st.integers(0, 2**32 - 1), st.integers(0, 300), st.floats(0, 1), st.sampled_from(["iou", "min"])
)
def test_compiled_and_numpy_kernels_agree(seed, count, threshold, overlap):
    """Also where an overlap is equal to the threshold but for rounding."""
    rng = np.random.default_rng(seed)
    frames = rng.uniform(1, 50, (count, 4)).astype(np.float32)
    frames[::3] = np.rint(frames[::3])
    scores, groups = rng.integers(0, 40, count) / 40, rng.integers(-2, 2, count)
    if count > 1:  # a threshold that one of the pairs has exactly
        threshold = min(overlap_of(frames[0].tolist(), frames[1].tolist(), overlap), 1.0)
    found = []
    for name in (None, "numpy"):
        kernels.load(name)
        found.append(filter_frames(frames, scores, threshold, overlap=overlap, groups=groups))
    np.testing.assert_array_equal(*found)


@SETTINGS
@given(scored_frames(), st.sampled_from([0.0, 0.3, 0.7]), st.sampled_from(["iou", "min"]))
def test_the_order_of_frames_does_not_matter(given_frames, threshold, overlap):
    """Except among equal scores, where the earlier frame is the better one."""
    frames, _, groups = given_frames
    rng = np.random.default_rng(len(frames))
    scores, shuffled = rng.permutation(len(frames)) / 100, rng.permutation(len(frames))
    kept = filter_frames(frames, scores, threshold, overlap=overlap, groups=groups)
    again = filter_frames(
        frames[shuffled], scores[shuffled], threshold, overlap=overlap, groups=groups[shuffled]
    )
    np.testing.assert_array_equal(shuffled[again], kept)


def test_min_overlap_drops_a_small_frame_inside_a_large_one():
    frames = [[0, 0, 100, 100], [40, 40, 10, 10]]
    assert filter_frames(frames, [0.9, 0.8], 0.5).tolist() == [0, 1]
    assert filter_frames(frames, [0.9, 0.8], 0.5, overlap="min").tolist() == [0]


def test_nothing_in_nothing_out():
    assert filter_frames(np.empty((0, 4)), [], 0.5).shape == (0,)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[1, 2, 3]], [1], 0.5), r"frames must be an array \(n, 4\); got the shape \(1, 3\)"),
        (([[1, 2, 3, 4]], [1, 2], 0.5), r"scores must be one number per frame, \(1,\); got"),
        (([[1, 2, 3, 4]], [1], 1.5), "threshold must lie between 0 and 1; got 1.5"),
    ],
)
def test_wrong_arrays_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        filter_frames(*arguments)


def test_unknown_overlap_is_refused():
    with pytest.raises(ValueError, match=r"overlap must be one of .*; got 'max'"):
        filter_frames([[0, 0, 1, 1]], [1], 0.5, overlap="max")
