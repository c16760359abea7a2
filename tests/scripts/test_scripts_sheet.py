"""Contact sheets: every picture in its cell, undistorted, with its caption below."""

from __future__ import annotations

import numpy as np
import pytest

from scripts.sheet import draw_sheet

RED, GREEN, BLUE = (200, 0, 0), (0, 200, 0), (0, 0, 200)


def plain(rows: int, columns: int, colour: tuple[int, int, int]) -> np.ndarray:
    return np.full((rows, columns, 3), colour, np.uint8)


def extent(sheet: np.ndarray, colour: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """Top, left, height and width of a colour's pixels."""
    rows, columns = np.nonzero((sheet == colour).all(axis=2))
    return (
        rows.min(),
        columns.min(),
        rows.max() - rows.min() + 1,
        columns.max() - columns.min() + 1,
    )


def inked(sheet: np.ndarray) -> np.ndarray:
    """Where something dark and grey, text, stands."""
    return (sheet.max(axis=2) < 120) & (np.ptp(sheet, axis=2) < 10)


def test_pictures_fill_their_cells_and_keep_their_proportions() -> None:
    sheet = draw_sheet(
        [[(plain(10, 20, RED), "a"), (plain(300, 100, GREEN), "b")], [(plain(64, 64, BLUE), "c")]],
        cell=60,
    )
    assert sheet.dtype == np.uint8
    top, left, height, width = extent(sheet, RED)
    assert (height, width) == (30, 60)
    green_top, green_left, *size = extent(sheet, GREEN)
    assert size == [60, 20]
    assert green_left > left + width
    assert green_top + 30 == top + 15, "both are in the middle of their cells"
    blue_top, blue_left, *size = extent(sheet, BLUE)
    assert size == [60, 60]
    assert blue_left == left
    assert blue_top > green_top + 60


def test_captions_stand_below_in_as_many_lines_as_they_have() -> None:
    one = draw_sheet([[(plain(9, 9, RED), "first")]], cell=90)
    two = draw_sheet([[(plain(9, 9, RED), "first\nsecond")]], cell=90)
    none = draw_sheet([[(plain(9, 9, RED), "")]], cell=90)
    assert none.shape[0] < one.shape[0] < two.shape[0]
    assert not inked(none).any()
    assert inked(two)[-30:].sum() > inked(one)[-30:].sum() > 20


def test_a_long_caption_stays_in_its_cell() -> None:
    rows = [[(plain(9, 9, RED), "a very long name " * 9), (plain(9, 9, BLUE), "")]]
    sheet = draw_sheet(rows, cell=60)
    _, left, _, width = extent(sheet, RED)
    columns = np.nonzero(inked(sheet).any(axis=0))[0]
    assert columns.min() >= left
    assert columns.max() < left + width


def test_a_title_widens_a_narrow_sheet() -> None:
    cells = [[(plain(9, 9, RED), "")]]
    bare, titled = draw_sheet(cells, cell=40), draw_sheet(cells, title="M" * 30, cell=40)
    assert titled.shape[0] > bare.shape[0]
    assert titled.shape[1] > bare.shape[1]
    right = titled[:, -12:]
    assert (right == 255).all(), "the title ends before the margin"
    assert inked(titled)[:40].any()


def test_an_empty_sheet_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one picture; got none"):
        draw_sheet([[], []])
