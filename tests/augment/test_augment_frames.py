"""The list of labelled clips: reading, writing, what is damaged, who may write."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augment.datasets import frames
from augment.datasets.frames import COLUMNS, Clip, is_clip_name, load, locked, save
from augment.errors import DataError

HEADER = ",".join(COLUMNS) + "\n"
NOWHERE = (np.nan, np.nan, np.nan)


def clip(name="a", labels=(0, -1, 16), squares=((1, 2, 30), NOWHERE, (-4.5, 0, 99.9)), first=0):
    numbers = np.arange(first, first + len(labels), dtype=np.int32)
    return Clip(name, numbers, np.array(labels, np.int32), np.array(squares, np.float32))


def same(one, other):
    assert one.name == other.name
    for name in ("frames", "labels", "squares"):
        values, wanted = getattr(one, name), getattr(other, name)
        assert values.dtype == wanted.dtype
        assert values.shape == wanted.shape
        np.testing.assert_array_equal(values, wanted)


def test_what_was_written_is_read(tmp_path):
    path = tmp_path / "frames.csv"
    save(path, clip("b"))
    save(path, clip("a", [7], [(3, 4, 5)]))
    found = load(path)
    assert found.problems == []
    assert list(found.clips) == ["b", "a"]
    same(found.clips["b"], clip("b"))
    assert found.clips["a"].labels.dtype == np.int32
    assert path.read_text() == (
        "clip,frame,label,x,y,side\n"
        "b,0,0,1.0,2.0,30.0\nb,1,-1,,,\nb,2,16,-4.5,0.0,99.9\na,0,7,3.0,4.0,5.0\n"
    )
    assert os.listdir(tmp_path) == ["frames.csv"]


names = st.text(min_size=1, max_size=8).filter(is_clip_name)
tenths = st.integers(-99_999, 99_999).map(lambda n: n / 10)
square = st.one_of(
    st.just(NOWHERE), st.tuples(tenths, tenths, st.integers(1, 9999).map(lambda n: n / 10))
)
row = st.tuples(st.integers(0, 999), st.integers(-1, 16), square)
clips = st.dictionaries(
    names, st.lists(row, min_size=1, max_size=6, unique_by=lambda r: r[0]), min_size=1, max_size=4
)


@settings(deadline=None)  # other work may share the machine
@given(written=clips, again=st.data())
def test_any_clips_make_the_round_trip(tmp_path_factory, written, again):
    path = tmp_path_factory.mktemp("round") / "frames.csv"
    made = {}
    for name, rows in written.items():
        numbers, labels, squares = zip(*sorted(rows, key=lambda r: r[0]), strict=True)
        made[name] = Clip(
            name,
            np.array(numbers, np.int32),
            np.array(labels, np.int32),
            np.array(squares, np.float32),
        )
        save(path, made[name])
    before = path.read_bytes()
    save(path, made[again.draw(st.sampled_from(sorted(made)))])  # in its place, nothing doubled
    assert path.read_bytes() == before
    found = load(path)
    assert found.problems == []
    assert list(found.clips) == list(made)
    for name, one in made.items():
        same(found.clips[name], one)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "a\nb", " a", "a\0"])
def test_a_clip_that_is_no_file_name_is_not_written(tmp_path, name):
    with pytest.raises(DataError, match=r"cannot stand in a list of frames.*rename the video"):
        save(tmp_path / "frames.csv", clip(name))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "damaged",
    [
        "a,0,17,1,2,3",
        "a,0,-2,1,2,3",
        "a,-1,0,1,2,3",
        "a,one,0,1,2,3",
        "a,99999999999,0,1,2,3",
        "a,0,0,1,2,0",
        "a,0,0,nan,2,3",
        "a,0,0,1,inf,3",
        "a,0,0,1,1e300,3",
        "a,0,0,1,,3",
        "a,0,0,1,2",
        "a,0,0,1,2,3,4",
        "../a,0,0,1,2,3",
        ",0,0,1,2,3",
        'a,0,"0,1,2,3',
        "a,0,0\0,1,2,3",
        "\xff\xfe",
    ],
)
def test_a_damaged_line_is_named_passed_over_and_kept(tmp_path, damaged):
    path = tmp_path / "frames.csv"
    path.write_bytes(HEADER.encode() + damaged.encode("latin-1") + b"\na,1,7,1,2,3\n\n")
    found = load(path)
    (problem,) = found.problems
    assert f"{path}, line 2: damaged, passed over: " in problem
    assert problem.encode("utf-8")
    assert found.clips["a"].frames.tolist() == [1]
    save(path, clip("a"))
    assert damaged.encode("latin-1") in path.read_bytes().split(b"\n")
    same(load(path).clips["a"], clip("a"))


def test_of_two_lines_for_a_frame_the_later_counts(tmp_path):
    path = tmp_path / "frames.csv"
    path.write_text(HEADER + "a,3,0,1,2,3\na,1,0,1,2,3\na,3,5,1,2,4\n")
    found = load(path)
    assert found.problems == [f"{path}, line 4: frame 3 of 'a' once more; this line counts"]
    (read,) = found.clips.values()
    assert (read.frames.tolist(), read.labels.tolist()) == ([1, 3], [0, 5])
    assert read.squares.tolist() == [[1, 2, 3], [1, 2, 4]]


def test_other_clips_stay_as_they_are(tmp_path):
    path = tmp_path / "frames.csv"
    other = b'b,0,3, 1.250,2,3\r\nb,nonsense\r\n"b, too",1,-1,,,\r\n'
    path.write_bytes(HEADER.replace("\n", "\r\n").encode() + other + b"a,0,0,1,2,3\r\n")
    save(path, clip("a"))
    content = path.read_bytes()
    assert other in content
    assert content.count(b"\r\n") == content.count(b"\n") == 7  # one kind of line end
    assert list(load(path).clips) == ["b", "b, too", "a"]


@pytest.mark.parametrize("content", ["", "clip,frame\n", "\x89PNG"])
def test_another_file_is_neither_read_nor_written_over(tmp_path, content):
    path = tmp_path / "frames.csv"
    path.write_text(content, encoding="latin-1")
    for use in (load, lambda path: save(path, clip())):
        with pytest.raises(DataError, match=r"the first line must be 'clip,frame,.*; got '"):
            use(path)
    assert path.read_text(encoding="latin-1") == content
    with pytest.raises(DataError, match=r"frames\.csv: there is no such list of frames"):
        load(tmp_path / "absent" / "frames.csv")
    with pytest.raises(DataError, match="Is a directory"):
        load(tmp_path)


def test_a_list_that_cannot_be_written_stays(tmp_path, monkeypatch):
    path = tmp_path / "frames.csv"
    save(path, clip())
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(frames.os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        save(path, clip("b"))
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["frames.csv"]


def test_a_list_that_is_a_link_stays_one(tmp_path):
    (tmp_path / "lists").mkdir()
    link = tmp_path / "frames.csv"
    link.symlink_to(tmp_path / "lists" / "mine.csv")
    save(link, clip())
    assert link.is_symlink()
    assert os.listdir(tmp_path / "lists") == ["mine.csv"]
    same(load(link).clips["a"], clip())


def test_only_one_process_labels_into_a_list(tmp_path):
    pytest.importorskip("fcntl")
    path = tmp_path / "frames.csv"
    program = (
        "import sys; from augment.datasets.frames import locked\n"
        "with locked(sys.argv[1]): print('mine', flush=True); sys.stdin.read()"
    )
    root = Path(frames.__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)],
        cwd=root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout.readline() == "mine\n"
        with pytest.raises(DataError, match="another process is labelling into this list"):
            locked(path).__enter__()
        other.kill()
        other.wait()
        with locked(path):  # the lock has gone with the process
            pass


@pytest.mark.data
def test_the_research_list(data_dir):
    found = load(data_dir / "clips" / "frames.csv")
    assert found.problems == []
    assert len(found.clips) == 15
    assert sum(len(one.frames) for one in found.clips.values()) == 4695
    for one in found.clips.values():
        assert (one.frames == np.arange(len(one.frames))).all()
        assert np.isfinite(one.squares).all()
