"""The vote of 45 squares, against a loop over them, one at a time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from cascade_nets import picture
from hypothesis import given, settings
from hypothesis import strategies as st
from smile_nets import faces_on_black, grey_net, grey_of, noisy_net

from augment.calibration import CLASSES, IDENTITY
from augment.datasets.smileys import SMILEYS
from augment.functional import Levels, crop
from cascade import voting
from cascade.voting import GRID, REACH, single, vote, vote_photos, vote_squares

SQUARES = np.array([[10, 20, 40, 40], [55.5, 30.25, 33, 33], [-8, -6, 30, 30]], np.float32)


def slow_vote(net, image, square):
    """The article's: each of the 45 squares cut and asked about alone."""
    total = np.zeros(net.plan.classes)
    x, y, width, height = (float(number) for number in square)
    for scale, right, down in CLASSES:
        wide, high = (side * scale**REACH for side in (width, height))
        middle = x + width * (0.5 + REACH * right), y + height * (0.5 + REACH * down)
        frame = [middle[0] - wide / 2, middle[1] - high / 2, wide, high]
        pixels = crop(image, frame, net.side).transpose(2, 0, 1)
        total += net.probabilities(pixels[None])[0]
    return total / 45


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_vote_is_that_of_a_slow_loop(seed: int) -> None:
    net, image = noisy_net(seed), picture(seed)
    votes = vote(net, image, SQUARES)
    expected = np.array([slow_vote(net, image, square) for square in SQUARES])
    assert votes.probabilities.dtype == np.float32
    assert np.ptp(expected) > 0.05, "the net says the same of everything"
    np.testing.assert_allclose(votes.probabilities, expected, atol=1e-5)
    np.testing.assert_array_equal(votes.label, expected.argmax(axis=1))
    np.testing.assert_allclose(votes.score, expected.max(axis=1), atol=1e-5)
    np.testing.assert_allclose(votes.probabilities.sum(axis=1), 1, atol=1e-5)


@settings(deadline=None, max_examples=15)
@given(
    st.lists(
        st.tuples(st.floats(-20, 100), st.floats(-20, 80), st.floats(2, 90)), min_size=1, max_size=4
    )
)
def test_faces_do_not_change_each_other(places: list[tuple[float, float, float]]) -> None:
    net, photo = noisy_net(3), Levels(picture(3))
    squares = np.array([(x, y, side, side) for x, y, side in places], np.float32)
    together = vote(net, photo, squares)
    alone = [vote(net, photo, [square]).probabilities[0] for square in squares]
    np.testing.assert_allclose(together.probabilities, alone, atol=1e-5)


@pytest.mark.parametrize("reach", [REACH, 1.0])
def test_the_squares_are_the_calibration_grid_about_the_middle(reach: float) -> None:
    squares = vote_squares(SQUARES, reach=reach)
    np.testing.assert_allclose(squares[0, :, 2] / 40, CLASSES[:, 0] ** reach, rtol=1e-6)
    np.testing.assert_array_equal(squares[0, :, 2], squares[0, :, 3])
    middles = (squares[0, :, :2] + squares[0, :, 2:] / 2 - [30, 40]) / 40
    np.testing.assert_allclose(middles, CLASSES[:, 1:] * reach, atol=1e-6)


def test_the_squares_are_45_neighbours_and_the_square_itself() -> None:
    squares = vote_squares(SQUARES)
    assert squares.shape == (3, 45, 4)
    np.testing.assert_allclose(squares[:, IDENTITY], SQUARES)
    assert len({tuple(row) for row in squares[0].tolist()}) == 45
    np.testing.assert_allclose(vote_squares(SQUARES, [3, 7]), squares[:, [3, 7]])


def test_the_square_alone_says_what_the_net_says() -> None:
    net, image = noisy_net(4), picture(4)
    pixels = np.stack([crop(image, square, 48).transpose(2, 0, 1) for square in SQUARES])
    found = single(net, image, SQUARES)
    np.testing.assert_allclose(found.probabilities, net.probabilities(pixels), atol=1e-6)


def test_the_score_is_the_winners_part_of_the_votes() -> None:
    net = grey_net(sure=100)
    image = faces_on_black([(40, 30, ":-D")])
    inside = vote(net, image, [[55, 45, 30, 30]])
    assert SMILEYS[inside.label[0]] == ":-D"
    assert inside.score[0] == pytest.approx(1)
    image[:, 67:] = grey_of(":-!")  # some squares have more of it than others
    split = vote(net, image, [[55, 45, 30, 30]])
    assert 0.3 < split.score[0] < 0.9, "the squares say different things"


def test_all_faces_are_cut_at_once_and_go_through_the_net_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cuts, batches = [], []
    real = voting.crop_photos
    monkeypatch.setattr(voting, "crop_photos", lambda *args: cuts.append(1) or real(*args))
    net = noisy_net(5)

    def counting(batch):
        batches.append(len(batch))
        return net.plan(batch)

    counting.side, counting.classes = 48, 17  # type: ignore[attr-defined]
    counted = replace(net, plan=counting)
    vote(counted, picture(5), SQUARES)
    assert (len(cuts), batches) == (1, [135])


def test_many_faces_of_several_photographs() -> None:
    net, photos = noisy_net(6), [Levels(picture(seed)) for seed in (6, 7)]
    squares = np.array([[5 * n, 3 * n, 20 + n, 20 + n] for n in range(11)], np.float32)
    owners = [photos[n % 2] for n in range(11)]
    together = vote_photos(net, owners, squares)
    for n in range(11):
        alone = vote(net, photos[n % 2], squares[[n]])
        np.testing.assert_allclose(together.probabilities[n], alone.probabilities[0], atol=1e-5)


def test_no_face_is_no_vote() -> None:
    votes = vote(noisy_net(0), picture(0), np.zeros((0, 4)))
    assert votes.probabilities.shape == (0, 17)
    assert votes.label.shape == votes.score.shape == (0,)


def test_what_cannot_vote_is_told() -> None:
    net, photo = noisy_net(0), Levels(picture(0))
    with pytest.raises(ValueError, match="at least one square votes; got an empty grid"):
        vote(net, photo, SQUARES, grid=())
    with pytest.raises(ValueError, match=r"each of the 3 faces has a photograph; got 1"):
        vote_photos(net, [photo], SQUARES)
    with pytest.raises(ValueError, match="frames must be finite with positive width"):
        vote(net, photo, [[0, 0, np.nan, 5]])
    with pytest.raises(ValueError, match="a photograph is a uint8 array"):
        vote(net, np.zeros((4, 4)), SQUARES)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"the grid has classes 0 to 44; got \[45\]"):
        vote_squares(SQUARES, [45])
    assert tuple(range(45)) == GRID
