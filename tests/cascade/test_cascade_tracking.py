"""Faces followed through a video: numbers that stay, letters that do not flicker."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from smile_nets import SquareDetector, faces_on_black, grey_net, noisy_net

from augment.calibration import CLASSES
from augment.datasets.smileys import SMILEYS
from augment.functional import Levels
from cascade import smile_video
from cascade.detector import Detector
from cascade.smile_video import SmileVideo, TrackedSmile, follow_with, in_hindsight
from cascade.smiler import Smiler
from cascade.tracking import Letters, Tracker, overlaps, smoothed
from cascade.voting import vote

RATE = 25.0


def numbers(tracker: Tracker, frames: list[list[float]], side: float = 40) -> list[list[int]]:
    """The numbers of faces at these places in x, frame by frame."""
    found = []
    for frame, places in enumerate(frames):
        boxes = [[x, 0, side, side] for x in places]
        tracks = tracker.update(frame / RATE, boxes, [0.9] * len(places))
        found.append([one.number for one in tracks])
    return found


def test_overlaps() -> None:
    found = overlaps([[0, 0, 10, 10], [20, 0, 10, 10]], [[5, 0, 10, 10], [0, 0, 10, 10]])
    np.testing.assert_allclose(found, [[1 / 3, 1], [0, 0]])
    assert overlaps([], np.zeros((2, 4))).shape == (0, 2)
    assert overlaps([[0, 0, 0, 0]], [[0, 0, 0, 0]]).tolist() == [[0]]


def test_a_face_keeps_its_number() -> None:
    frames = [[10 + 3 * n, 200 - 2 * n] for n in range(30)]
    assert numbers(Tracker(), frames) == [[1, 2]] * 30


def test_the_order_of_the_squares_does_not_matter() -> None:
    assert numbers(Tracker(), [[0, 100], [101, 1], [2, 102]]) == [[1, 2], [2, 1], [1, 2]]


def test_the_total_overlap_decides_not_the_first_pair() -> None:
    """The second square is nearest to the first face, but then the other would get nothing."""
    assert numbers(Tracker(), [[0, 22], [-12, 8]]) == [[1, 2], [1, 2]]


def test_crossing_faces_keep_their_numbers() -> None:
    frames = [[4.0 * n, 160 - 4.0 * n] for n in range(41)]
    found = numbers(Tracker(), frames)
    assert found == [[1, 2]] * 41


def test_crossing_faces_keep_their_numbers_though_one_hides_the_other() -> None:
    """Where they overlap by half, only the first one is found."""
    frames = [[4.0 * n, 160 - 4.0 * n] for n in range(41)]
    hidden = [places if abs(places[0] - places[1]) > 20 else places[:1] for places in frames]
    assert [] not in hidden
    assert sum(len(places) == 1 for places in hidden) == 5
    found = numbers(Tracker(), hidden)
    assert found == [[1, 2][: len(places)] for places in hidden]


def test_a_face_that_is_missed_for_a_moment_is_taken_up_again() -> None:
    frames: list[list[float]] = [[5.0 * n] if n not in (10, 11, 12, 13) else [] for n in range(20)]
    found = numbers(Tracker(), frames)
    assert [one for one in found if one] == [[1]] * 16
    # 25 pixels on, more than the least overlap of where it was: its speed carries it


def test_after_the_patience_it_is_a_new_face() -> None:
    frames: list[list[float]] = [[0], *[[]] * 20, [0]]
    assert numbers(Tracker(patience=0.5), frames)[-1] == [2]
    assert numbers(Tracker(patience=1.0), frames)[-1] == [1]


def test_a_jump_is_a_new_face() -> None:
    assert numbers(Tracker(), [[0], [100], [100]]) == [[1], [2], [2]]


@pytest.mark.parametrize(("patience", "least"), [(-1, 0.2), (0.5, 0), (0.5, 1), (np.nan, 0.2)])
def test_a_tracker_of_wrong_numbers(patience: float, least: float) -> None:
    with pytest.raises(ValueError, match="patience must be at least 0 seconds and its least"):
        Tracker(patience=patience, least=least)


def shown(winners: list[int], hold: float) -> list[int]:
    letters = Letters(hold)
    return [letters.update(frame / RATE, winner) for frame, winner in enumerate(winners)]


def test_letters_do_not_flicker() -> None:
    flicker = [7, 7, 7, 3, 7, 7, 3, 3, 7, 5, 3, 5, 3, 7, 7]
    assert shown(flicker, 0.2) == [7] * len(flicker)
    assert shown(flicker, 0) == flicker


def test_letters_change_once_others_have_won_for_the_hold() -> None:
    assert shown([7, 7] + [3] * 8, 0.2) == [7] * 7 + [3] * 3
    assert shown([7] + [3] * 3 + [5] * 9, 0.2) == [7] * 9 + [5] * 4, "the hold begins anew"


def test_letters_of_a_negative_hold() -> None:
    with pytest.raises(ValueError, match=r"hold must be at least 0 seconds; got -0\.1"):
        Letters(-0.1)


def test_the_average_forgets() -> None:
    before, now = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    assert smoothed(None, now, 1, 0.5).tolist() == [0, 1]
    assert smoothed(before, now, 1, 0).tolist() == [0, 1]
    np.testing.assert_allclose(smoothed(before, now, 0.5, 0.5)[0], np.exp(-1))
    twice = smoothed(smoothed(before, now, 0.2, 0.5), now, 0.3, 0.5)
    np.testing.assert_allclose(twice, smoothed(before, now, 0.5, 0.5))


def run(video: SmileVideo, images: list[np.ndarray]) -> list[list[TrackedSmile]]:
    return [video.step(frame / RATE, image) for frame, image in enumerate(images)]


def test_the_smileys_of_two_faces_that_pass_each_other() -> None:
    images = [
        faces_on_black([(4 * n, 0, ":-!"), (140 - 4 * n, 65, ":-P")], size=(130, 200))
        for n in range(30)
    ]
    found = run(SmileVideo(Smiler(grey_net(), SquareDetector())), images)
    for frame in found:
        assert {one.track: one.smiley for one in frame} == {1: ":-!", 2: ":-P"}
        places = [one.box[0] for one in frame]
        assert places == sorted(places)
    assert [one.track for one in found[0]] != [one.track for one in found[-1]]


def test_one_frame_of_another_smiley_is_not_shown() -> None:
    smileys = [":-D"] * 10 + [":-O"] + [":-D"] * 5 + [":-O"] * 10
    images = [faces_on_black([(70, 30, smiley)]) for smiley in smileys]
    found = run(SmileVideo(Smiler(grey_net(), SquareDetector())), images)
    letters = [frame[0].smiley for frame in found]
    assert letters == [":-D"] * 21 + [":-O"] * 5  # from the sixth frame, 0.2 s after the first
    flickering = run(SmileVideo(Smiler(grey_net(), SquareDetector()), hold=0), images)
    assert [frame[0].smiley for frame in flickering] == smileys
    assert found[10][0].score < 0.1, "the score is that of what is shown, now"


@pytest.mark.parametrize("hold", [0, 0.1, 0.2])
def test_in_hindsight_letters_are_shown_from_their_first_frame(hold: float) -> None:
    smileys = [":-D"] * 10 + [":-O"] + [":-D"] * 5 + [":-O"] * 10 + [":-D"] * 3
    images = [
        faces_on_black([(70, 30, smiley), (140, 30, ":-P")], (120, 210)) for smiley in smileys
    ]
    video = SmileVideo(Smiler(grey_net(), SquareDetector()), hold=hold)
    given: list[int] = []

    def frames() -> Iterator[tuple[int, float, list[TrackedSmile]]]:
        for frame, image in enumerate(images):
            given.append(frame)
            yield frame, frame / RATE, video.step(frame / RATE, image)

    found, behind = [], []
    for frame, smiles in in_hindsight(frames(), hold):
        behind.append(given[-1] - frame)
        found.append(smiles)
        assert smiles[0].score == pytest.approx(float(smiles[0].probabilities[smiles[0].label]))
    letters = [smiles[0].smiley for smiles in found]
    # The last three frames, 0.08 s from the first to the last of them, are too short for a hold.
    steady = [":-D"] * 16 + [":-O"] * 13
    assert letters == (steady if hold else smileys)
    assert {smiles[1].smiley for smiles in found} == {":-P"}
    assert max(behind) <= hold * RATE + 1


def test_in_hindsight_what_waits_comes_before_an_error() -> None:
    def breaking() -> Iterator[tuple[int, float, list[TrackedSmile]]]:
        yield 1, 0.0, []
        raise OSError("the video broke")

    frames = in_hindsight(breaking(), 1)
    assert next(frames) == (1, [])
    with pytest.raises(OSError, match="the video broke"):
        next(frames)


def test_a_face_that_is_missed_is_shown_for_a_moment_as_it_was() -> None:
    face, black = faces_on_black([(70, 30, ":-D")]), faces_on_black([])
    found = run(
        SmileVideo(Smiler(grey_net(), SquareDetector())), [face] * 3 + [black] * 10 + [face]
    )
    assert [len(frame) for frame in found] == [1] * 8 + [0] * 5 + [1]
    assert [frame[0].found for frame in found[:8]] == [True] * 3 + [False] * 5
    assert found[-1][0].track == 1


@pytest.mark.parametrize("spread", [1, 3, 5, 45])
def test_a_spread_vote_is_the_whole_vote_of_what_does_not_move(spread: int) -> None:
    image = faces_on_black([(70, 30, ":-P")])
    image[::3] //= 2
    image[:, ::5] += 20
    net = noisy_net(2)
    found = run(SmileVideo(Smiler(net, SquareDetector()), spread=spread), [image] * 12)
    expected = vote(net, image, [found[0][0].box]).probabilities[0]
    for frame in found:
        np.testing.assert_allclose(frame[0].probabilities, expected, atol=1e-5)


def test_a_spread_vote_asks_about_every_square_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, ...]] = []
    real = smile_video.ballots

    def noting(net, photos, squares, *, grid):
        asked.append(tuple(grid))
        return real(net, photos, squares, grid=grid)

    monkeypatch.setattr(smile_video, "ballots", noting)
    image = faces_on_black([(70, 30, ":-P")])
    run(SmileVideo(Smiler(grey_net(), SquareDetector()), spread=5), [image] * 6)
    assert asked[0] == tuple(range(45)), "the first vote is a whole one"
    assert sorted(sum(asked[1:], ())) == list(range(45))
    assert {len(part) for part in asked[1:]} == {9}
    for part in asked[1:]:  # no part of the grid lies to one side
        assert len(set(CLASSES[list(part), 0])) >= 4
        assert abs(CLASSES[list(part), 1:].mean()) < 0.05


def test_a_change_has_gone_through_a_spread_vote_after_its_frames() -> None:
    images = [faces_on_black([(70, 30, ":-D")])] * 3 + [faces_on_black([(70, 30, ":-O")])] * 7
    found = run(SmileVideo(Smiler(grey_net(), SquareDetector()), spread=5, hold=0), images)
    scores = [frame[0].probabilities[SMILEYS.index(":-O")] for frame in found]
    np.testing.assert_allclose(np.diff(scores)[2:7], np.ptp(scores) / 5, rtol=0.01)
    assert scores[7:] == pytest.approx([scores[-1]] * 3)


def test_smoothing_makes_changes_slower() -> None:
    images = [faces_on_black([(70, 30, ":-D")])] * 5 + [faces_on_black([(70, 30, ":-O")])] * 40
    video = SmileVideo(Smiler(grey_net(), SquareDetector()), smooth=0.4, hold=0)
    scores = [frame[0].probabilities[SMILEYS.index(":-D")] for frame in run(video, images)]
    rest = np.array(scores[4:15]) - scores[-1]
    np.testing.assert_allclose(rest[1:] / rest[:-1], np.exp(-1 / RATE / 0.4), rtol=0.05)


def test_between_searches_faces_are_followed() -> None:
    detector = SquareDetector()
    images = [faces_on_black([(70, 30, ":-D")])] * 11
    images[3:5] = [faces_on_black([])] * 2
    images[7] = faces_on_black([(70, 30, ":-D"), (0, 0, ":-O")])  # gone before the next search
    video = SmileVideo(Smiler(grey_net(), detector), every=5)
    found = run(video, images)
    assert detector.searched == 3
    assert [[one.track for one in frame] for frame in found] == [[1]] * 11
    assert [frame[0].found for frame in found] == [n not in (3, 4) for n in range(11)]


def test_without_a_face_nothing_is_followed() -> None:
    detector = SquareDetector()
    found = run(SmileVideo(Smiler(grey_net(), detector), every=4), [faces_on_black([])] * 6)
    assert found == [[]] * 6
    assert detector.searched == 2


def test_time_that_runs_backwards_stands_still() -> None:
    video = SmileVideo(Smiler(grey_net(), SquareDetector()), smooth=0.1)
    image = faces_on_black([(70, 30, ":-D")])
    for time in (1.0, 0.5, 0.5, 1.1):
        (face,) = video.step(time, image)
        assert (face.track, face.smiley) == (1, ":-D")
        assert face.probabilities.sum() == pytest.approx(1, abs=1e-5)


def test_a_frame_that_is_none_is_told() -> None:
    video = SmileVideo(Smiler(grey_net(), SquareDetector()))
    with pytest.raises(ValueError, match="a photograph is a uint8 array"):
        video.step(0, np.zeros((5, 5)))  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [{"every": 0}, {"spread": 0}, {"smooth": -1}, {"hold": np.nan}])
def test_numbers_out_of_range(wrong: dict) -> None:
    with pytest.raises(ValueError, match="every and spread must be at least 1, smooth and hold"):
        SmileVideo(Smiler(grey_net(), SquareDetector()), **wrong)


def test_the_real_detectors_last_nets_move_a_square_onto_its_face() -> None:
    image = pytest.importorskip("skimage.data").astronaut()
    detector = Detector()
    (box,) = detector.detect(image).boxes
    follow = follow_with(detector)
    shifted = box + np.array([0.15, -0.12, 0, 0], np.float32) * box[2]
    boxes, scores = follow(Levels(image), np.stack([shifted, [10, 400, 60, 60]]))
    assert len(boxes) == 1, "the square beside the face is dropped"
    assert scores[0] > 0.5
    assert overlaps(boxes, [box])[0, 0] > overlaps([shifted], [box])[0, 0] + 0.05


def test_a_last_stage_without_calibration_leaves_squares_where_they_are() -> None:
    detector = Detector()
    stages = (*detector.cascade.stages[:-1], replace(detector.cascade.stages[-1], calibration=None))
    bare = Detector(replace(detector.cascade, stages=stages))
    image = pytest.importorskip("skimage.data").astronaut()
    boxes, _ = follow_with(bare)(Levels(image), bare.detect(image).boxes)
    np.testing.assert_array_equal(boxes, bare.detect(image).boxes)
