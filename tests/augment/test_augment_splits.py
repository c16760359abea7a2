from __future__ import annotations

import csv
import io
import shutil
from importlib import resources
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from augment import splits
from augment.boxes import iou_matrix
from augment.datasets import fddb, lfw
from augment.errors import DataError
from augment.fixed import fixed_set
from augment.images import image_size
from augment.index import BACKGROUND, FACE, Index

TUNE_PEOPLE = ["Person_A", "Person_C"]
TUNE_NEGATIVES = ["rooms/01.png", "trees/02.png"]


@pytest.fixture
def lists(monkeypatch, fake_data):
    """Split files for the fabricated data, in place of the committed ones."""
    files = {
        "lfw_tune_people.txt": "\n".join(TUNE_PEOPLE),
        "negatives_tune.txt": "\n".join(TUNE_NEGATIVES),
        "validation_negatives.csv": "file,x,y,side\nnegatives/rooms/01.png,3,4,30\n"
        "fddb/originalPics/2002/08/04/big/img_0.jpg,110,70,40\nnegatives/absent.png,0,0,20\n",
    }
    monkeypatch.setattr(splits, "_split_file", files.__getitem__)
    return fake_data


def images(index: Index, source: str) -> set[str]:
    return {Path(path).stem for path in index.paths[index.source == source]}


def names(index: Index) -> set[str]:
    start = "fddb/originalPics/"
    return {
        path[len(start) : -len(".jpg")] for path in index.paths[index.source == "fddb"].tolist()
    }


def test_fddb_folds_go_to_their_sides(lists):
    train, tune, report = splits.train_set(lists), splits.tune_set(lists), splits.report_set(lists)
    assert set(train.group[train.source == "fddb"]) <= {"01", "02", "03", "05"}
    assert set(tune.group[tune.source == "fddb"]) == {"04"}
    assert set(report.group) == {"06", "07", "08"}
    assert set(report.source) == {"fddb"}


def test_near_duplicates_and_reserved_leave_the_lower_side(lists):
    train = names(splits.train_set(lists))
    assert "2002/08/01/big/img_1" not in train  # the same photograph is in fold 04
    assert "2002/08/03/big/img_2" not in train  # and this one in fold 07
    assert "2002/08/02/big/img_0" not in train  # reserved
    assert "2002/08/01/big/img_0" in train  # its twin is in fold 05, also training
    assert len(train) == 12 - 3
    assert len(names(splits.tune_set(lists))) == 3
    assert "2002/08/07/big/img_0" in names(splits.report_set(lists))


def test_lfw_people_stay_together_and_shared_photographs_leave(lists):
    train, tune = splits.train_set(lists), splits.tune_set(lists)
    people = [set(index.group[index.source == "lfw"]) for index in (train, tune)]
    assert people[1] == set(TUNE_PEOPLE)
    assert not people[0] & people[1]
    assert "Person_A_0001" not in images(tune, "lfw")  # a photograph of fold 07
    assert "Person_C_0002" in images(tune, "lfw")  # of fold 04: the same side
    assert "Person_B_0001" not in images(train, "lfw")  # reserved
    assert "Person_D_0002" in images(train, "lfw")  # of fold 01: the same side
    assert (train.labels[train.source == "lfw"] == FACE).all()


def test_training_photographs_of_the_tuning_folds_leave(lists, tmp_path):
    shutil.copytree(lists, tmp_path / "data")
    with (tmp_path / "data/lfw/same_photo_as_fddb.csv").open("a") as file:
        file.write("Person_E/Person_E_0001.jpg,2002/08/04/big/img_2,04,50\n")
        file.write("Person_F/Person_F_0001.jpg,2002/08/08/big/img_2,08,50\n")
    train = images(splits.train_set(tmp_path / "data"), "lfw")
    assert not {"Person_E_0001", "Person_F_0001"} & train
    assert {"Person_E_0002", "Person_F_0002"} <= train


def test_negatives(lists):
    train, tune = splits.train_set(lists), splits.tune_set(lists)
    assert images(tune, "negatives") == {"01", "02"}
    assert len(images(train, "negatives")) == 18
    assert tune.undrawn.sum() == 2 + 3  # and the pictures of fold 04


def test_some_sources(lists):
    only = splits.train_set(lists, sources=("fddb", "negatives"))
    assert set(only.source) == {"fddb", "negatives"}
    with pytest.raises(ValueError, match=r"sources must be some of .*got \('coco',\)"):
        splits.train_set(lists, sources=("coco",))
    with pytest.raises(ValueError, match=r"got \(\)"):
        splits.tune_set(lists, sources=())


def test_a_missing_data_set_is_named(lists, tmp_path):
    with pytest.raises(DataError, match="FDDB: there is no folder"):
        splits.train_set(tmp_path)
    shutil.copytree(lists / "fddb", tmp_path / "fddb")
    assert len(splits.train_set(tmp_path, sources=("fddb",))) > 0
    with pytest.raises(DataError, match="LFW: there is no folder"):
        splits.train_set(tmp_path)


def test_problems_and_missing_lists_are_told(lists, tmp_path):
    shutil.copytree(lists, tmp_path / "data")
    (tmp_path / "data/lfw/same_photo_as_fddb.csv").unlink()
    (tmp_path / "data/fddb/originalPics/2002/08/01/big/img_2.jpg").unlink()
    told: list[str] = []
    splits.train_set(tmp_path / "data", report=told.append)
    assert len(told) == 2
    assert "1 pictures of the lists are not in" in told[0]
    assert "same_photo_as_fddb.csv: there is no such list; photographs on two" in told[1]
    with pytest.warns(UserWarning, match="there is no such list"):
        splits.tune_set(tmp_path / "data", sources=("lfw",))


def test_validation_set(lists):
    told: list[str] = []
    index = splits.validation_set(lists, report=told.append)
    assert not index.undrawn.any()
    assert index.labels.tolist().count(FACE) == 4 + 3
    squares = index.select(index.labels == BACKGROUND)
    assert squares.frames.tolist() == [[3, 4, 30, 30], [110, 70, 40, 40]]
    assert told == [
        f"1 of 3 validation squares lie in files that are not in {str(lists)!r}; they are left out"
    ]
    images, labels = fixed_set(index, 12)
    assert images.shape == (9, 3, 12, 12)
    assert labels.tolist() == [1] * 7 + [0] * 2


def test_made_splits_follow_the_rule(fake_data):
    made = splits.make_splits(fake_data)
    people = made["lfw_tune_people.txt"].split()
    assert len(people) == 2
    assert "Person_D" not in people  # shows a photograph of a training fold
    assert len(made["negatives_tune.txt"].split()) == 2
    assert made == splits.make_splits(fake_data)
    squares = list(csv.DictReader(io.StringIO(made["validation_negatives.csv"])))
    faces = {f"fddb/{record.path}": record.boxes for record in fddb.load(fake_data / "fddb", (4,))}
    assert len(squares) == 3 * (4 + 4)
    for row in squares:
        x, y, side = (int(row[name]) for name in ("x", "y", "side"))
        width, height = image_size(fake_data / row["file"])
        assert x >= 0 <= y
        assert x + side <= width
        assert y + side <= height
        known = faces.get(row["file"], np.zeros((0, 4)))
        assert (iou_matrix(np.array([[x, y, side, side]]), known) < 0.3).all()


def test_committed_lists_name_no_annotation():
    folder = resources.files("augment") / "splits"
    rows = list(csv.DictReader(io.StringIO((folder / "validation_negatives.csv").read_text())))
    assert len(rows) == 3735
    assert not [row for row in rows if row["file"].startswith("lfw/")]
    assert len((folder / "lfw_tune_people.txt").read_text().split()) == 566
    assert len((folder / "negatives_tune.txt").read_text().split()) == 418


@pytest.mark.data
def test_committed_files_agree_with_the_rule(data_dir):
    folder = resources.files("augment") / "splits"
    for name, text in splits.make_splits(data_dir).items():
        assert (folder / name).read_text(encoding="utf-8") == text, name


@pytest.mark.data
def test_real_sides_and_their_counts(data_dir):
    sides = {
        "train": splits.train_set(data_dir),
        "tune": splits.tune_set(data_dir),
        "report": splits.report_set(data_dir),
    }
    counts = {
        (side, source): (
            int(((index.source == source) & (index.labels == FACE)).sum()),
            int(((index.source == source) & (index.labels == BACKGROUND)).sum()),
        )
        for side, index in sides.items()
        for source in set(index.source.tolist())
    }
    assert counts == {
        ("train", "fddb"): (794, 628),
        ("train", "lfw"): (11_457, 0),
        ("train", "negatives"): (0, 3770),
        ("tune", "fddb"): (252, 212),
        ("tune", "lfw"): (993, 0),
        ("tune", "negatives"): (0, 418),
        ("report", "fddb"): (726, 588),
    }
    validation = splits.validation_set(data_dir)
    assert (validation.labels == FACE).sum() == 1245
    assert (validation.labels == BACKGROUND).sum() == 3735
    for one, other in combinations(sides.values(), 2):
        assert not set(one.paths) & set(other.paths)
    lfw_people = [
        set(sides[side].group[sides[side].source == "lfw"].tolist()) for side in ("train", "tune")
    ]
    assert not lfw_people[0] & lfw_people[1]


@pytest.mark.data
def test_no_real_photograph_stands_on_two_sides(data_dir):
    sides = [splits.train_set(data_dir), splits.tune_set(data_dir), splits.report_set(data_dir)]
    side_of = {path: rank for rank, index in enumerate(sides) for path in index.paths.tolist()}
    pairs = []
    with (data_dir / "lfw/same_photo_as_fddb.csv").open() as file:
        for row in csv.DictReader(file):
            pairs.append((f"lfw/{row['file']}", f"fddb/originalPics/{row['fddb_image']}.jpg"))
    with (data_dir / "fddb/near_duplicates.csv").open() as file:
        for row in csv.DictReader(file):
            pairs.append(
                tuple(f"fddb/originalPics/{row[name]}.jpg" for name in ("image_a", "image_b"))
            )
    assert len(pairs) == 831 + 12
    straddling = [
        (one, other)
        for one, other in pairs
        if one in side_of and other in side_of and side_of[one] != side_of[other]
    ]
    assert straddling == []


@pytest.mark.data
def test_squares_of_both_face_sets_mean_the_same(data_dir):
    """On LFW files that show an FDDB photograph FDDB's squares have a median side of 67.5."""
    (face,) = lfw.load(data_dir / "lfw").records[0].boxes
    assert face[2] == pytest.approx(67.5, rel=0.05)
    train = splits.train_set(data_dir, sources=("fddb", "lfw"))
    faces = train.labels == FACE
    rng = np.random.default_rng(0)
    means = []
    for source in ("fddb", "lfw"):
        rows = np.flatnonzero(faces & (train.source == source))
        crops = fixed_set(train.select(rng.choice(rows, 400, replace=False)), 24).images
        means.append(crops.mean(axis=(0, 1)).ravel())
    assert np.corrcoef(means)[0, 1] > 0.8
