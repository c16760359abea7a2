"""LFW's lists of people and pairs, as they are handed out and damaged."""

from __future__ import annotations

import pytest
from PIL import Image

from augment.datasets import lfw
from augment.datasets.lfw_lists import Pair, read_pairs, read_people
from augment.errors import DataError


@pytest.fixture
def write(tmp_path):
    def write(text: str | bytes):
        path = tmp_path / "list.txt"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_people_in_sets(write):
    people = read_people(write("2\n2\nB_One\t3\nA_Two\t1\n1\nC_Three\t2\n"))
    assert people.sets == [{"B_One": 3, "A_Two": 1}, {"C_Three": 2}]
    assert people.people == ["A_Two", "B_One", "C_Three"]
    assert people.problems == []


@pytest.mark.parametrize(
    "text",
    [
        "2\nA_B\t3\nC_D\t1\n",
        "A_B 3\nC_D 1",
        b"\xef\xbb\xbf2\r\nA_B\t3\r\n\r\nC_D\t1\r\n",
    ],
)
def test_people_in_one_set_with_and_without_a_count(write, text):
    people = read_people(write(text))
    assert people.sets == [{"A_B": 3, "C_D": 1}]
    assert people.problems == []


def test_damaged_lines_of_people(write):
    people = read_people(write("3\nA_B\t3\nC_D\nE_F\tx\nG_H\t1\n"))
    assert people.sets == [{"A_B": 3, "G_H": 1}]
    assert [problem.split("list.txt")[1] for problem in people.problems] == [
        ", line 3: not a name and a number of pictures, passed over: 'C_D'",
        ", line 4: not a name and a number of pictures, passed over: 'E_F x'",
        ", line 1: announces 3 people and 2 follow",
    ]


PAIRS = "A_B\t1\t4\nC_D\t2\t3\nA_B\t1\tC_D\t12\nE_F\t1\tC_D\t2\n"


def test_pairs_in_one_set(write):
    pairs = read_pairs(write("2\n" + PAIRS))
    assert pairs.problems == []
    assert pairs.people == ["A_B", "C_D", "E_F"]
    (only,) = pairs.sets
    assert only[0] == Pair("A_B/A_B_0001.jpg", "A_B/A_B_0004.jpg", True)
    assert only[2] == Pair("A_B/A_B_0001.jpg", "C_D/C_D_0012.jpg", False)


def test_pairs_in_sets(write):
    pairs = read_pairs(write("2\t2\r\n" + 2 * PAIRS.replace("\n", "\r\n")))
    assert [len(part) for part in pairs.sets] == [4, 4]
    assert pairs.problems == []


def test_damaged_lines_of_pairs(write):
    pairs = read_pairs(write("2\t2\n" + PAIRS + PAIRS.replace("C_D\t2\t3", "C_D\ttwo\t3") + "9\n"))
    assert [len(part) for part in pairs.sets] == [4, 3]
    assert [problem.split("list.txt")[1] for problem in pairs.problems] == [
        ", line 7: not a pair of pictures, passed over: 'C_D two 3'",
        ", line 10: not a pair of pictures, passed over: '9'",
        ": set 2 should have 2 pairs of one person and 2 of two; it has 1 and 2",
    ]
    assert "announces 3 sets of pairs and has 1" in read_pairs(write("3 2\n" + PAIRS)).problems[0]


def test_files_that_are_no_lists(write, tmp_path):
    for read in (read_people, read_pairs):
        with pytest.raises(DataError, match=r"absent\.txt: the list cannot be read \(No such file"):
            read(tmp_path / "absent.txt")
    with pytest.raises(DataError, match="no person in this list"):
        read_people(write("10\n"))
    with pytest.raises(DataError, match="no pair in this list"):
        read_pairs(write(b"\x00\xff\xfe"))


def test_a_list_chooses_the_people_that_are_read(fake_data, write):
    people = read_people(write("Person_B 2\nPerson_D 2\nNo_Body 1\n")).people
    dataset = lfw.load(fake_data / "lfw", people)
    assert [record.group for record in dataset] == ["Person_B"] * 2 + ["Person_D"] * 2
    assert dataset.problems == [
        f"LFW: 1 of 3 people have no picture in {str(fake_data / 'lfw')!r}, the first is 'No_Body'"
    ]
    with pytest.raises(DataError, match="no picture of these 1 people in"):
        lfw.load(fake_data / "lfw", ["No_Body"])


@pytest.mark.parametrize("variant", ["lfw", "lfw_funneled", "lfw-deepfunneled", "lfw-a"])
def test_aligned_or_not(tmp_path, variant):
    """The archives unpack into folders of their own; both they and the folder above are read."""
    person = tmp_path / variant / "A_B"
    person.mkdir(parents=True)
    Image.new("RGB", (250, 250)).save(person / "A_B_0001.jpg")
    (tmp_path / "readme").mkdir()
    for root in (tmp_path, tmp_path / variant):
        dataset = lfw.load(root)
        assert dataset.root == tmp_path / variant
        assert [record.path for record in dataset] == ["A_B/A_B_0001.jpg"]
        assert dataset.size == (250, 250)


@pytest.mark.data
def test_official_lists(data_dir):
    folder = data_dir / "lfw"
    people = read_people(folder / "people.txt")
    assert len(people.sets) == 10
    assert len(people.people) == 5749
    assert sum(sum(part.values()) for part in people.sets) == 13_233
    train, test = (read_people(folder / f"peopleDev{side}.txt") for side in ("Train", "Test"))
    assert (len(train.people), len(test.people)) == (4038, 1711)
    assert not set(train.people) & set(test.people)
    assert len(read_people(folder / "lfw-names.txt").people) == 5749
    pairs = read_pairs(folder / "pairs.txt")
    assert [len(part) for part in pairs.sets] == [600] * 10
    develop = [read_pairs(folder / f"pairsDev{side}.txt") for side in ("Train", "Test")]
    assert [len(part.sets[0]) for part in develop] == [2200, 1000]
    for found in (people, train, test, pairs, *develop):
        assert found.problems == []
    chosen = lfw.load(folder, test.people)
    assert {record.group for record in chosen} <= set(test.people)
