"""Threads that share a stream: order, bounds, failures, and the same faces as one thread finds."""

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cascade.bundle import Cascade, Net, Stage
from cascade.detector import Detector
from cascade.parallel import in_threads
from lasagnette.ops import kernels
from nets.plan import INPUT, Plan, Step
from nets.scaling import Scaling


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 40), st.integers(1, 4), st.integers(1, 9))
def test_nothing_is_lost_and_the_order_is_kept(count, jobs, size):
    doubled = in_threads(lambda part: [2 * item for item in part], range(count), jobs, size=size)
    assert list(doubled) == [2 * item for item in range(count)]


def test_parts_run_side_by_side():
    meeting = threading.Barrier(2, timeout=20)

    def wait_for_the_other(part):
        meeting.wait()
        return part

    assert list(in_threads(wait_for_the_other, range(4), 2, size=1)) == [0, 1, 2, 3]


def test_the_stream_is_read_no_further_than_the_parts_in_work():
    taken = []

    def stream():
        for number in range(100):
            taken.append(number)
            yield number

    found = in_threads(lambda part: part, stream(), 2, size=3)
    assert next(found) == 0
    assert len(taken) == 3 * (2 + 1)
    found.close()
    assert len(taken) == 3 * (2 + 1)


def test_what_the_function_raises_comes_out_in_its_turn():
    def fail_at_four(part):
        if 4 in part:
            raise RuntimeError("four")
        return part

    found = in_threads(fail_at_four, range(8), 2, size=2)
    assert [next(found) for _ in range(4)] == [0, 1, 2, 3]
    with pytest.raises(RuntimeError, match="four"):
        next(found)


def test_the_kernels_threads_are_as_before():
    before = kernels.get_threads()
    kernels.set_threads(3)
    try:
        inside = list(in_threads(lambda part: [kernels.get_threads()], range(2), 2, size=1))
        assert inside == [1, 1]
        assert kernels.get_threads() == 3
    finally:
        kernels.set_threads(before)


def test_no_jobs_are_refused():
    with pytest.raises(ValueError, match="must be at least 1; got 0"):
        next(in_threads(list, [1], 0))


def net(side, filters, seed):
    rng = np.random.default_rng(seed)
    cells = filters * (side // 2) ** 2
    steps = [
        Step("conv", [INPUT], "conv", relu=True, pool=True),
        Step("dense", ["conv"], "dense"),
    ]
    arrays = {
        "conv.W": rng.normal(size=(filters, 3, 3, 3)) / 5,
        "conv.b": np.zeros(filters),
        "dense.W": rng.normal(size=(cells, 2)) / cells**0.5,
        "dense.b": np.zeros(2),
    }
    return Net(f"net{side}", Plan(side, steps, arrays), Scaling())


def test_a_detector_finds_the_same_faces_on_several_threads():
    rng = np.random.default_rng(0)
    sizes = rng.integers(30, 90, (30, 2))
    pictures: list[np.ndarray | Exception] = [
        rng.integers(0, 256, (*size, 3), np.uint8) for size in sizes
    ]
    pictures[7] = OSError("unreadable")
    photos = list(enumerate(pictures))
    stages = Stage(net(12, 8, seed=0), 0.5), Stage(net(24, 8, seed=1), 0.5)
    detector = Detector(Cascade(stages), min_face=20)
    alone = list(detector.detect_many(photos))
    assert sum(len(found.boxes) for _, found in alone if not isinstance(found, Exception)) > 50
    shared = list(detector.detect_many(photos, jobs=3))
    assert [key for key, _ in shared] == list(range(30))
    assert isinstance(shared[7][1], OSError)
    for (_, one), (_, other) in zip(alone, shared, strict=True):
        if not isinstance(one, Exception) and not isinstance(other, Exception):
            np.testing.assert_allclose(other.boxes, one.boxes, atol=1e-3)
            np.testing.assert_allclose(other.scores, one.scores, atol=1e-4)
    with pytest.raises(ValueError, match="must be at least 1; got 0"):
        next(detector.detect_many(photos, jobs=0))
