"""The articles' colours on a black picture."""

import numpy as np
import pytest

from cascade.detector import Detection, Trace
from cascade.draw import COLOURS, draw_faces, stages_of
from cascade.draw_stages import draw_stages
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
        step("all sizes", FACE),
        step("net48_cal", FACE),
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


@pytest.fixture
def staged():
    steps = [
        step("net12", FACE, OTHER, THIRD),
        step("net12_cal", FACE, OTHER, THIRD),
        step("net12 in size", FACE, OTHER),
        step("net48", FACE, OTHER),
        step("net48 in size", FACE),
        step("at last", FACE),
    ]
    return Detection(frames(FACE), np.array([0.975], np.float32), Trace(1000, steps))


def test_stages_are_what_fired_and_what_was_kept(staged):
    stages = [
        (fired.stage, len(fired.frames), len(kept.frames))
        for fired, kept in stages_of(staged.trace)
    ]
    assert stages == [("net12", 3, 2), ("net48", 2, 1)]


def panels_of(sheet, side):
    """The black panels on the dark paper, from left to right and downwards."""
    black = (sheet == 0).all(axis=2)
    rows = np.flatnonzero(black.mean(axis=1) > 0.25)
    tops = rows[np.diff(rows, prepend=-9) > 1]
    columns = np.flatnonzero(black[tops[0] + 2])
    lefts = columns[np.diff(columns, prepend=-9) > 1]
    return [sheet[y : y + side, x : x + side] for y in tops for x in lefts]


def test_the_sheet_has_a_panel_per_stage(black, staged):
    sheet = draw_stages(black, staged, truth=[(10, 10, 20, 20)], side=400)
    assert sheet.dtype == np.uint8
    first, second, last = panels_of(sheet, 400)
    doubled = [tuple(2 * v for v in box) for box in (FACE, OTHER, THIRD)]
    kinds = [[colour_at(panel, box) for box in doubled] for panel in (first, second, last)]
    assert kinds == [
        ["in size", "in size", "fired"],
        ["in size", "fired", None],
        ["at last", None, None],
    ]
    for panel in (first, second, last):
        assert colour_at(panel, (20, 20, 40, 40)) == "truth"
    assert not black.any(), "the photograph itself was drawn on"


def test_a_crowd_of_frames_lets_the_photograph_through(black):
    many = [(x, y, 30, 30) for x in range(0, 160, 4) for y in range(0, 160, 4)]
    steps = [step("net12", *many), step("net12 in size", *many), step("at last")]
    found = Detection(frames(), np.empty(0, np.float32), Trace(9999, steps))
    crowded = panels_of(draw_stages(black, found, side=200), 200)
    assert crowded[0].max() < 0.5 * max(COLOURS["in size"])


@pytest.mark.parametrize("shape", [(1, 1), (3, 400), (400, 3), (40, 40), (3000, 2000)])
def test_a_sheet_of_any_photograph_is_legible(shape, staged):
    sheet = draw_stages(np.zeros((*shape, 3), np.uint8), staged)
    rows, columns = sheet.shape[:2]
    assert columns >= 300, "no room for the titles"
    assert max(rows, columns) < 2100


def test_a_sheet_needs_a_trace(black, detection):
    with pytest.raises(ValueError, match="needs a detection with its trace"):
        draw_stages(black, Detection(detection.boxes, detection.scores))
