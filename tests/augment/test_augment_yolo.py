"""YOLO's text files: shares of the sides, classes by name and number, damaged lines."""

from __future__ import annotations

import pytest
from PIL import Image

from augment.datasets import yolo
from augment.errors import DataError


@pytest.fixture
def folder(tmp_path):
    """images/ with three pictures of 100 x 80 and an empty labels/."""
    (tmp_path / "labels" / "party").mkdir(parents=True)
    for name in ("a.jpg", "b.png", "party/c.jpg"):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (100, 80)).save(path)
    return tmp_path


def test_shares_of_the_sides(folder):
    (folder / "labels/a.txt").write_text("0 0.5 0.5 0.4 0.125\n1 .25 .25 .2 .25 0.99\n\n")
    (folder / "labels/party/c.txt").write_text("0 .9 .75 0.2 0.25\r\n")
    dataset = yolo.load(folder)
    assert dataset.problems == []
    assert [record.path for record in dataset] == [
        *("images/a.jpg", "images/b.png", "images/party/c.jpg"),
    ]
    assert dataset.records[0].boxes.tolist() == [[40, 30, 20, 20], [15, 10, 20, 20]]
    assert dataset.records[1].boxes.shape == (0, 4), "no label file: no object"
    assert dataset.records[2].boxes.tolist() == [[80, 50, 20, 20]]


def test_labels_beside_the_pictures(tmp_path):
    Image.new("RGB", (100, 80)).save(tmp_path / "a.jpg")
    (tmp_path / "a.txt").write_text("0 0.5 0.5 0.2 0.25")
    (tmp_path / "classes.txt").write_text("face")
    dataset = yolo.load(tmp_path, ["face"])
    assert dataset.problems == []
    assert dataset.records[0].boxes.tolist() == [[40, 30, 20, 20]]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("classes.txt", "person\nface\ncat\n"),
        ("obj.names", "person\r\nface\r\ncat"),
        ("labels/classes.txt", "\ufeffperson\nface\ncat\n"),
        ("data.yaml", "path: .\nnc: 3\nnames: ['person', 'face', \"cat\"]\n"),
        ("data.yaml", "names:\n  0: person\n  1: face  # ours\n  2: cat\nnc: 3\n"),
        ("data.yaml", "names:\n- person\n- face\n- cat\nnc: 3"),
        ("data.yaml", "nc: 3\nnames: [person, face,\n  cat]"),
    ],
)
def test_classes_are_chosen_by_name_and_number(folder, file, text):
    (folder / file).write_text(text)
    assert yolo.class_names(folder) == {0: "person", 1: "face", 2: "cat"}
    (folder / "labels/a.txt").write_text("0 .5 .5 .2 .2\n1 .5 .5 .2 .2\n2 .5 .5 .2 .2\n")
    (folder / "labels/b.txt").write_text("2 .5 .5 .2 .2\n")
    counts = {
        classes: [len(record.boxes) for record in yolo.load(folder, classes)]
        for classes in (None, ("face",), (1,), ("person", 2))
    }
    assert counts == {
        None: [3, 1, 0],
        ("face",): [1, 0, 0],
        (1,): [1, 0, 0],
        ("person", 2): [2, 1, 0],
    }
    with pytest.raises(DataError, match=r"no class 'dog'; there are \['cat', 'face', 'person'\]"):
        yolo.load(folder, ["dog"])


def test_names_without_a_list_of_them(folder):
    (folder / "labels/a.txt").write_text("0 .5 .5 .2 .2\n")
    assert yolo.class_names(folder) == {}
    with pytest.raises(DataError, match="no class 'face'; it has no list of names"):
        yolo.load(folder, ["face"])


@pytest.mark.parametrize(
    "damaged",
    [
        "0 .5 .5 .2",
        "0 .5 .5 .2 x",
        "0.5 .5 .5 .2 .2",
        "0 .5 .5 1.2 .2",
        "0 nan .5 .2 .2",
        "inf .5 .5 .2 .2",
        "0 .1 .1 .2 .1 .2 .2",
        "face",
    ],
)
def test_a_damaged_line(folder, damaged):
    (folder / "labels/a.txt").write_text(f"{damaged}\n0 .5 .5 .2 .2\n")
    dataset = yolo.load(folder)
    assert len(dataset.records[0].boxes) == 1
    (problem,) = dataset.problems
    assert f"a.txt, line 1: not a class and four shares from 0 to 1, passed over: {damaged!r}" in (
        problem
    )


def test_labels_without_pictures_and_pictures_that_are_none(folder):
    (folder / "labels/a.txt").write_text("0 .5 .5 .2 .2\n0 .5 .5 0 .2\n")
    (folder / "labels/z.txt").write_text("0 .5 .5 .2 .2\n")
    (folder / "images/b.png").write_bytes(b"no")
    dataset = yolo.load(folder)
    assert [record.path for record in dataset] == ["images/a.jpg", "images/party/c.jpg"]
    empty, unreadable, absent = dataset.problems
    assert "a.txt: 'images/a.jpg' is 100 x 80 pixels and the box" in empty
    assert "b.png: not a picture" in unreadable
    assert absent.endswith("z.txt: there is no picture for it")


def test_nothing_that_can_be_used(folder, tmp_path):
    with pytest.raises(DataError, match=r"no label file in .*expected: labels/name\.txt"):
        yolo.load(folder)
    with pytest.raises(DataError, match="there is no folder"):
        yolo.load(tmp_path / "absent")
    (folder / "labels/a.txt").touch()
    for path in (folder / "images").rglob("*.*"):
        path.unlink()
    with pytest.raises(DataError, match=r"no picture in .*images' can be used"):
        yolo.load(folder)
