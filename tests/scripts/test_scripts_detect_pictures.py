"""What `lasagnette detect` makes of a photograph besides its line of JSON."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from augment.images import image_size, read_image
from scripts.fddb_text import read_results

Run = Callable[..., Any]

pytestmark = pytest.mark.usefixtures("fake_detector")


def photo(path: Path, width: int = 64, height: int = 48, **options: Any) -> Path:
    """Noise: nothing of it is left where a face was hidden."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, **options)
    return path


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    broken = tmp_path / "broken.png"
    broken.write_text("no picture")
    return [photo(tmp_path / "a, b.png"), broken, photo(tmp_path / "c.png", 80)]


def test_csv_has_a_line_per_face(lasagnette: Run, photos: list[Path]) -> None:
    outcome = lasagnette("detect", "--format", "csv", *photos)
    assert outcome.code == 1
    assert "not a picture" in outcome.stderr
    header, *faces = csv.reader(outcome.stdout.splitlines())
    assert header == ["file", "x", "y", "width", "height", "score"]
    assert faces == [
        [str(photos[0]), "0.12", "-1.0", "64.0", "48.0", "0.75"],
        [str(photos[0]), "0.0", "0.0", "32.0", "24.0", "0.5"],
        [str(photos[2]), "0.12", "-1.0", "80.0", "48.0", "0.75"],
        [str(photos[2]), "0.0", "0.0", "40.0", "24.0", "0.5"],
    ]


def test_fddb_text_is_what_its_reader_reads(
    lasagnette: Run, photos: list[Path], tmp_path: Path
) -> None:
    results = tmp_path / "results.txt"
    outcome = lasagnette("detect", "--format", "fddb", "--output", results, *photos)
    assert outcome.code == 1
    assert outcome.stdout == ""
    found = read_results(results)
    assert list(found) == [str(path.with_suffix("")) for path in (photos[0], photos[2])]
    boxes, scores = found[str(photos[2].with_suffix(""))]
    np.testing.assert_array_equal(boxes, np.float32([[0.123, -1, 80, 48], [0, 0, 40, 24]]))
    np.testing.assert_array_equal(scores, [0.75, 0.5])


def test_every_face_is_cut_out(lasagnette: Run, photos: list[Path], tmp_path: Path) -> None:
    outcome = lasagnette("detect", "--crop", tmp_path / "faces", "--margin", "0.5", photos[2])
    assert {path.name: image_size(path) for path in (tmp_path / "faces").iterdir()} == {
        "c-face1.jpg": (80, 48),
        "c-face2.jpg": (60, 36),  # half the photograph and half of that at two sides
    }
    assert f"2 faces cut out: {tmp_path / 'faces'}" in outcome.stderr


@pytest.mark.parametrize("how", ["blur", "pixelate"])
def test_hidden_faces_leave_the_photograph_s_size_and_none_of_its_facts(
    lasagnette: Run, tmp_path: Path, how: str
) -> None:
    facts = Image.Exif()
    facts[0x010F] = "a camera"
    facts[0x0112] = 6  # the upright picture is 48 wide and 64 high
    file = photo(tmp_path / "a.jpg", exif=facts)
    outcome = lasagnette("detect", f"--{how}", tmp_path / "hidden", file)
    with Image.open(tmp_path / "hidden" / "a.jpg") as picture:
        assert picture.size == (48, 64)
        assert not picture.getexif()
    before, after = read_image(file), read_image(tmp_path / "hidden" / "a.jpg")
    middle = np.s_[20:44, 14:34]
    assert np.abs(np.diff(before[middle].astype(int), axis=0)).mean() > 20
    assert np.abs(np.diff(after[middle].astype(int), axis=0)).mean() < 8
    assert {"blur": "blurred", "pixelate": "pixelated"}[how] in outcome.stderr


def test_the_stages_are_drawn_and_counted(
    lasagnette: Run, photos: list[Path], tmp_path: Path
) -> None:
    outcome = lasagnette("detect", "--trace", tmp_path / "stages", *photos)
    assert sorted(path.name for path in (tmp_path / "stages").iterdir()) == [
        *("a, b.jpg", "c.jpg", "funnel.jsonl")
    ]
    lines = (tmp_path / "stages" / "funnel.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {
            "file": str(path),
            "windows": 7,
            "steps": {"net12": 3, "net12 in size": 2, "at last": 2},
        }
        for path in (photos[0], photos[2])
    ]
    assert "2 pictures of the stages" in outcome.stderr


def test_known_faces_are_drawn_white(lasagnette: Run, photos: list[Path], tmp_path: Path) -> None:
    listed = photos[2].parent / "known.csv"
    listed.write_text(f"file,x,y,width,height\n{photos[2].name},2,3,20,20\n")
    for name, words in (("without", ()), ("with", ("--truth", listed))):
        outcome = lasagnette("detect", "--trace", tmp_path / name, *words, photos[2])
        assert outcome.code == 0, outcome.stderr
    without, drawn = (
        read_image(tmp_path / name / "c.jpg").astype(int) for name in ("without", "with")
    )
    changed = drawn[(np.abs(drawn - without) > 60).any(axis=2)]
    assert len(changed) > 50
    assert np.median(changed) > 200
    refused = lasagnette("detect", "--truth", listed, photos[2])
    assert refused.code == 2
    assert "Only --trace draws known faces; leave out --truth" in refused.stderr


def test_what_cannot_be_written_is_named_and_the_rest_goes_on(
    lasagnette: Run, photos: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "out" / "c.jpg").mkdir(parents=True)
    outcome = lasagnette("detect", "--out", tmp_path / "out", photos[0], photos[2])
    assert outcome.code == 1
    assert len(outcome.lines()) == 2
    assert f"{photos[2]}: a picture of it cannot be written" in outcome.stderr
    assert (tmp_path / "out" / "a, b.jpg").is_file()
