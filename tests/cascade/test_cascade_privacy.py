"""Faces cut out and hidden: how little of them is left, and that nothing else changes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cascade.privacy import CELLS, HIDING, crop_faces, hide_faces


def noise(rows, columns, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (rows, columns, 3), dtype=np.uint8)


boxes = st.tuples(*[st.floats(-300, 300, width=32)] * 2, *[st.floats(1, 400, width=32)] * 2).filter(
    lambda box: box[0] + box[2] > 0 and box[1] + box[3] > 0
)


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 120),
    st.integers(1, 120),
    st.lists(boxes, max_size=3),
    st.sampled_from(sorted(HIDING)),
    st.floats(0, 1),
)
def test_any_boxes_are_hidden_and_cut_out(rows, columns, several, how, margin):
    image = noise(rows, columns)
    before = image.copy()
    hidden = hide_faces(image, several, how, margin)
    assert hidden.shape == image.shape
    assert hidden.dtype == np.uint8
    np.testing.assert_array_equal(image, before)
    faces = crop_faces(image, several, margin)
    assert len(faces) == len(several)
    assert all(face.size for face in faces)


@pytest.mark.parametrize("how", sorted(HIDING))
@pytest.mark.parametrize("side", [20, 90, 400])
def test_only_the_cells_means_are_left(how, side):
    """Pixels that are shuffled inside their cells give the same picture."""
    image = noise(2 * side, 2 * side)
    box = (side / 2, side / 2, side, side)
    margin = 0.3
    length = round(side * (1 + 2 * margin))
    cell = length // CELLS
    shuffled = image.copy()
    first = round(side / 2 - margin * side)
    rng = np.random.default_rng(1)
    for row in range(CELLS):
        for column in range(CELLS):
            y, x = first + row * cell, first + column * cell
            block = shuffled[y : y + cell, x : x + cell]
            block[...] = rng.permutation(block.reshape(-1, 3)).reshape(block.shape)
    assert length == cell * CELLS, "the test's cells are whole pixels"
    inside = np.s_[side // 2 : side // 2 + side, side // 2 : side // 2 + side]
    assert (shuffled[inside] != image[inside]).mean() > 0.5
    one, other = (hide_faces(photo, [box], how, margin) for photo in (image, shuffled))
    np.testing.assert_array_equal(one[inside], other[inside])


@pytest.mark.parametrize("how", sorted(HIDING))
def test_the_whole_box_is_hidden_and_what_is_beyond_the_margin_stays(how):
    image = noise(200, 200)
    hidden = hide_faces(image, [(60, 60, 80, 80)], how, margin=0.25)
    changed = (hidden != image).any(axis=2)
    assert changed[60:140, 60:140].mean() > 0.98, "the box's corners are still there"
    outside = np.ones((200, 200), bool)
    outside[40:160, 40:160] = False
    assert not changed[outside].any()
    assert changed[41, 41] == (how == "pixelate"), "an ellipse has no corners"


def test_squares_are_square():
    hidden = hide_faces(noise(160, 160), [(0, 0, 160, 160)], "pixelate", margin=0)
    blocks = hidden.reshape(CELLS, 20, CELLS, 20, 3)
    assert (blocks == blocks[:, :1, :, :1]).all()


def test_where_the_photograph_ends_the_cells_stay_as_large():
    image = noise(160, 160)
    hidden = hide_faces(image, [(-80, 0, 160, 160)], "pixelate", margin=0)
    blocks = hidden[:, :80].reshape(CELLS, 20, CELLS // 2, 20, 3)
    assert (blocks == blocks[:, :1, :, :1]).all()
    np.testing.assert_array_equal(hidden[:, 80:], image[:, 80:])


def test_no_face_leaves_the_photograph():
    image = noise(20, 30)
    np.testing.assert_array_equal(hide_faces(image, np.empty((0, 4))), image)
    assert crop_faces(image, np.empty((0, 4))) == []


def test_crops_have_their_margin_and_end_with_the_photograph():
    image = noise(100, 100)
    inner, corner = crop_faces(image, [(40, 40, 20, 20), (90, 90, 20, 20)], margin=0.5)
    np.testing.assert_array_equal(inner, image[30:70, 30:70])
    np.testing.assert_array_equal(corner, image[80:, 80:])
    inner[...] = 0
    assert image[30:70, 30:70].any(), "a crop shares the photograph's memory"


def test_an_unknown_way_is_refused():
    with pytest.raises(ValueError, match=r"ways \['blur', 'pixelate'\]; got 'smear'"):
        hide_faces(noise(9, 9), [(0, 0, 5, 5)], "smear")
