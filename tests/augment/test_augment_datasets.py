from __future__ import annotations

import json
import math
import shutil

import numpy as np
import pytest
from PIL import Image

from augment.datasets import boxes, fddb, lfw, negatives
from augment.errors import DataError

ELLIPSE = "30.0 20.0 1.5 60.0 50.0  1"


@pytest.fixture
def one_fold(tmp_path):
    """Write an ellipse list of fold 1 with pictures for all names in it; load it."""

    def load(text: str):
        lists = tmp_path / "FDDB-folds"
        lists.mkdir()
        (lists / "FDDB-fold-01-ellipseList.txt").write_text(text)
        for line in text.splitlines():
            if line.startswith("2002/"):
                path = tmp_path / "originalPics" / f"{line}.jpg"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
        return fddb.load(tmp_path)

    return load


def test_fddb(fake_data):
    dataset = fddb.load(fake_data / "fddb")
    assert dataset.source is fddb.SOURCE
    assert (len(dataset), dataset.problems) == (24, [])
    second = dataset.records[1]
    assert second.name == "2002/08/01/big/img_1"
    assert second.path == "originalPics/2002/08/01/big/img_1.jpg"
    assert (second.fold, second.group) == (1, "01")
    assert second.ellipses.tolist() == [[30, 20, 1.5, 60, 50], [20.5, 14, 1.4, 120, 60]]
    side = math.sqrt(math.pi * 600)
    np.testing.assert_allclose(
        second.boxes[0], [60 - side / 2, 50 - side / 2, side, side], rtol=1e-6
    )


def test_fddb_folds_come_from_the_files_that_are_there(fake_data, tmp_path):
    assert {record.fold for record in fddb.load(fake_data / "fddb", (6, 8, 10))} == {6, 8}
    with pytest.raises(DataError, match=r"no list of folds \[9, 10\] in"):
        fddb.load(fake_data / "fddb", (9, 10))
    with pytest.raises(DataError, match=r"no folder .*FDDB-fold-XX-ellipseList.txt"):
        fddb.load(tmp_path / "absent")
    with pytest.raises(DataError, match="no list of any fold"):
        fddb.load(tmp_path)


def test_fddb_pictures_may_lie_directly_in_the_root(fake_data, tmp_path):
    shutil.copytree(fake_data / "fddb" / "FDDB-folds", tmp_path / "FDDB-folds")
    shutil.copytree(fake_data / "fddb" / "originalPics" / "2002", tmp_path / "2002")
    assert fddb.load(tmp_path).records[0].path == "2002/08/01/big/img_0.jpg"


def test_fddb_absent_pictures_cost_one_sentence(fake_data, tmp_path):
    shutil.copytree(fake_data / "fddb", tmp_path / "fddb")
    shutil.rmtree(tmp_path / "fddb/originalPics/2002/08/03")
    dataset = fddb.load(tmp_path / "fddb")
    assert len(dataset) == 21
    assert len(dataset.problems) == 1
    assert "3 pictures of the lists are not in" in dataset.problems[0]
    assert "2002/08/03/big/img_0.jpg" in dataset.problems[0]
    shutil.rmtree(tmp_path / "fddb/originalPics")
    with pytest.raises(DataError, match="none of the pictures"):
        fddb.load(tmp_path / "fddb")


@pytest.mark.parametrize(
    "damaged",
    [
        "30.0 abc 1.5 60.0 50.0  1",
        "30.0 20.0 1.5",
        "-30.0 20.0 1.5 60.0 50.0  1",
        "nan 20.0 1.5 60.0 50.0  1",
        "\x00\x01",
    ],
)
def test_fddb_damaged_ellipse_line(one_fold, damaged):
    dataset = one_fold(f"2002/a\n2\n{damaged}\n{ELLIPSE}\n2002/b\n1\n{ELLIPSE}\n")
    assert [len(record.boxes) for record in dataset] == [1, 1]
    assert len(dataset.problems) == 1
    assert "FDDB-fold-01-ellipseList.txt, line 3: not an ellipse" in dataset.problems[0]


def test_fddb_damaged_count_and_stray_lines(one_fold):
    dataset = one_fold(f"{ELLIPSE}\n2002/a\none\n{ELLIPSE}\n2002/b\n1\n{ELLIPSE}\n{ELLIPSE}\n")
    assert [len(record.boxes) for record in dataset] == [1, 1]
    assert [problem.split("line ")[1][:1] for problem in dataset.problems] == ["1", "3", "8"]


def test_fddb_list_that_ends_early(one_fold):
    dataset = one_fold(f"2002/a\n3\n{ELLIPSE}\n")
    assert len(dataset.records[0].boxes) == 1
    assert "'2002/a' ends with 2 ellipses fewer" in dataset.problems[0]


def test_fddb_image_without_faces(one_fold):
    dataset = one_fold(f"2002/a\n0\n2002/b\n1\n{ELLIPSE}\n")
    assert dataset.problems == []
    assert dataset.records[0].boxes.shape == (0, 4)
    assert dataset.records[0].ellipses.shape == (0, 5)


def test_lfw(fake_data):
    dataset = lfw.load(fake_data / "lfw")
    assert len(dataset) == 40
    record = dataset.records[0]
    assert (record.path, record.group) == ("Person_A/Person_A_0001.jpg", "Person_A")
    assert record.boxes.tolist() == [[24, 18, 66, 66]]


def test_lfw_official_size_shows_the_same_place(tmp_path):
    """The crop of 112 pixels is cut from a 150-pixel copy of the official file."""
    crop, official = np.array(lfw.FACES[112]), np.array(lfw.FACES[250])
    np.testing.assert_allclose(official[:2] * 150 / 250 - 19, crop[:2])
    np.testing.assert_allclose(official[2:] * 150 / 250, crop[2:])
    (tmp_path / "A_B").mkdir()
    Image.new("RGB", (250, 250)).save(tmp_path / "A_B" / "A_B_0001.jpg")
    np.testing.assert_allclose(lfw.load(tmp_path).records[0].boxes[0], official)


def test_lfw_of_another_size_or_without_pictures(tmp_path):
    with pytest.raises(DataError, match=r"LFW: no picture in .*Name/Name_0001\.jpg"):
        lfw.load(tmp_path)
    (tmp_path / "A_B").mkdir()
    Image.new("RGB", (96, 96)).save(tmp_path / "A_B" / "A_B_0001.jpg")
    with pytest.raises(DataError, match=r"side \[112, 250\]; .*A_B_0001.jpg' has size \(96, 96\)"):
        lfw.load(tmp_path)


def test_negatives(fake_data, tmp_path):
    dataset = negatives.load(fake_data / "negatives")
    assert len(dataset) == 20
    assert dataset.records[0].path == "rooms/01.png"
    assert {record.group for record in dataset} == {"rooms", "trees"}
    assert all(len(record.boxes) == 0 for record in dataset)
    with pytest.raises(DataError, match="there is no picture in"):
        negatives.load(tmp_path)
    with pytest.raises(DataError, match="there is no folder"):
        negatives.load(tmp_path / "absent")


@pytest.fixture
def photos(tmp_path):
    for name in ("one.jpg", "two.jpg", "none.jpg"):
        Image.new("RGB", (100, 80)).save(tmp_path / name)
    return tmp_path


def test_boxes_in_csv(photos):
    (photos / "list.csv").write_text(
        "file,x,y,width,height\none.jpg,10,20,40,10\none.jpg,50,20,30,30\nnone.jpg,,,,\n"
    )
    dataset = boxes.load(photos / "list.csv")
    assert dataset.problems == []
    assert [record.path for record in dataset] == ["one.jpg", "none.jpg"]
    assert dataset.records[0].boxes.tolist() == [[20, 15, 20, 20], [50, 20, 30, 30]]
    assert dataset.records[1].boxes.shape == (0, 4)


def test_boxes_in_json_lines_of_detect(photos):
    face = {"x": 10, "y": 20, "width": 30, "height": 30, "score": 0.9}
    lines = [
        {"file": "one.jpg", "width": 100, "height": 80, "faces": [face]},
        {"file": "none.jpg", "width": 100, "height": 80, "faces": []},
        {"file": "two.jpg", "error": "two.jpg: there is no such file"},
    ]
    (photos / "list.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    dataset = boxes.load(photos / "list.jsonl")
    assert [len(record.boxes) for record in dataset] == [1, 0]
    assert len(dataset.problems) == 1
    assert "list.jsonl, line 3: no object with a file and faces" in dataset.problems[0]


@pytest.mark.parametrize(
    "box", ["200,20,30,30", "-40,20,30,30", "10,20,0,30", "10,20,-5,30", "nan,20,30,30"]
)
def test_box_outside_the_picture(photos, box):
    (photos / "list.csv").write_text(
        f"file,x,y,width,height\none.jpg,{box}\none.jpg,10,20,30,30\ntwo.jpg,1,2,9,9\n"
    )
    dataset = boxes.load(photos / "list.csv")
    assert [record.boxes.tolist() for record in dataset] == [[[10, 20, 30, 30]], [[1, 2, 9, 9]]]
    assert len(dataset.problems) == 1
    assert "'one.jpg' is 100 x 80 pixels and the box [" in dataset.problems[0]


def test_box_over_the_border_stays(photos):
    (photos / "list.csv").write_text("file,x,y,width,height\none.jpg,-10,-10,40,40\n")
    dataset = boxes.load(photos / "list.csv")
    assert dataset.problems == []
    assert dataset.records[0].boxes.tolist() == [[-10, -10, 40, 40]]


def test_boxes_with_damaged_lines_and_absent_pictures(photos):
    (photos / "list.csv").write_text(
        "file,x,y,width,height\none.jpg,1,two,9,9\nabsent.jpg,1,2,9,9\none.jpg,1,2\n"
        ",1,2,9,9\none.jpg,1,2,9,9\n"
    )
    dataset = boxes.load(photos / "list.csv")
    assert [len(record.boxes) for record in dataset] == [1]
    assert [problem.split("list.csv")[1][:8] for problem in dataset.problems[:3]] == [
        ", line 2",
        ", line 4",
        ", line 5",
    ]
    assert "absent.jpg: there is no such file; the picture is left out" in dataset.problems[3]


def test_boxes_lists_that_cannot_be_used(photos):
    with pytest.raises(DataError, match=r"absent.csv: the list cannot be read"):
        boxes.load(photos / "absent.csv")
    with pytest.raises(DataError, match=r"one.jpg: the list cannot be read"):
        boxes.load(photos / "one.jpg")
    (photos / "bad.csv").write_text("name,left\none.jpg,3\n")
    with pytest.raises(DataError, match=r"first line must name \('file', 'x'.*got \['name'"):
        boxes.load(photos / "bad.csv")
    (photos / "empty.csv").write_text("file,x,y,width,height\nabsent.jpg,1,2,3,4\n")
    with pytest.raises(DataError, match=r"no picture that can be used; .*absent.jpg"):
        boxes.load(photos / "empty.csv")


@pytest.mark.data
def test_real_counts(data_dir):
    photographs = fddb.load(data_dir / "fddb")
    by_fold = {
        fold: (
            sum(record.fold == fold for record in photographs),
            sum(len(record.boxes) for record in photographs if record.fold == fold),
        )
        for fold in range(1, 11)
    }
    assert by_fold == {
        1: (195, 251),
        2: (195, 251),
        3: (182, 226),
        4: (212, 252),
        5: (63, 73),
        6: (219, 279),
        7: (191, 230),
        8: (178, 217),
        9: (0, 0),
        10: (0, 0),
    }
    assert photographs.problems == []
    assert len(photographs) == 1435
    assert sum(len(record.boxes) for record in photographs) == 1779
    assert len(lfw.load(data_dir / "lfw")) == 12_895
    assert len(negatives.load(data_dir / "negatives")) == 4188
