"""Which data sets a folder holds."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from augment.datasets.registry import SOURCES, Found, recognise
from augment.errors import DataError


def found(path) -> list[tuple[str, str]]:
    return [(one.source.key, one.path.name) for one in recognise(path)]


@pytest.fixture
def picture(tmp_path):
    def save(name: str) -> None:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (100, 80)).save(path)

    return save


def test_every_set_declares_itself():
    assert list(SOURCES) == ["fddb", "lfw", "negatives", "smileys", "boxes", "voc", "yolo"]
    for key, source in SOURCES.items():
        assert source.key == key
        assert source.name
        assert source.layout
        assert source.terms
    assert (SOURCES["fddb"].images, SOURCES["fddb"].faces) == (2845, 5171)
    assert SOURCES["lfw"].images == 13_233


def test_a_folder_of_sets_and_each_of_them(fake_data):
    assert found(fake_data) == [("fddb", "fddb"), ("lfw", "lfw"), ("negatives", "negatives")]
    for key in ("fddb", "lfw", "negatives"):
        assert found(fake_data / key) == [(key, key)]
    assert [len(one.load()) for one in recognise(fake_data)] == [24, 40, 20]


def test_aligned_copies_of_lfw(tmp_path, picture):
    picture("lfw-deepfunneled/lfw-deepfunneled/A_B/A_B_0001.jpg")
    assert found(tmp_path) == [("lfw", "lfw-deepfunneled")]
    assert recognise(tmp_path)[0].path == tmp_path / "lfw-deepfunneled/lfw-deepfunneled"


def test_pictures_without_annotations_are_negatives_only_alone(tmp_path, picture):
    picture("photos/a/1.jpg")
    assert found(tmp_path / "photos") == [("negatives", "photos")]
    picture("negatives/1.jpg")
    assert found(tmp_path) == [("negatives", "negatives")], "photos may show faces"


def test_lists_of_boxes(tmp_path, picture):
    picture("a.jpg")
    (tmp_path / "mine.csv").write_text("\ufefffile,x,y,width,height\na.jpg,1,2,30,30\n", "utf-8")
    (tmp_path / "found.jsonl").write_text(json.dumps({"file": "a.jpg", "faces": []}) + "\n")
    (tmp_path / "other.csv").write_text("name,age\n")
    (tmp_path / "empty.csv").touch()
    (tmp_path / "other.jsonl").write_text("[1, 2]\n{")
    assert found(tmp_path) == [("boxes", "found.jsonl"), ("boxes", "mine.csv")]
    assert [len(one.load()) for one in recognise(tmp_path)] == [1, 1]
    assert found(tmp_path / "mine.csv") == [("boxes", "mine.csv")]
    assert found(tmp_path / "other.csv") == []


def test_smileys(tmp_path):
    (tmp_path / "labels.csv").write_text("file,person,frame,label_id,smiley,x,y,side\n")
    assert recognise(tmp_path) == [Found(SOURCES["smileys"], tmp_path)]
    assert recognise(tmp_path / "labels.csv") == [Found(SOURCES["smileys"], tmp_path)]


@pytest.mark.parametrize("place", ["Annotations/a.xml", "a.xml"])
def test_voc(tmp_path, picture, place):
    picture("JPEGImages/a.jpg")
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text("<annotation><filename>a.jpg</filename></annotation>")
    assert found(tmp_path) == [("voc", tmp_path.name)]
    assert found(tmp_path / place) == [("voc", "a.xml")]
    (tmp_path / place).write_text("<html/>")
    assert found(tmp_path) == [("negatives", tmp_path.name)]


def test_yolo(tmp_path, picture):
    picture("images/a.jpg")
    (tmp_path / "labels").mkdir()
    assert found(tmp_path) == [("yolo", tmp_path.name)]


def test_yolo_beside_the_pictures(tmp_path, picture):
    picture("a.jpg")
    (tmp_path / "a.txt").write_text("a caption")
    assert found(tmp_path) == [("negatives", tmp_path.name)]
    (tmp_path / "a.txt").write_text("0 0.5 0.5 0.25 0.25\n")
    assert found(tmp_path) == [("yolo", tmp_path.name)]


def test_nothing(tmp_path):
    assert recognise(tmp_path) == []
    with pytest.raises(DataError, match="there is no such file or folder"):
        recognise(tmp_path / "absent")


@pytest.mark.data
def test_real_folders(data_dir):
    keys = [one.source.key for one in recognise(data_dir)]
    assert keys == ["fddb", "lfw", "negatives", "smileys"]
