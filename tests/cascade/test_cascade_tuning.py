"""Thresholds from recall, and the table of stages, on frames made up by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.detector import Detection, Trace
from cascade.stages import Candidates, Step
from cascade.tuning import best_scores, stage_table, threshold_at

FACES = np.array([[0, 0, 10, 10], [50, 50, 20, 20]], np.float32)
RIGHT = np.array([2, 0, 0, 0], np.float32)


class Says:
    """Stands for a detector with a fixed answer for every photograph."""

    def __init__(self, answers):
        self.answers = answers

    def candidates(self, photos, *, depth):
        for key, image in photos:
            frames, scores = self.answers[image]
            yield Candidates(key, frames=np.array(frames, "f"), scores=np.array(scores, "f"))

    def detect_many(self, photos, *, trace):
        assert trace
        for key, image in photos:
            yield key, self.answers[image]


def test_a_face_has_the_best_score_of_the_frames_that_show_it():
    frames = [[0, 0, 10, 10], [2, 0, 10, 10], [6, 0, 10, 10], [50, 50, 20, 20]]
    detector = Says({"a": (frames, [0.3, 0.6, 0.9, 0.2]), "b": ([[0, 0, 9, 9]], [0.5])})
    scores = best_scores(detector, [(0, "a", FACES), (1, "b", FACES)], 1)
    # the third frame overlaps by 4 / 16 only; in "b" the second face is missed
    np.testing.assert_allclose(scores, [0.6, 0.2, 0.5, 0])


@given(
    st.lists(st.floats(0, 1, width=32), min_size=1, max_size=60).filter(any),
    st.floats(0.01, 1),
)
def test_the_threshold_keeps_the_recall_and_no_more_than_it_must(scores, recall):
    scores = np.array(scores)
    threshold = threshold_at(scores, recall)
    found = np.count_nonzero(scores)
    kept = np.count_nonzero(scores >= threshold)
    needed = min(found, int(np.ceil(recall * len(scores) - 1e-9)))
    assert kept >= needed
    clearly_above = np.count_nonzero(scores * 0.99 > threshold)
    assert clearly_above <= max(needed, 1)


def test_no_face_found_is_said():
    with pytest.raises(ValueError, match="no face was found"):
        threshold_at(np.zeros(3), 0.99)


def test_the_table_counts_frames_recall_and_overlap():
    off, on = FACES + RIGHT, FACES
    far = np.array([[200, 200, 10, 10]], np.float32)
    steps = [
        Step("net", np.concatenate([off, far]), np.ones(3, "f")),
        Step("net_cal", np.concatenate([on, far]), np.ones(3, "f")),
        Step("net in size", on[:1], np.ones(1, "f")),
        Step("at last", on[:1], np.ones(1, "f")),
    ]
    found = Detection(on[:1], np.ones(1, "f"), Trace(7, steps))
    nothing = [Step(step.stage, on[:0], np.ones(0, "f")) for step in steps]
    none = Detection(on[:0], np.ones(0, "f"), Trace(3, nothing))
    rows = stage_table(Says({"a": found, "b": none}), [(0, "a", FACES), (1, "b", FACES[:0])])
    assert [row.step for row in rows] == ["windows", "net", "net_cal", "net in size", "at last"]
    assert [row.frames for row in rows] == [5, 1.5, 1.5, 0.5, 0.5]
    assert [row.recall for row in rows[1:]] == [1, 1, 0.5, 0.5]
    before = (8 / 12 + 18 / 22) / 2
    np.testing.assert_allclose([row.overlap for row in rows[1:4]], [before, 1, 1], rtol=1e-6)


def test_overlap_after_moving_is_that_of_the_frames_near_before():
    near, far = FACES[:1] + 2 * RIGHT, FACES[:1] + 4 * RIGHT
    moved = np.concatenate([FACES[:1], FACES[:1]])
    steps = [
        Step("net", np.concatenate([near, far]), np.ones(2, "f")),
        Step("net_cal", moved, np.ones(2, "f")),
    ]
    answer = Detection(moved, np.ones(2, "f"), Trace(2, steps))
    rows = stage_table(Says({"a": answer}), [(0, "a", FACES[:1])])
    np.testing.assert_allclose([rows[1].overlap, rows[2].overlap], [6 / 14, 1])


def test_a_photograph_that_fails_is_left_out():
    rows = stage_table(Says({"a": ValueError("broken")}), [(0, "a", FACES)])
    assert [row.step for row in rows] == ["windows"]
    assert rows[0].frames == 0
