"""The articles' colours on a black picture."""

import numpy as np
import pytest

from cascade.detector import Detection, Trace
from cascade.draw import COLOURS, draw_faces
from cascade.stages import Step


def frames(*rows):
    return np.array(rows, np.float32).reshape(-1, 4)


def step(stage, *rows):
    return Step(stage, frames(*rows), np.full(len(rows), 0.5, np.float32))


FACE, OTHER, THIRD = (50, 60, 40, 40), (120, 60, 40, 40), (50, 130, 40, 40)


@pytest.fixture
def detection():
    steps = [
        step("net12", (0, 0, 199, 199)),
        step("net12 in size", (0, 0, 199, 199)),
        step("net48", FACE, OTHER, THIRD),
        step("net48 in size", FACE, OTHER),
        step("at last", FACE),
    ]
    return Detection(frames(FACE), np.array([0.975], np.float32), Trace(1000, steps))


@pytest.fixture
def black():
    return np.zeros((200, 200, 3), np.uint8)


def colour_at(picture, box):
    """Kind of the line in the middle of a box's left side, whose edges are smoothed."""
    x, y, _, height = box
    pixel = picture[y + height // 2, x].astype(int)
    if not pixel.any():
        return None
    return min(COLOURS, key=lambda kind: np.abs(pixel - COLOURS[kind]).sum())


def test_each_kind_of_frame_has_its_colour(black, detection):
    picture = draw_faces(black, detection, truth=[(10, 10, 20, 20)])
    assert picture.shape == black.shape
    assert picture.dtype == np.uint8
    assert colour_at(picture, THIRD) == "fired"
    assert colour_at(picture, OTHER) == "in size"
    assert colour_at(picture, FACE) == "at last"
    assert colour_at(picture, (10, 10, 20, 20)) == "truth"
    assert not picture[:, 199].any(), "frames of the first net are drawn"
    assert not black.any(), "the photograph itself was drawn on"


def test_without_a_trace_only_the_faces_are_drawn(black, detection):
    picture = draw_faces(black, Detection(detection.boxes, detection.scores))
    assert colour_at(picture, FACE) == "at last"
    assert not picture[:, 120:].any()


def test_the_score_stands_above_the_face(black, detection):
    picture = draw_faces(black, Detection(detection.boxes, detection.scores))
    label = picture[45:58, 52:75].reshape(-1, 3)
    assert (label == COLOURS["at last"]).all(axis=1).mean() > 0.3
    assert (label.sum(axis=1) < 60).any(), "no letters"


def test_lines_grow_with_the_picture(detection):
    thin = draw_faces(np.zeros((200, 200, 3), np.uint8), detection)
    thick = draw_faces(np.zeros((2000, 2000, 3), np.uint8), detection)
    row = 80  # through the face and the other one
    assert (thick[row] > 0).any(axis=1).sum() > 2 * (thin[row] > 0).any(axis=1).sum()


@pytest.mark.parametrize("shape", [(1, 1), (3, 400), (40, 40)])
def test_frames_outside_and_tiny_pictures_are_no_error(shape):
    boxes = frames((-500, -500, 2000, 2000), (0.3, 0.2, 0.5, 0.5), (9000, 0, 10, 10))
    picture = np.zeros((*shape, 3), np.uint8)
    drawn = draw_faces(picture, Detection(boxes, np.ones(3, np.float32)))
    assert drawn.shape == picture.shape


def test_no_face_leaves_the_picture(black):
    nothing = Detection(frames(), np.empty(0, np.float32))
    np.testing.assert_array_equal(draw_faces(black, nothing), black)
