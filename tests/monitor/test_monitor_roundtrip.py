"""What is logged is what is read."""

import io
import itertools
import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from monitor.layout import FORMAT, TABLES
from monitor.runlog import Boxes, RunLog, list_runs, open_run

CONFIG = {"rate": np.float32(0.5), "sides": np.array([12, 48]), "data": Path("faces")}


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunLog]:
    folder = tmp_path_factory.mktemp("runs") / "net12"
    layers = [{"name": "conv", "shape": [None, 16, 12, 12], "parameters": 448}]
    with RunLog(folder, CONFIG, command=["train", "net12"], architecture=layers) as log:
        yield log


_counter = itertools.count()
_numbers = st.floats(allow_nan=True, allow_infinity=True)


@settings(deadline=None, max_examples=50)
@given(
    rows=st.lists(st.tuples(st.integers(0, 2**63 - 1), _numbers, _numbers), max_size=40),
    name=st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=20),
)
def test_scalars(log: RunLog, rows: list[tuple[int, float, float]], name: str) -> None:
    tag = f"{next(_counter)}/{name}"
    log.scalar(tag, 0.0, 0)
    for step, value, epoch in rows:
        log.scalar(tag, value, step, epoch)
    assert log.flush()
    read = open_run(log.folder).scalars(tag)
    steps, values, epochs = zip((0, 0.0, math.nan), *rows, strict=True)
    np.testing.assert_array_equal(read.step, np.array(steps, np.int64))
    np.testing.assert_array_equal(read.value, np.array(values, float))
    np.testing.assert_array_equal(read.epoch, np.array(epochs, float))
    assert np.all(np.diff(read.time) >= 0)


def test_numpy_scalars_are_numbers(log: RunLog) -> None:
    log.scalar("numpy", np.float32(0.5), np.int64(3), epoch=np.float32(1))
    log.scalar("numpy", np.array(0.25), np.uint8(4))
    log.flush()
    assert open_run(log.folder).scalars("numpy").value.tolist() == [0.5, 0.25]


def test_a_tag_may_have_128_bytes_and_serve_several_kinds(log: RunLog) -> None:
    tag = "я" * 64
    log.scalar(tag, 1.0, 1)
    log.histogram(tag, [1.0], 1)
    log.flush()
    run = open_run(log.folder)
    assert tag in run.tags
    assert tag in run.histogram_tags
    assert tag not in run.picture_tags


def test_pixels_of_a_crop_come_back_unchanged(log: RunLog) -> None:
    image = np.random.default_rng(0).integers(0, 256, (48, 40, 3), dtype=np.uint8)
    boxes = [
        Boxes(np.array([[1, 2, 3, 4], [5, 6, 7, 8]]), np.array([0.5, 0.75]), 1, "fired"),
        Boxes(np.array([[9.5, 8, 7, 6]]), role="truth"),
        Boxes(np.zeros((0, 4))),
    ]
    log.picture("crops", image, 7, {"angle": np.float64(0.5), "mirror": True}, boxes)
    log.picture("crops", image[:, ::-1, 0], 8)
    log.flush()
    run = open_run(log.folder)
    first, second = run.pictures("crops")
    assert (first.step, first.tag, first.kind) == (7, "crops", "png")
    media = run.media(first.media)
    assert media.metadata == {"angle": 0.5, "mirror": True}
    with Image.open(io.BytesIO(media.encoded)) as picture:
        np.testing.assert_array_equal(np.asarray(picture), image)
    with Image.open(io.BytesIO(run.media(second.media).encoded)) as picture:
        np.testing.assert_array_equal(np.asarray(picture), image[:, ::-1, 0])
    read = run.boxes(first.media)
    assert read.frames.tolist() == [[1, 2, 3, 4], [5, 6, 7, 8], [9.5, 8, 7, 6]]
    np.testing.assert_array_equal(read.scores, [0.5, 0.75, np.nan])
    assert list(read.stage) == [1, 1, 0]
    assert list(read.role) == ["fired", "fired", "truth"]
    assert run.boxes(second.media).frames.shape == (0, 4)
    log.picture("again", image, 9, boxes=read)
    log.flush()
    again = run.boxes(run.pictures("again")[0].media)
    assert all(np.array_equal(a, b) for a, b in zip(again[2:], read[2:], strict=True))


def test_encoded_pictures_are_stored_as_they_are(log: RunLog) -> None:
    for kind in ("png", "jpeg"):
        stream = io.BytesIO()
        Image.new("RGB", (5, 4), "red").save(stream, kind)
        log.picture("files", stream.getvalue(), 1)
        log.flush()
        run = open_run(log.folder)
        picture = run.pictures("files")[-1]
        assert picture.kind == kind
        assert run.media(picture.media).encoded == stream.getvalue()


def test_photographs_become_jpeg(log: RunLog) -> None:
    log.picture("photographs", np.full((300, 400, 3), 77, np.uint8), 1)
    log.flush()
    run = open_run(log.folder)
    media = run.media(run.pictures("photographs")[0].media)
    assert media.kind == "jpeg"
    with Image.open(io.BytesIO(media.encoded)) as picture:
        assert picture.size == (400, 300)


@settings(deadline=None, max_examples=25)
@given(values=st.lists(st.floats(width=64), max_size=50))
def test_histograms_count_every_finite_value(log: RunLog, values: list[float]) -> None:
    tag = f"{next(_counter)}/weights"
    log.histogram(tag, np.array(values), 3)
    log.flush()
    read = open_run(log.folder).histograms(tag)
    finite = [value for value in values if math.isfinite(value)]
    assert read.counts.shape == (1, 64)
    assert read.counts.sum() == len(finite)
    expected = [min(finite), max(finite)] if finite else [np.nan, np.nan]
    np.testing.assert_array_equal([read.lowest[0], read.highest[0]], expected)


def test_histogram_bins_are_equal(log: RunLog) -> None:
    log.histogram("bins", np.arange(640, dtype=np.float32), 3)
    log.flush()
    counts = open_run(log.folder).histograms("bins").counts[0]
    expected, _ = np.histogram(np.arange(640), bins=64)
    np.testing.assert_array_equal(counts, expected)


def test_funnel_texts_and_checkpoints(log: RunLog) -> None:
    log.funnel(5, "detect-1", 5342, 427, 9)
    log.funnel(5, "calibrate-1", 427, 389, 8)
    log.text("the learning rate was halved: 0,5 → 0,25", 6)
    log.text("", 7)
    log.checkpoint(6, "epoch-006.h5")
    log.checkpoint(9, "epoch-009.h5")
    log.flush()
    run = open_run(log.folder)
    funnel = run.funnel()
    assert funnel.stage.tolist() == ["detect-1", "calibrate-1"]
    assert funnel.windows_in.tolist() == [5342, 427]
    assert funnel.windows_out.tolist() == [427, 389]
    assert funnel.faces_kept.tolist() == [9, 8]
    notes = [(note.step, note.text) for note in run.texts()]
    assert notes == [(6, "the learning rate was halved: 0,5 → 0,25"), (7, "")]
    marks = [(mark.step, mark.name) for mark in run.checkpoints()]
    assert marks == [(6, "epoch-006.h5"), (9, "epoch-009.h5")]
    assert not {"epoch-006.h5", "detect-1"} & set(run.tags)


def test_run_json_says_how_the_run_came_to_be(log: RunLog) -> None:
    run = open_run(log.folder)
    info = run.info
    assert info["format"] == FORMAT
    assert info["command"] == ["train", "net12"]
    assert info["config"] == {"rate": 0.5, "sides": [12, 48], "data": "faces"}
    assert set(info["versions"]) >= {"python", "numpy", "h5py"}
    assert info["host"]
    assert info["started"] > 1e9
    assert "git" in info
    assert run.architecture[0]["parameters"] == 448
    assert run.problems == []


def test_full_segments_rotate_and_nothing_is_lost(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (60, 60, 3), dtype=np.uint8)
    with RunLog(tmp_path / "run", {"depth": 3}, segment_bytes=1_500_000) as log:
        for step in range(300):
            log.scalar("loss", step / 2, step, epoch=step / 50)
            log.picture("crops", image, step, boxes=Boxes(np.full((1, 4), step)))
            if step % 50 == 49:
                assert log.flush()
    segments = sorted(path.name for path in (tmp_path / "run").glob("*.h5"))
    assert segments == [f"seg-{number:03d}.h5" for number in range(len(segments))]
    assert len(segments) > 2
    (run,) = list_runs(tmp_path)
    assert run.status == "finished"
    assert run.scalars("loss").value.tolist() == [step / 2 for step in range(300)]
    pictures = run.pictures("crops")
    assert [picture.step for picture in pictures] == list(range(300))
    assert run.boxes(pictures[299].media).frames.tolist() == [[299.0] * 4]
    assert run.problems == []
    assert not list((tmp_path / "run").glob(".*"))


def test_a_segment_is_described_by_its_attributes(log: RunLog) -> None:
    import h5py

    with h5py.File(log.folder / "seg-000.h5", "r", swmr=True, locking=False) as file:
        assert set(file) == {*TABLES, "blob"}
        assert all(file[name].fletcher32 for name in file)
        assert file.attrs["format"] == FORMAT
        assert file.attrs["start_step"] == -1
        assert file.attrs["parent"] == b""
        assert json.loads(file.attrs["process"])["pid"] == file.attrs["pid"]
        assert json.loads(file.attrs["config"])["rate"] == 0.5
