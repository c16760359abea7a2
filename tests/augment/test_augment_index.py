from __future__ import annotations

import io
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from augment import index
from augment.datasets import Dataset, LabelledRecord, Source, boxes, fddb
from augment.errors import DataError
from augment.index import BACKGROUND, FACE, Index

COLUMNS = (
    *("paths", "frames", "labels", "source", "group", "face_paths", "face_frames"),
    "weights",
)


def assert_same(a: Index, b: Index) -> None:
    assert a.root == b.root
    for name in COLUMNS:
        one, other = getattr(a, name), getattr(b, name)
        np.testing.assert_array_equal(one, other)
        assert one.dtype.kind == other.dtype.kind


@pytest.fixture
def table(fake_data) -> Index:
    photographs = fddb.load(fake_data / "fddb", (1,))
    return index.concat(
        [index.faces(photographs, fake_data), index.backgrounds(photographs, fake_data)]
    )


def test_rows_of_a_data_set(table, fake_data):
    assert table.labels.tolist() == [FACE] * 4 + [BACKGROUND] * 3
    assert table.labels.dtype == np.int32
    assert table.frames.dtype == np.float32
    assert table.undrawn.tolist() == [False] * 4 + [True] * 3
    assert table.paths[0] == "fddb/originalPics/2002/08/01/big/img_0.jpg"
    assert Path(table.file(0)) == fake_data / table.paths[0]
    assert set(table.source) == {"fddb"}
    assert set(table.group) == {"01"}
    assert len(table.face_frames) == 4
    np.testing.assert_array_equal(table.face_frames, table.frames[:4])


def test_select_by_mask_number_and_repetition(table):
    assert len(table.select(table.labels == FACE)) == 4
    twice = table.select(np.array([2, 2, 0]))
    np.testing.assert_array_equal(twice.frames, table.frames[[2, 2, 0]])
    assert len(twice.face_frames) == 4


def test_round_trip(table, tmp_path):
    table.save(tmp_path / "a.h5")
    again = index.load(tmp_path / "a.h5")
    assert_same(table, again)
    moved = index.load(tmp_path / "a.h5", root=tmp_path)
    assert moved.root == tmp_path


@settings(deadline=None, max_examples=15)
@given(
    st.lists(
        st.tuples(st.text(min_size=1).filter(lambda t: "\0" not in t), st.floats(1, 9, width=32))
    )
)
def test_any_text_comes_back(tmp_path_factory, rows):
    table = index.make(
        "/data",
        [path for path, _ in rows],
        [[size] * 4 for _, size in rows],
        FACE,
        "test",
        [path for path, _ in rows],
    )
    file = tmp_path_factory.mktemp("index") / "a.h5"
    table.save(file)
    assert_same(table, index.load(file))


def test_names_that_are_no_utf8_come_back(tmp_path):
    table = index.make("/", ["a/\udcff.jpg", "ü.jpg"], [[0, 0, 9, 9]] * 2, FACE, "x", ["", "b"])
    table.save(tmp_path / "a.h5")
    assert_same(table, index.load(tmp_path / "a.h5"))


def test_a_saved_index_is_small(tmp_path):
    paths = [f"lfw/Name_{n // 9}/Name_{n // 9}_{n:04d}.jpg" for n in range(20_000)]
    table = index.make("/", paths, np.ones((20_000, 4)), FACE, "lfw", [p[4:12] for p in paths])
    table.save(tmp_path / "a.h5")
    assert (tmp_path / "a.h5").stat().st_size < 20 * len(table)


def test_an_index_travels_through_a_binary_file(table):
    file = io.BytesIO()
    table.save(file)
    file.seek(0)
    assert_same(table, index.load(file))
    with pytest.raises(DataError, match="the index: cannot be read as an index"):
        index.load(io.BytesIO(b"no"))


def test_an_index_of_the_first_format_has_weights_of_one(table, tmp_path):
    table.save(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        file.attrs["format"] = "lasagnette index 1"
        del file["weights"]
    assert_same(table, index.load(tmp_path / "a.h5"))


def test_merge_multiplies_weights(table):
    half = index.merge([(table, 0.5)])
    both = index.merge([(half, 4), (table, 1)])
    assert both.weights.dtype == np.float32
    assert both.weights.tolist() == [2] * 7 + [1] * 7
    assert both.paths.tolist() == table.paths.tolist() * 2
    assert table.weights.tolist() == [1] * 7
    assert both.select(np.array([13, 0])).weights.tolist() == [1, 2]
    assert index.make("/", ["a"], [[0, 0, 9, 9]], FACE, "x", ["g"], weight=3).weights == [3]
    with pytest.raises(ValueError, match=r"finite and not negative; row 0 has -1\.0"):
        index.merge([(table, -1)])


def test_rows_of_a_set_of_classes(tmp_path):
    box = np.array([[24, 24, 80, 80]], np.float32)
    records = [LabelledRecord(f"{label}.jpg", box, "d0", label) for label in (0, 16, 3)]
    source = Source("smileys", "smileys", "", "", "")
    table = index.classes(Dataset(source, tmp_path, records), tmp_path)
    assert table.labels.tolist() == [0, 16, 3]
    assert table.labels.dtype == np.int32
    assert not table.undrawn.any()


def test_concat_of_one_root_keeps_relative_paths(table):
    both = index.concat([table, table])
    assert len(both) == 14
    assert both.paths[7] == table.paths[0]


def test_concat_of_two_roots_makes_the_others_absolute(table, tmp_path):
    Image.new("RGB", (50, 50)).save(tmp_path / "mine.jpg")
    (tmp_path / "list.csv").write_text("file,x,y,width,height\nmine.jpg,5,5,20,20\n")
    own = boxes.load(tmp_path / "list.csv")
    both = index.concat([table, index.faces(own, tmp_path), index.backgrounds(own, tmp_path)])
    assert both.root == table.root
    assert both.paths[7] == str(tmp_path / "mine.jpg")
    assert both.face_paths[-1] == both.paths[7]
    assert Path(both.file(7)).is_file()


def test_a_data_set_outside_the_root_has_absolute_paths(fake_data, tmp_path):
    table = index.faces(fddb.load(fake_data / "fddb", (1,)), tmp_path)
    assert Path(table.paths[0]).is_absolute()
    assert Path(table.file(0)).is_file()


def test_an_empty_data_set_gives_an_empty_index(table, tmp_path):
    nothing = table.select(np.zeros(len(table), bool))
    nothing.save(tmp_path / "a.h5")
    assert len(index.load(tmp_path / "a.h5")) == 0
    assert len(index.concat([nothing, table])) == 7


def test_columns_are_checked(table):
    columns = {name: getattr(table, name) for name in COLUMNS}
    with pytest.raises(ValueError, match=r"columns must be equally long; got {'paths': 7, .*6"):
        Index(root=table.root, **{**columns, "labels": table.labels[:6]})
    with pytest.raises(ValueError, match="but a background needs a frame; row 4 of label 1 has"):
        Index(root=table.root, **{**columns, "labels": np.ones(7, np.int32)})
    with pytest.raises(ValueError, match="finite and not negative; row 2 has -1"):
        Index(root=table.root, **{**columns, "weights": np.array([1, 0, -1] + [1] * 4)})
    with pytest.raises(ValueError, match="got 3 paths for 4 frames"):
        Index(root=table.root, **{**columns, "face_paths": table.face_paths[:3]})
    with pytest.raises(ValueError, match="at least one index; got none"):
        index.concat([])


def test_files_that_are_no_index(table, tmp_path):
    with pytest.raises(DataError, match=r"absent\.h5: cannot be read as an index"):
        index.load(tmp_path / "absent.h5")
    (tmp_path / "text.h5").write_text("no")
    with pytest.raises(DataError, match=r"text\.h5: cannot be read as an index"):
        index.load(tmp_path / "text.h5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file.attrs["format"] = "lasagnette index 9"
    with pytest.raises(DataError, match=r"expected one of .*index 2'.; got 'lasagnette index 9'"):
        index.load(tmp_path / "other.h5")
    table.save(tmp_path / "part.h5")
    with h5py.File(tmp_path / "part.h5", "r+") as file:
        del file["frames"]
    with pytest.raises(DataError, match=r"part\.h5: cannot be read as an index .*frames"):
        index.load(tmp_path / "part.h5")
