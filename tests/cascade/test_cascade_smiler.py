"""The smiler: faces from left to right, one square each, the same for any batches and threads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from smile_nets import SquareDetector, faces_on_black, grey_net, noisy_net, smile_file

from augment.datasets.smileys import SMILEYS
from cascade import Smiler, smiles, voting
from cascade.detector import Detection, Detector
from cascade.draw_smiles import COLOUR, draw_smiles
from cascade.smiler import Smile, one_per_face
from nets.files import WeightsError
from scripts.demo import photograph


def smiler(**options: bool) -> Smiler:
    return Smiler(grey_net(), SquareDetector(), **options)


def test_faces_come_from_left_to_right() -> None:
    image = faces_on_black([(132, 5, ":-D"), (5, 40, ":-!"), (69, 55, "o_O")])
    found = smiler().smile(image)
    assert [smile.smiley for smile in found] == [":-!", "o_O", ":-D"]
    first = found[0]
    assert (first.label, SMILEYS[first.label]) == (16, ":-!")
    np.testing.assert_allclose(first.box, [20, 55, 30, 30])
    assert first.score == pytest.approx(first.probabilities[16])
    assert first.probabilities.shape == (17,)
    assert 0 < first.face_score <= 1


def test_no_face_is_an_empty_list() -> None:
    assert smiler().smile(np.zeros((50, 60, 3), np.uint8)) == []


def test_the_nets_own_square_is_asked() -> None:
    """A square twice as large sees the black around the face, too."""
    image = faces_on_black([(70, 30, ":-!")])
    plain, wide = (
        Smiler(replace(grey_net(), square=square), SquareDetector()).smile(image)[0]
        for square in ((1.0, 0.0, 0.0), (4.0, 0.0, 0.0))
    )
    assert plain.smiley == ":-!"
    assert wide.label < plain.label
    np.testing.assert_allclose(wide.box, plain.box)  # what is shown stays the detector's


def test_without_a_vote_the_square_alone_is_asked() -> None:
    net, image = noisy_net(1), faces_on_black([(70, 30, ":-P")])
    image[::3] //= 2
    (voted,) = Smiler(net, SquareDetector()).smile(image)
    (alone,) = Smiler(net, SquareDetector(), vote=False).smile(image)
    expected = voting.single(net, image, [alone.box]).probabilities[0]
    np.testing.assert_allclose(alone.probabilities, expected, atol=1e-6)
    assert np.abs(alone.probabilities - voted.probabilities).max() > 1e-4


def photos() -> list[tuple[str, object]]:
    rng = np.random.default_rng(0)
    some: list[tuple[str, object]] = []
    for number in range(40):
        faces = [
            (65 * n, int(rng.integers(0, 50)), SMILEYS[rng.integers(17)])
            for n in range(number % 4)  # every fourth photograph has none
        ]
        some.append((f"photo {number}", faces_on_black(faces)))
    some[7] = ("broken", ValueError("cannot be read"))
    some[8] = ("no photograph", np.zeros((3, 3)))
    return some


def letters(results: Iterator) -> list:
    return [
        (key, repr(one) if isinstance(one, Exception) else [s.smiley for s in one])
        for key, one in results
    ]


def test_many_give_the_same_as_one_by_one() -> None:
    some = [(key, one) for key, one in photos() if key != "no photograph"]
    many = letters(smiler().smile_many(some))
    assert [key for key, _ in many] == [key for key, _ in some]
    assert dict(many)["broken"] == "ValueError('cannot be read')"
    for key, image in some:
        if key != "broken":
            assert dict(many)[key] == [one.smiley for one in smiler().smile(image)], key
    assert letters(smiler().smile_many(some, jobs=3)) == many
    with pytest.raises(ValueError, match="number of jobs must be at least 1"):
        list(smiler().smile_many(some, jobs=0))


def test_what_was_read_before_a_stream_breaks_is_given_first() -> None:
    def breaking() -> Iterator:
        yield 1, faces_on_black([(70, 30, ":-*")])
        raise OSError("the stream broke")

    results = smiler().smile_many(breaking())
    key, found = next(results)
    assert key == 1
    assert not isinstance(found, Exception)
    assert [one.smiley for one in found] == [":-*"]
    with pytest.raises(OSError, match="the stream broke"):
        next(results)


def test_a_file_of_another_net(tmp_path: Path) -> None:
    (found,) = Smiler(smile_file(tmp_path), SquareDetector()).smile(
        faces_on_black([(70, 30, ":-|")])
    )
    assert found.smiley == ":-|"
    with pytest.raises(WeightsError, match="there is no such smile file"):
        Smiler(tmp_path / "absent.h5")


@pytest.mark.parametrize(
    ("boxes", "kept"),
    [
        ([[0, 0, 40, 40], [90, 0, 40, 40]], [1, 0]),  # two people
        ([[0, 0, 40, 40], [36, 0, 40, 40]], [1, 0]),  # cheek to cheek
        ([[0, 0, 40, 40], [18, 0, 40, 40]], [1]),  # halves of a face
        ([[0, 0, 100, 100], [30, 55, 40, 40]], [1]),  # its mouth
        ([[30, 55, 40, 40], [0, 0, 100, 100]], [1]),
        ([[0, 0, 40, 40], [15, 0, 40, 40], [30, 0, 40, 40]], [2, 0]),  # the last is the best
        ([], []),
    ],
)
def test_one_square_per_face(boxes: list, kept: list[int]) -> None:
    scores = np.linspace(0.5, 0.9, len(boxes))  # the last is the best
    assert one_per_face(np.array(boxes).reshape(-1, 4), scores).tolist() == kept


def test_of_equal_squares_the_first_is_kept() -> None:
    assert one_per_face([[0, 0, 9, 9], [1, 0, 9, 9]], [0.5, 0.5]).tolist() == [0]


class Doubling(SquareDetector):
    """Finds every face twice, as the article's detector did."""

    def _find(self, image: np.ndarray) -> Detection:
        found = super()._find(image)
        moved = found.boxes + np.array([10, 0, 0, 0], np.float32)
        boxes = np.concatenate([found.boxes, moved])
        return Detection(boxes, np.concatenate([found.scores, found.scores / 2]))


def test_a_face_found_twice_counts_once() -> None:
    image = faces_on_black([(5, 30, ":-!"), (120, 30, ":-O")])
    found = Smiler(grey_net(), Doubling()).smile(image)
    assert [smile.smiley for smile in found] == [":-!", ":-O"]
    np.testing.assert_allclose([smile.box[0] for smile in found], [20, 135])


def test_the_real_detector_finds_the_face_that_votes() -> None:
    try:
        with Image.open(photograph()) as file:
            image = np.asarray(file.convert("RGB"))
    except FileNotFoundError as error:
        pytest.skip(str(error))
    (found,) = Smiler(noisy_net(0), Detector()).smile(image)
    (box,) = Detector().detect(image).boxes
    np.testing.assert_array_equal(found.box, box)
    votes = voting.vote(noisy_net(0), image, [box])
    np.testing.assert_allclose(found.probabilities, votes.probabilities[0], atol=1e-6)


def test_the_packaged_net() -> None:
    try:
        smiles.pretrained()
    except WeightsError as error:
        pytest.skip(str(error))
    net = smiles.load()
    assert (net.name, net.side, net.plan.classes) == ("net_smiles", 48, 17)
    assert smiles.pretrained().stat().st_size < 3_000_000
    assert Smiler().smile(np.zeros((64, 64, 3), np.uint8)) == []


def a_smile(box: list[float], smiley: str = ":-)", score: float = 0.87) -> Smile:
    label = SMILEYS.index(smiley)
    return Smile(np.array(box, np.float32), 0.9, label, smiley, score, np.zeros(17, np.float32))


def plate_rows(box: list[float]) -> tuple[int, int]:
    """First and last row of what is drawn besides the frame's two vertical lines."""
    image = np.full((200, 300, 3), 90, np.uint8)
    drawn = draw_smiles(image, [a_smile(box)])
    assert (image == 90).all(), "the photograph itself was drawn into"
    assert drawn.shape == image.shape
    letters = (drawn == 0).all(axis=2)
    assert letters.any()
    plate = (drawn == COLOUR).all(axis=2).sum(axis=1) > 20
    lines = [row for row in np.flatnonzero(plate) if letters[row].any()]
    return int(min(lines)), int(max(lines))


def test_a_plate_stands_above_the_face_or_below_it_or_inside() -> None:
    first, last = plate_rows([100, 60, 60, 60])
    assert 30 < first <= last <= 60
    first, last = plate_rows([100, 5, 60, 60])
    assert 65 <= first <= last < 100
    first, last = plate_rows([100, 5, 60, 190])
    assert 0 <= first <= last < 40


@pytest.mark.parametrize("box", [[-40, 150, 90, 90], [280, 180, 60, 60], [-500, -500, 20, 20]])
def test_plates_stay_inside_the_picture(box: list[float]) -> None:
    drawn = draw_smiles(np.zeros((200, 300, 3), np.uint8), [a_smile(box, ">:-(", 1)])
    plate = (drawn == COLOUR).all(axis=2)
    assert plate.sum() > 100


def test_tiny_pictures_can_be_drawn_into() -> None:
    assert draw_smiles(np.zeros((1, 1, 3), np.uint8), [a_smile([0, 0, 1, 1])]).shape == (1, 1, 3)
