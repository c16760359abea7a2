"""The figures of a smiley net: accuracy, macro F1, who was taken for whom."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from drawn_smileys import SQUARE, draw_smileys
from smile_nets import noisy_net

from augment.smiley_splits import all_smileys
from scripts.smileys_measures import Found, baselines, tell, told_alone, told_by_vote


def test_a_small_table_by_hand() -> None:
    told = tell(np.array([0, 0, 1, 16]), np.array([0, 1, 1, 1]))
    assert told.accuracy == 0.5
    # precision and recall: 1/2 and 1 of class 0, 1 and 1/3 of class 1, and 16 was said in vain
    assert told.macro_f1 == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)
    assert told.confusion[1, [0, 1, 16]].tolist() == [1, 1, 1]
    assert told.confusion.sum() == 4


def test_a_face_that_was_not_found_is_told_wrong() -> None:
    told = tell(np.array([0, 0, 1, -1]), np.array([0, 1, 1, 1]))
    assert told.accuracy == 0.5
    assert told.macro_f1 == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert told.confusion.sum() == 3


def test_the_vote_of_faces_some_of_which_were_not_found(tmp_path: Path) -> None:
    draw_smileys(tmp_path)
    index, net = all_smileys(tmp_path), noisy_net(1)
    squares = np.tile(np.array([[*SQUARE, SQUARE[2]]], np.float32), (len(index), 1))
    rows = np.arange(0, len(index), 2)
    whole = told_by_vote(net, index, Found(np.arange(len(index)), squares))
    half = told_by_vote(net, index, Found(rows, squares[rows]))
    for name in ("detector's square", "vote of 45"):
        assert whole[name].confusion.sum() == len(index)
        assert half[name].confusion.sum() == len(rows)
        assert half[name].accuracy == np.diag(half[name].confusion).sum() / len(index)
    # the labelled squares are the same as those found here
    alone = told_alone(net, index)
    np.testing.assert_array_equal(alone.confusion, whole["detector's square"].confusion)


def test_baselines_need_no_net(tmp_path: Path) -> None:
    draw_smileys(tmp_path)
    index = all_smileys(tmp_path)
    told = baselines(index, index)
    assert told["nearest neighbour"].accuracy == 1
    assert told["most frequent"].accuracy == pytest.approx(1 / 3)
