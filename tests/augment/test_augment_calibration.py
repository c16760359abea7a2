from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augment.calibration import CLASSES, IDENTITY, SCALES, SHIFTS, adjust, decode, encode
from augment.functional import crop

ALL = np.arange(45)
WIDTH, HEIGHT, SIDE = 640, 480, 160
FACE = np.array([210.0, 130, 200, 200], np.float32)
SPOTS = {0: (0.42, 0.40), 1: (0.58, 0.55)}  # channel: place in the face; seen in all 45 crops


def test_the_classes_are_all_combinations_in_the_documented_order():
    assert CLASSES.shape == (45, 3)
    assert len({tuple(row) for row in CLASSES}) == 45
    assert CLASSES[IDENTITY].tolist() == [1, 0, 0]
    for number, (scale, x, y) in enumerate(CLASSES):
        expected = 9 * SCALES.index(scale) + 3 * SHIFTS.index(x) + SHIFTS.index(y)
        assert number == expected


def test_encode_by_hand():
    largest_right_down = encode([[100, 50, 40, 40]], np.array([44]))
    np.testing.assert_allclose(largest_right_down, [[106.8, 56.8, 48.4, 48.4]], rtol=1e-6)
    # mirrored in a photograph 1000 wide the face is at 860; cut at 866.8; back again
    mirrored = encode([[100, 50, 40, 40]], np.array([44]), np.array([True]))
    np.testing.assert_allclose(mirrored, [[1000 - 866.8 - 48.4, 56.8, 48.4, 48.4]], rtol=1e-6)


@settings(deadline=None, max_examples=50)
@given(st.floats(-500, 5000), st.floats(-500, 5000), st.floats(1, 2000), st.floats(1, 2000))
def test_decode_undoes_encode_for_every_class(x, y, width, height):
    face = np.repeat(np.array([[x, y, width, height]], np.float32), 45, axis=0)
    np.testing.assert_allclose(decode(encode(face, ALL), ALL), face, rtol=1e-5, atol=1e-3)


@settings(deadline=None, max_examples=50)
@given(st.floats(-500, 5000), st.floats(1, 2000), st.integers(1, 6000))
def test_decode_undoes_mirrored_encode_in_the_mirrored_photograph(x, width, columns):
    face = np.repeat(np.array([[x, 7, width, width]], np.float32), 45, axis=0)
    cut = encode(face, ALL, np.ones(45, bool))
    found = decode(in_mirror(cut, columns), ALL)
    np.testing.assert_allclose(found, in_mirror(face, columns), rtol=1e-5, atol=3e-3)


def in_mirror(frames: np.ndarray, columns: int) -> np.ndarray:
    """The frames in a photograph of so many columns, left and right swapped."""
    mirrored = frames.copy()
    mirrored[..., 0] = columns - frames[..., 0] - frames[..., 2]
    return mirrored


@pytest.fixture(scope="module")
def photograph() -> np.ndarray:
    """A red and a green spot in the face, over a blue slope that tells left from right."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH] + 0.5
    image = np.zeros((HEIGHT, WIDTH, 3))
    image[..., 2] = columns / 4 + rows / 8
    for channel, (x, y) in SPOTS.items():
        away = np.hypot(columns - FACE[0] - x * FACE[2], rows - FACE[1] - y * FACE[3])
        image[..., channel] = 240 * np.exp(-((away / 6) ** 2))
    return np.rint(image).astype(np.uint8)


def right(number):
    return encode(FACE[None], np.array([number]), np.array([True]))[0]


def papers(number):
    """The paper's crop, Eq. 1 with 1 / sn, -xn and -yn, in the mirrored photograph."""
    scale, x, y = CLASSES[number]
    face = in_mirror(FACE, WIDTH)
    corner = face[:2] + np.array([x, y]) * scale * face[2:]
    return in_mirror(np.array([*corner, *(face[2:] * scale)], np.float32), WIDTH)


def crop_mirrored_same_class(number):
    return encode(FACE[None], np.array([number]))[0]


def crop_mirrored_opposite_class(number):
    scale, column = divmod(number, 9)
    opposite = 9 * scale + 3 * (2 - column // 3) + column % 3
    return encode(FACE[None], np.array([opposite]))[0]


def spots_off(image: np.ndarray, number: int) -> float:
    """How far the spots in a mirrored crop are from where its class puts them: parts of the face.

    The class is decoded from the pixels' point of view: the whole crop is the frame.
    """
    x, y, width, height = decode([[0, 0, SIDE, SIDE]], np.array([number]))[0]
    rows, columns = np.mgrid[0:SIDE, 0:SIDE] + 0.5
    off = []
    for channel, (right_of, below) in SPOTS.items():
        weights = image[..., channel].astype(float)
        found_x = (weights * columns).sum() / weights.sum()
        found_y = (weights * rows).sum() / weights.sum()
        off += [(found_x - x) / width - (1 - right_of), (found_y - y) / height - below]
    return float(np.abs(off).max())


@pytest.mark.parametrize("number", ALL)
def test_a_mirrored_crop_of_every_class_shows_the_face_where_the_class_says(photograph, number):
    image = crop(photograph, right(number), SIDE, mirror=True)
    assert spots_off(image, number) < 0.003
    # the same as mirroring the photograph first, and cutting there
    cut = encode(in_mirror(FACE, WIDTH)[None], np.array([number]))
    first = crop(np.ascontiguousarray(photograph[:, ::-1]), cut[0], SIDE)
    assert np.abs(image.astype(int) - first).max() <= 2
    found = decode(cut, np.array([number]))[0]
    np.testing.assert_allclose(found, in_mirror(FACE, WIDTH), atol=1e-3)


@pytest.mark.parametrize(
    ("recipe", "exact"),
    [
        (papers, lambda scale, x, y: scale == 1 or (x == 0 and y == 0)),
        (crop_mirrored_same_class, lambda scale, x, y: scale == 1 and x == 0),
        (crop_mirrored_opposite_class, lambda scale, x, y: scale == 1),
    ],
)
def test_the_known_wrong_recipes_are_told_from_the_right_one(photograph, recipe, exact):
    for number, (scale, x, y) in enumerate(CLASSES):
        image = crop(photograph, recipe(number), SIDE, mirror=True)
        assert (spots_off(image, number) < 0.003) == exact(scale, x, y), (number, scale, x, y)


def adjust_literally(frame, probabilities):
    kept = [(p, row) for p, row in zip(probabilities, CLASSES, strict=True) if p >= 1 / 45]
    if not kept:
        return frame
    total = sum(p for p, _ in kept)
    scale, right, down = (sum(p * row[i] for p, row in kept) / total for i in range(3))
    x, y, width, height = frame
    return [x - right * width / scale, y - down * height / scale, width / scale, height / scale]


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32), st.floats(0.1, 20))
def test_adjust_is_the_literal_loop(seed, certainty):
    rng = np.random.default_rng(seed)
    logits = certainty * rng.normal(size=(6, 45))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    frames = rng.uniform(10, 400, (6, 4)).astype(np.float32)
    expected = [adjust_literally(*row) for row in zip(frames, probabilities, strict=True)]
    np.testing.assert_allclose(adjust(frames, probabilities), expected, rtol=1e-5, atol=1e-3)


def test_adjust_with_a_certain_net_is_decode():
    frames = np.repeat(FACE[None], 45, axis=0)
    np.testing.assert_array_equal(adjust(frames, np.eye(45, dtype=np.float32)), decode(frames, ALL))


def test_adjust_leaves_the_frame_where_no_class_passes():
    below = np.full((1, 45), 1 / 46, np.float32)
    np.testing.assert_array_equal(adjust(FACE[None], below), FACE[None])
    np.testing.assert_array_equal(adjust(FACE[None], np.zeros((1, 45))), FACE[None])


def test_adjust_ignores_what_is_less_probable_than_chance():
    probabilities = np.full((1, 45), 0.6 / 44)
    probabilities[0, 31] = 0.4
    expected = decode(FACE[None], np.array([31]))
    np.testing.assert_allclose(adjust(FACE[None], probabilities), expected, rtol=1e-6)


def test_no_frames_are_no_error():
    assert adjust(np.zeros((0, 4)), np.zeros((0, 45))).shape == (0, 4)
    assert encode(np.zeros((0, 4)), np.zeros(0, int)).shape == (0, 4)


@pytest.mark.parametrize("classes", [[45], [-1], [1, 2], [[3]]])
def test_classes_are_checked(classes):
    with pytest.raises(ValueError, match="one class from 0 to 44 for each of 1 frames; got"):
        encode(FACE[None], np.array(classes))


def test_probabilities_are_checked():
    with pytest.raises(ValueError, match=r"45 probabilities for each of 1 frames; got .*\(1, 44\)"):
        adjust(FACE[None], np.zeros((1, 44)))
