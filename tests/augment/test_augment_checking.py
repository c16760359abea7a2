"""Damaged, missing, doubled and misplaced things in data sets are found."""

from __future__ import annotations

import shutil

import pytest
from augment_scenes import draw_scene
from PIL import Image

from augment.datasets import Dataset, boxes, fddb, lfw, negatives
from augment.datasets.checking import check
from augment.datasets.registry import recognise


def test_sound_sets(fake_data):
    for one in recognise(fake_data):
        dataset = one.load()
        steps: list[None] = []
        report = check(dataset, advance=lambda steps=steps: steps.append(None))
        assert report.sound
        assert len(report.readable) == len(steps) == len(dataset)
        assert report.duplicates == []


@pytest.fixture
def photographs(fake_data, tmp_path):
    shutil.copytree(fake_data / "fddb", tmp_path / "fddb")
    return tmp_path / "fddb"


def cut_short(path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def test_a_truncated_picture_is_found_when_it_is_decoded(photographs):
    name = "originalPics/2002/08/01/big/img_1.jpg"
    cut_short(photographs / name)
    dataset = fddb.load(photographs)
    report = check(dataset)
    assert not report.sound
    assert list(report.damaged) == [name]
    assert report.damaged[name].startswith("the picture cannot be read (")
    assert len(report.readable) == len(dataset) - 1
    assert check(dataset, decode=False).sound, "the header is in order"
    (photographs / name).write_bytes(b"")
    assert check(dataset, decode=False).damaged == {name: "the file is empty"}


def test_missing_pictures_are_named(photographs):
    (photographs / "originalPics/2002/08/01/big/img_1.jpg").unlink()
    report = check(fddb.load(photographs))
    assert report.absent == ["originalPics/2002/08/01/big/img_1.jpg"]
    assert not report.sound


def test_doubled_pictures_are_no_fault(tmp_path):
    for name, seed in (("a.png", 1), ("b.png", 2), ("c/a.png", 1)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        draw_scene(seed, 40, 30).save(tmp_path / name)
    report = check(negatives.load(tmp_path))
    assert report.duplicates == [["a.png", "c/a.png"]]
    assert report.sound


def test_pictures_of_another_size_than_the_first(fake_data, tmp_path):
    shutil.copytree(fake_data / "lfw", tmp_path / "lfw")
    Image.new("RGB", (250, 250)).save(tmp_path / "lfw/Person_B/Person_B_0002.jpg")
    for decode in (True, False):
        report = check(lfw.load(tmp_path / "lfw"), decode=decode)
        (problem,) = report.problems
        assert problem == (
            "not of 112 x 112 pixels as the first one: 1 of 40 pictures, such as "
            "'Person_B/Person_B_0002.jpg'"
        )


def test_faces_outside_their_picture(photographs):
    path = photographs / "FDDB-folds/FDDB-fold-01-ellipseList.txt"
    path.write_text(path.read_text().replace("60.000000", "460.000000", 1))
    (problem,) = check(fddb.load(photographs)).problems
    assert problem.startswith("a face's centre lies outside: 1 of 24 pictures, such as 'ori")


def test_problems_of_the_reader_are_kept(tmp_path):
    draw_scene(1, 40, 30).save(tmp_path / "a.png")
    (tmp_path / "l.csv").write_text("file,x,y,width,height\na.png,1,1,9,9\nb.png,1,1,9,9\n")
    dataset: Dataset = boxes.load(tmp_path / "l.csv")
    report = check(dataset)
    assert report.absent == ["b.png"]
    assert report.problems == dataset.problems
    assert "b.png" in report.problems[0]
