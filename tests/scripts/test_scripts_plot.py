"""The picture of curves: they stand where they belong, and others' are told apart."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scripts.evaluate_report import published
from scripts.plot import _dashes, draw_roc

LEFT, RIGHT, TOP, BOTTOM = 70, 715, 50, 500  # borders of the plot in the picture
BLUE = "#0072b2"


def pixels_of(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def column(errors: float) -> int:
    return round(LEFT + (RIGHT - LEFT) * math.log(errors / 0.001) / math.log(1000))


def heights(pixels: np.ndarray, errors: float) -> np.ndarray:
    """Rows of the blue curve in a column."""
    blue = (pixels[:, :, 2] - pixels[:, :, 0] > 100).nonzero()
    return blue[0][abs(blue[1] - column(errors)) <= 1]


def test_a_curve_is_drawn_where_it_belongs(tmp_path: Path) -> None:
    curve = (np.array([0.0, 0.1]), np.array([0.5, 1.0]))
    draw_roc(tmp_path / "roc.png", {"detector": curve}, title="drawn")
    pixels = pixels_of(tmp_path / "roc.png")
    assert abs(heights(pixels, 0.01).mean() - (TOP + BOTTOM) / 2) < 2
    assert abs(heights(pixels, 0.05).mean() - (TOP + BOTTOM) / 2) < 2
    assert abs(heights(pixels, 0.2).min() - TOP) < 3
    draw_roc(tmp_path / "part.png", {"detector": curve}, title="drawn", lowest=0.4)
    pixels = pixels_of(tmp_path / "part.png")
    assert abs(heights(pixels, 0.01).mean() - (BOTTOM - (BOTTOM - TOP) / 6)) < 2


def test_an_empty_curve_lies_at_the_bottom(tmp_path: Path) -> None:
    draw_roc(tmp_path / "roc.png", {"blind": (np.array([]), np.array([]))}, title="drawn")
    assert abs(heights(pixels_of(tmp_path / "roc.png"), 0.01).mean() - BOTTOM) < 3


def test_dashed_curves_have_gaps(tmp_path: Path) -> None:
    other = {"other": (np.array([0.0]), np.array([0.55]))}
    draw_roc(tmp_path / "with.png", {}, title="drawn", dashed=other, note="only to look at")
    draw_roc(tmp_path / "without.png", {}, title="drawn")
    row = round(BOTTOM - (BOTTOM - TOP) * 0.55)
    pixels = [pixels_of(tmp_path / f"{name}.png") for name in ("with", "without")]
    changed = (pixels[0] != pixels[1]).any(axis=2)
    inside = changed[row - 1 : row + 2, LEFT + 5 : RIGHT].any(axis=0)
    assert 0.4 < inside.mean() < 0.7
    assert changed[:, RIGHT + 10 :].any(), "its name and the note"


def test_dashes_cover_half_of_a_bent_line() -> None:
    points = [(0.0, 0.0), (0.0, 7.0), (55.0, 7.0), (55.0, 7.0), (55.0, 45.0)]
    dashes = list(_dashes(points, 10))
    lengths = [math.dist(*dash) for dash in dashes]
    assert sum(lengths) == 50
    assert max(lengths) == 10
    assert ((0.0, 0.0), (0.0, 7.0)) in dashes
    assert ((0.0, 7.0), (3.0, 7.0)) in dashes, "a dash goes on behind a corner"


def test_published_curves(tmp_path: Path) -> None:
    (tmp_path / "CasCNN-DiscROC.txt").write_text("0.8567 569 0.5\n0.8 284.5 0.6\n0.7 0 0.9\n")
    (tmp_path / "MTCNN-ContROC.txt").write_text("0.7 10\n")
    curves = published(tmp_path, "discrete")
    ((name, (errors, rates)),) = curves.items()
    assert name == "Cascade CNN, 2015"
    assert errors.tolist() == [0, 0.1, 0.2]
    assert rates.tolist() == [0.7, 0.8, 0.8567]
    assert list(published(tmp_path, "continuous")) == ["MTCNN, 2016"]


@pytest.mark.data
def test_published_curves_of_the_data(data_dir: Path) -> None:
    """The rates that the folder's own text gives at 100 false positives."""
    curves = published(data_dir / "roc", "discrete")
    at_100 = {name: rates[errors <= 100 / 2845].max() for name, (errors, rates) in curves.items()}
    assert at_100["Cascade CNN, 2015"] == pytest.approx(0.850706, abs=1e-5)
    assert at_100["MTCNN, 2016"] == pytest.approx(0.908335, abs=1e-5)
    assert at_100["Joint Cascade, 2014"] == pytest.approx(0.839103, abs=1e-5)
    assert at_100["Viola-Jones (OpenCV)"] == pytest.approx(0.326436, abs=1e-5)
