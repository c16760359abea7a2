"""Smiley frames: labels, people, runs of neighbouring frames."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from augment import index
from augment.datasets import smileys
from augment.datasets.smileys import SMILEYS
from augment.errors import DataError

HEADER = "file,person,frame,label_id,smiley,x,y,side\n"


def line(person: str, frame: int, label: int) -> str:
    return f"{person}/{frame:05d}.jpg,{person},{frame},{label},{SMILEYS[label]},24,24,80\n"


@pytest.fixture
def write(tmp_path):
    """Write labels.csv and a picture for every line that names one."""

    def write(text: str, encoding: str = "utf-8"):
        (tmp_path / "labels.csv").write_text(text, encoding=encoding)
        for row in text.splitlines()[1:]:
            if ".jpg" in row:
                path = tmp_path / row.partition(",")[0]
                path.parent.mkdir(exist_ok=True)
                Image.new("RGB", (128, 128)).save(path)
        return tmp_path

    return write


def test_frames_by_person_and_number(write):
    rows = line("d1", 12, 16) + line("d1", 2, 7) + line("d0", 5, 0)
    dataset = smileys.load(write(HEADER + rows, "utf-8-sig"))
    assert dataset.problems == []
    assert [(record.person, record.frame, record.label) for record in dataset] == [
        *(("d0", 5, 0), ("d1", 2, 7), ("d1", 12, 16)),
    ]
    assert dataset.records[0].path == "d0/00005.jpg"
    assert dataset.records[0].group == "d0"
    assert dataset.records[0].boxes.tolist() == [[24, 24, 80, 80]]


def test_an_index_of_them_has_their_classes(write):
    root = write(HEADER + line("d0", 1, 0) + line("d0", 2, 16))
    table = index.classes(smileys.load(root), root)
    assert table.labels.tolist() == [0, 16]
    assert set(table.source) == {"smileys"}
    assert not table.undrawn.any()
    assert np.isfinite(table.frames).all()


def test_runs_end_with_the_person_the_smiley_and_a_gap(write):
    frames = [("a", 0, 7), ("a", 1, 7), ("a", 6, 7), ("a", 12, 7), ("a", 13, 2), ("b", 14, 2)]
    dataset = smileys.load(write(HEADER + "".join(line(*frame) for frame in frames)), "run")
    assert [record.group for record in dataset] == ["a/0", "a/0", "a/0", "a/1", "a/2", "b/0"]


@pytest.mark.parametrize(
    "damaged",
    [
        "d0/1.jpg,d0,1,17,:-|,24,24,80",
        "d0/1.jpg,d0,1,-1,:-!,24,24,80",
        "d0/1.jpg,d0,1,7,:-(,24,24,80",
        "d0/1.jpg,d0,one,7,:-|,24,24,80",
        "d0/1.jpg,d0,1,7,:-|,24,24,0",
        "d0/1.jpg,d0,1,7,:-|,nan,24,80",
        "d0/1.jpg,d0,1,7,:-|",
        ",d0,1,7,:-|,24,24,80",
    ],
)
def test_a_damaged_line(write, damaged):
    dataset = smileys.load(write(f"{HEADER}{damaged}\n{line('d0', 2, 7)}"))
    assert [record.frame for record in dataset] == [2]
    assert len(dataset.problems) == 1
    assert "labels.csv, line 2: damaged, passed over: [" in dataset.problems[0]


def test_absent_pictures_cost_one_sentence(write):
    root = write(HEADER + line("d0", 1, 7) + line("d0", 2, 7) + line("d0", 3, 7))
    (root / "d0/00001.jpg").unlink()
    (root / "d0/00003.jpg").unlink()
    dataset = smileys.load(root)
    assert len(dataset) == 1
    assert dataset.absent == ["d0/00001.jpg", "d0/00003.jpg"]
    assert len(dataset.problems) == 1
    assert "2 pictures of the list are not in" in dataset.problems[0]
    (root / "d0/00002.jpg").unlink()
    with pytest.raises(DataError, match="none of the pictures of"):
        smileys.load(root)


def test_no_list_or_another_one(tmp_path):
    with pytest.raises(DataError, match=r"there is no folder .*labels\.csv"):
        smileys.load(tmp_path / "absent")
    with pytest.raises(DataError, match=r"labels\.csv: No such file or directory; expected"):
        smileys.load(tmp_path)
    (tmp_path / "labels.csv").write_text("")
    with pytest.raises(DataError, match=r"the first line must name .*'label_id'.*; got None"):
        smileys.load(tmp_path)


@pytest.mark.data
def test_real_counts(data_dir):
    dataset = smileys.load(data_dir / "smileys")
    assert dataset.problems == []
    assert len(dataset) == smileys.SOURCE.images == 1871
    assert len({record.person for record in dataset}) == 15
    counts = np.bincount([record.label for record in dataset], minlength=17)
    assert counts.argmin() in (4, 11)
    assert (counts[[4, 11, 9, 10, 16, 3]] == [0, 0, 96, 7, 23, 28]).all()
    runs = smileys.load(data_dir / "smileys", "run")
    assert len({record.group for record in runs}) > 100
