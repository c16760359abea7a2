"""The three divisions of the smiley frames."""

from __future__ import annotations

from importlib import resources

import numpy as np
import pytest
from drawn_smileys import draw_smileys, own_smileys

from augment.datasets import smileys
from augment.errors import DataError
from augment.index import Index
from augment.smiley_splits import all_smileys, balanced, make_smiley_splits, smiley_sets

SPLITS = ("frames", "runs", "people")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("smileys")
    draw_smileys(root)
    return root


def names(index: Index) -> set[str]:
    return set(index.paths.tolist())


@pytest.mark.parametrize("split", SPLITS)
def test_every_frame_is_on_one_side(data, split):
    learnt, held = smiley_sets(data, split)
    assert not names(learnt) & names(held)
    assert names(learnt) | names(held) == names(all_smileys(data))
    assert len(held)


def test_people_are_whole(data):
    learnt, held = smiley_sets(data, "people")
    assert set(held.group) == {"d10", "d9"}
    assert set(learnt.group) == {"d12", "d14"}


@pytest.mark.parametrize("split", SPLITS)
def test_a_fifth_of_own_frames_is_held_out(split, tmp_path):
    own = own_smileys(tmp_path)
    learnt, held = smiley_sets(own, split)
    assert names(learnt) | names(held) == names(all_smileys(own))
    assert len(all_smileys(own)) == 48
    assert not names(learnt) & names(held)
    assert 0.2 <= len(held) / 48 <= 0.5
    assert names(smiley_sets(own, split)[1]) == names(held)
    if split == "people":
        assert not set(held.group) & set(learnt.group)


def test_of_one_person_no_people_are_held_out(tmp_path):
    learnt, held = smiley_sets(own_smileys(tmp_path, people=1), "people")
    assert (len(learnt), len(held)) == (12, 0)


@pytest.mark.parametrize("split", SPLITS)
def test_frames_that_were_added_are_learnt(split, data, tmp_path):
    own = own_smileys(tmp_path / "own")
    both = draw_smileys(tmp_path)
    for folder in own.glob("my-*"):
        folder.rename(both / folder.name)
    with (both / "labels.csv").open("a") as file:
        file.writelines((own / "labels.csv").read_text().splitlines(keepends=True)[1:])
    learnt, held = smiley_sets(tmp_path, split)
    assert names(held) == names(smiley_sets(data, split)[1])
    assert len(learnt) + len(held) == 96


def test_problems_are_told_and_wrong_words_refused(data, tmp_path):
    with pytest.raises(ValueError, match=r"must be one of .*; got 'persons'"):
        smiley_sets(data, "persons")
    with pytest.raises(DataError, match="smiley frames: there is no folder"):
        smiley_sets(tmp_path, "runs")
    draw_smileys(tmp_path)
    (tmp_path / "smileys/d12/90000.jpg").unlink()
    told: list[str] = []
    everything = all_smileys(tmp_path, told.append)
    assert len(everything) == len(all_smileys(data)) - 1
    assert len(told) == 1
    assert "90000.jpg" in told[0]


def test_balanced_shows_every_class_equally_often(data):
    index = all_smileys(data)
    index = index.select((index.labels != 5) | (index.group == "d9"))
    even = balanced(index)
    sums = [even.weights[even.labels == label].sum() for label in np.unique(even.labels)]
    np.testing.assert_allclose(sums, len(index) / len(sums), rtol=1e-5)


def test_chosen_from_other_data(data):
    """A fifth of each class by frames; runs and people are never divided."""
    rows = [line.split(",") for line in make_smiley_splits(data).splitlines()[1:]]
    held = {split: {path for path, of in rows if split in of.split()} for split in SPLITS}
    frames = {record.path: record for record in smileys.load(data / "smileys", "run")}
    for label in (0, 5, 7):
        of_label = {path for path, record in frames.items() if record.label == label}
        assert len(held["frames"] & of_label) == -(-len(of_label) // 5)
        assert 0 < len(held["runs"] & of_label) <= len(of_label) / 2
    for split, unit in (("runs", "group"), ("people", "person")):
        out = {getattr(frames[path], unit) for path in held[split]}
        rest = {getattr(frames[path], unit) for path in frames.keys() - held[split]}
        assert out
        assert not out & rest


@pytest.mark.data
def test_the_list_is_what_the_data_give(data_dir):
    text = (resources.files("augment") / "splits" / "smileys.csv").read_text(encoding="utf-8")
    assert make_smiley_splits(data_dir) == text


@pytest.mark.data
def test_no_near_duplicates_across_runs(data_dir):
    """A run's neighbours by less than five frames of the same smiley are in the same run."""
    learnt, held = smiley_sets(data_dir, "runs")
    frames = [
        {(path.split("/")[1], int(label), int(path.split("/")[2][:5])) for path, label in rows}
        for rows in (
            zip(index.paths.tolist(), index.labels.tolist(), strict=True)
            for index in (learnt, held)
        )
    ]
    near = [
        (person, label, frame)
        for person, label, frame in frames[1]
        if any((person, label, frame + step) in frames[0] for step in range(-5, 6))
    ]
    assert not near
