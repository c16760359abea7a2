"""Parts of an index share no group and no photograph, and stay as they are when rows are added."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augment.datasets import fddb, lfw
from augment.index import FACE, Index, concat, faces, make
from augment.splitting import by_share, by_value

THREE = {"train": 0.5, "tune": 0.2, "report": 0.3}


def table(rows: list[tuple[str, str]], root: str = "/data") -> Index:
    """An index of (path, group) rows."""
    return make(
        root,
        [path for path, _ in rows],
        [[0, 0, 9, 9]] * len(rows),
        FACE,
        "test",
        [group for _, group in rows],
    )


names = st.sampled_from([f"{letter}{number}" for letter in "abcdefgh" for number in range(4)])
some_rows = st.lists(st.tuples(names.map(lambda name: f"{name}.jpg"), names), max_size=40)
own_rows = st.lists(names.map(lambda name: (f"{name}.jpg", name)), max_size=40)


def side_of(parts: dict[str, Index], column: str) -> dict[str, str]:
    """The part of every value; fails if one is in two."""
    sides: dict[str, str] = {}
    for name, part in parts.items():
        for value in np.unique(getattr(part, column)):
            assert sides.setdefault(str(value), name) == name
    return sides


@settings(deadline=None, max_examples=50)
@given(some_rows, st.sampled_from(["group", "paths", "source"]))
def test_shares_are_complete_and_share_nothing(rows, by):
    index = table(rows)
    parts = by_share(index, THREE, by)
    side_of(parts, by)
    side_of(parts, "paths")
    assert sorted(
        row for part in parts.values() for row in zip(part.paths, part.group, strict=True)
    ) == (sorted(rows))


@settings(deadline=None, max_examples=50)
@given(own_rows, own_rows, st.randoms())
def test_shares_are_the_same_in_any_order_and_with_more_rows(rows, more, random):
    before = side_of(by_share(table(rows), THREE), "group")
    shuffled = rows + more
    random.shuffle(shuffled)
    after = side_of(by_share(table(shuffled), THREE), "group")
    assert {group: after[group] for group in before} == before


@settings(deadline=None, max_examples=50)
@given(some_rows)
def test_named_values_share_nothing(rows):
    index = table(rows)
    groups = sorted({group for _, group in rows})
    parts = by_value(index, {"train": None, "tune": groups[::3], "report": groups[1::3]})
    side_of(parts, "group")
    sides = side_of(parts, "paths")
    assert set(sides) == {path for path, _ in rows}, "every photograph stays on one side"


def test_named_folds(fake_data):
    index = faces(fddb.load(fake_data / "fddb"), fake_data)
    parts = by_value(index, {"train": ("01", "02"), "report": ["06"]})
    assert list(parts) == ["train", "report"]
    assert set(parts["train"].group) == {"01", "02"}
    assert set(parts["report"].group) == {"06"}
    both = concat([index, faces(lfw.load(fake_data / "lfw"), fake_data)])
    assert len(by_value(both, {"faces": ["lfw"]}, by="source")["faces"]) == 40


def test_a_photograph_of_two_parts_stays_in_the_last():
    index = table([("1.jpg", "a"), ("/data/1.jpg", "b"), ("2.jpg", "a"), ("./3.jpg", "b")])
    parts = by_value(index, {"train": ["b"], "tune": ["a"]})
    assert parts["train"].paths.tolist() == ["./3.jpg"]
    assert parts["tune"].paths.tolist() == ["1.jpg", "2.jpg"]


def test_groups_with_a_common_photograph_are_one():
    rows = [(f"{number}.jpg", f"g{number}") for number in range(40)]
    rows += [(f"{number + 1}.jpg", f"g{number}") for number in range(39)]
    filled = [name for name, part in by_share(table(rows), THREE).items() if len(part)]
    assert len(filled) == 1


def test_shares_are_about_as_asked_and_another_salt_divides_anew():
    index = table([(f"{number}.jpg", f"g{number}") for number in range(2000)])
    parts = by_share(index, THREE)
    assert [len(part) / 2000 for part in parts.values()] == pytest.approx([0.5, 0.2, 0.3], abs=0.04)
    other = by_share(index, THREE, salt="again")
    assert set(other["report"].group) != set(parts["report"].group)
    assert len(by_share(index, {"all": 1.0, "none": 0.0})["all"]) == 2000


def test_the_division_is_fixed():
    """It must never change: numbers of models trained on it would mean something else."""
    index = table([(f"{number}.jpg", f"Person_{number}") for number in range(12)])
    assert by_share(index, {"train": 0.75, "tune": 0.25})["tune"].group.tolist() == [
        "Person_1",
        "Person_4",
    ]


def test_what_is_refused():
    index = table([("1.jpg", "a"), ("2.jpg", "b")])
    with pytest.raises(ValueError, match=r"no row has group 'c', which part 'tune' names"):
        by_value(index, {"train": ["a"], "tune": ["c"]})
    with pytest.raises(ValueError, match=r"group 'a' is in part 'train' and in 'tune'"):
        by_value(index, {"train": ["a"], "tune": ["b", "a"]})
    with pytest.raises(ValueError, match=r"one part may be None; got \['train', 'tune'\]"):
        by_value(index, {"train": None, "tune": None})
    with pytest.raises(ValueError, match="part 'train' needs a list of values; got 'a'"):
        by_value(index, {"train": "a"})
    for shares in ({"a": 0.5, "b": 0.4}, {"a": 1.5, "b": -0.5}, {}):
        with pytest.raises(ValueError, match=r"shares must sum to 1, none negative; got {"):
            by_share(index, shares)
    with pytest.raises(ValueError, match=r"by must be one of .*; got 'person'"):
        by_share(index, {"all": 1.0}, by="person")  # type: ignore[arg-type]
