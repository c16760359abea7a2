"""`lasagnette data`: what users are told about their data sets."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from augment.datasets.registry import SOURCES

Run = Callable[..., Any]
FACE = "30.0 20.0 1.5 60.0 50.0  1"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """FDDB with two pictures, two without faces, and a folder of something else."""
    rng = np.random.default_rng(0)
    root = tmp_path / "sets"
    for name in ("fddb/originalPics/2002/a", "fddb/originalPics/2002/b", "negatives/x", "demo/y"):
        path = root / f"{name}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (90, 120, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    lists = root / "fddb/FDDB-folds"
    lists.mkdir()
    (lists / "FDDB-fold-01-ellipseList.txt").write_text(f"2002/a\n1\n{FACE}\n2002/b\n0\n")
    return root


def damage(folder: Path) -> None:
    path = folder / "fddb/originalPics/2002/b.jpg"
    path.write_bytes(path.read_bytes()[:2000])


def test_where_names_every_set(lasagnette: Run) -> None:
    text = lasagnette("data", "where").stdout
    for source in SOURCES.values():
        assert f"{source.name} ({source.key})" in text
    assert "http://vis-www.cs.umass.edu/fddb/" in text
    assert "2,845 pictures, 5,171 faces" in text
    assert max(map(len, text.splitlines())) <= 100
    found = json.loads(lasagnette("data", "where", "--json").stdout)
    assert list(found) == list(SOURCES)
    assert found["lfw"]["images"] == 13_233
    assert set(found["voc"]) == {"name", "url", "terms", "layout", "images", "faces"}


def test_check_of_sound_sets(lasagnette: Run, folder: Path, here: Path) -> None:
    outcome = lasagnette("data", "check", folder)
    assert outcome.code == 0
    lines = [line.split(maxsplit=1) for line in outcome.stdout.splitlines()]
    assert ["FDDB", str(folder / "fddb")] in lines
    assert ["pictures", "2 of 2,845 in the whole set"] in lines
    assert ["faces", "1 of 5,171 in the whole set"] in lines
    assert ["folds", "1: 01"] in lines
    assert lines.count(["damaged", "none"]) == 2
    assert outcome.stdout.endswith("not recognised: demo/\n")
    assert outcome.stderr == "contact sheet: data-check.jpg\n"
    with Image.open(here / "data-check.jpg") as sheet:
        pixels = np.asarray(sheet.convert("RGB")).astype(int)
    green = (pixels[..., 1] > 150) & (pixels[..., 0] < 110) & (pixels[..., 2] < 110)
    assert green.sum() > 200, "the face's frame is drawn"


def test_check_names_what_is_damaged_and_missing(lasagnette: Run, folder: Path) -> None:
    damage(folder)
    path = folder / "fddb/FDDB-folds/FDDB-fold-01-ellipseList.txt"
    path.write_text(path.read_text() + "".join(f"2002/c{n}\n1\n{FACE}\n" for n in range(4)))
    outcome = lasagnette("data", "check", folder, "--names", 3, "--no-sheet")
    assert outcome.code == 1
    assert outcome.stderr == ""
    assert "damaged     1 picture\n" in outcome.stdout
    assert "originalPics/2002/b.jpg: the picture cannot be read (" in outcome.stdout
    assert "missing     4 pictures\n" in outcome.stdout
    assert "originalPics/2002/c2.jpg\n" in outcome.stdout
    assert "originalPics/2002/c3.jpg" not in outcome.stdout
    assert "              and 1 more\n" in outcome.stdout


def test_headers_alone_do_not_show_damage_behind_them(lasagnette: Run, folder: Path) -> None:
    damage(folder)
    outcome = lasagnette("data", "check", folder, "--headers")
    assert outcome.code == 0
    assert "2 of 2,845 in the whole set (headers only)" in outcome.stdout


def test_check_as_json_names_all(lasagnette: Run, folder: Path, here: Path) -> None:
    damage(folder)
    outcome = lasagnette("data", "check", folder, "--json", "--sheet", "out/sheet.jpg")
    assert outcome.code == 1
    found = json.loads(outcome.stdout)
    assert found["not_recognised"] == ["demo/"]
    photographs, backgrounds = found["sets"]
    assert photographs["key"] == "fddb"
    assert (photographs["sound"], backgrounds["sound"]) == (False, True)
    assert (photographs["images"], photographs["official_images"]) == (1, 2845)
    assert [one["file"] for one in photographs["damaged"]] == ["originalPics/2002/b.jpg"]
    assert (here / "out/sheet.jpg").is_file()


def test_check_of_a_list_of_boxes(lasagnette: Run, folder: Path) -> None:
    path = folder / "demo/mine.csv"
    path.write_text("file,x,y,width,height\ny.jpg,10,10,30,30\ny.jpg,one,10,30,30\n")
    for place in (path, folder / "demo"):
        outcome = lasagnette("data", "check", place, "--no-sheet")
        assert outcome.code == 1
        assert "pictures    1\n" in outcome.stdout
        assert "problems    1 sentence\n" in outcome.stdout
        assert "mine.csv, line 3: not a file and four numbers" in (" ".join(outcome.stdout.split()))


def test_a_set_that_cannot_be_read_does_not_stop_the_others(lasagnette: Run, folder: Path) -> None:
    for path in (folder / "fddb/originalPics/2002").iterdir():
        path.unlink()
    outcome = lasagnette("data", "check", folder)
    assert outcome.code == 1
    assert "FDDB: none of the pictures is in" in " ".join(outcome.stdout.split())
    assert "pictures    1\n" in outcome.stdout


def test_nothing_to_check(lasagnette: Run, here: Path) -> None:
    outcome = lasagnette("data", "check", here)
    assert (outcome.code, outcome.stdout) == (1, "")
    assert "no data set is recognised in" in outcome.stderr
    assert "`lasagnette data where` names the layouts" in outcome.stderr
    assert lasagnette("data", "check", here / "absent").code == 2


def test_check_looks_at_the_research_data_by_default(
    lasagnette: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LASAGNETTE_DATA", str(folder))
    outcome = lasagnette("data", "check", "--no-sheet")
    assert f"FDDB  {folder / 'fddb'}" in outcome.stdout


def test_a_sheet_that_cannot_be_written_is_told_before_the_work(
    lasagnette: Run, folder: Path, here: Path
) -> None:
    (here / "file").touch()
    outcome = lasagnette("data", "check", folder, "--sheet", "file/sheet.jpg")
    assert (outcome.code, outcome.stdout) == (2, "")
    assert "cannot write into 'file'" in outcome.stderr


def test_help_teaches(lasagnette: Run) -> None:
    for words in (("data",), ("data", "where"), ("data", "check")):
        text = lasagnette(*words, "--help").stdout
        assert len(text.splitlines()) >= 8
        assert max(map(len, text.splitlines())) <= 100


@pytest.mark.data
def test_the_research_data(lasagnette: Run, data_dir: Path) -> None:
    outcome = lasagnette("data", "check", data_dir.resolve(), "--headers", "--no-sheet", "--json")
    assert outcome.code == 0
    found = {
        one["key"]: (one["images"], one["faces"]) for one in json.loads(outcome.stdout)["sets"]
    }
    assert found == {
        "fddb": (1435, 1779),
        "lfw": (12_895, 12_895),
        "negatives": (4188, 0),
        "smileys": (1871, 1871),
    }
