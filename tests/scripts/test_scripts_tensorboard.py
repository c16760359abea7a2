"""TensorBoard's event files: ours are read by its reader, its own by ours, damaged ones by both."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from scripts.tensorboard_read import (
    Histogram,
    LeftOut,
    Picture,
    Restart,
    Scalar,
    Words,
    read_events,
)
from scripts.tensorboard_records import crc32c, frame, read_records
from scripts.tensorboard_wire import put
from scripts.tensorboard_write import EventFile

# What tensorboard 2.21 and tensorboardX 2.6 wrote, with their own protobuf and checksums.
THEIRS = Path(__file__).with_name("tensorboard_events.txt")


def png() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(stream, "png")
    return stream.getvalue()


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    with EventFile(tmp_path, 1000.5, "a host/..") as file:
        for step in range(100):
            file.scalar("train/loss", step, 1000 + step / 4, 1 / (step + 1))
        file.scalar("odd", 0, 1000, float("nan"))
        file.scalar("odd", 1, 1000, 1e300)
        file.scalar("odd", 2**62, 1000, -3.5e38)
        file.picture("crop", 3, 1003.25, png(), (40, 30))
        file.histogram("weights", 3, 1003.25, np.linspace(-1, 1, 65), np.arange(64))
        file.words("notes", 3, 1003.25, "halved: 0,5 → 0,25")
    return file.path


def test_what_is_written_is_read(ours: Path) -> None:
    assert ours.name == "events.out.tfevents.1000.a_host_.."
    problems: list[str] = []
    found = list(read_events(ours, problems))
    assert problems == []
    assert found[:2] == [
        Scalar("train/loss", 0, 1000.0, 1.0),
        Scalar("train/loss", 1, 1000.25, 0.5),
    ]
    odd = [entry for entry in found if isinstance(entry, Scalar) and entry.tag == "odd"]
    assert np.isnan(odd[0].value)
    assert [(entry.step, entry.value) for entry in odd[1:]] == [(1, np.inf), (2**62, -np.inf)]
    assert found[103] == Picture("crop", 3, 1003.25, png())
    weights = found[104]
    assert isinstance(weights, Histogram)
    np.testing.assert_allclose(weights.edges, np.linspace(-1, 1, 65))
    np.testing.assert_array_equal(weights.counts, np.arange(64))
    assert found[105] == Words("notes", 3, 1003.25, "halved: 0,5 → 0,25")


def test_a_file_that_failed_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), EventFile(tmp_path, 1, "host") as file:
        file.scalar("loss", 1, 1, 1 / 0)
    assert list(tmp_path.iterdir()) == []


def test_tensorboards_own_reader_reads_ours(ours: Path) -> None:
    accumulators = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator",
        reason="tensorboard is not installed",
    )
    kinds = ("scalars", "images", "histograms", "tensors")
    reader = accumulators.EventAccumulator(str(ours.parent), size_guidance=dict.fromkeys(kinds, 0))
    reader.Reload()
    loss = reader.Scalars("train/loss")
    assert [point.step for point in loss] == list(range(100))
    assert [point.wall_time for point in loss] == [1000 + step / 4 for step in range(100)]
    np.testing.assert_allclose([point.value for point in loss], 1 / np.arange(1, 101), rtol=1e-7)
    assert [point.value for point in reader.Scalars("odd")[1:]] == [np.inf, -np.inf]
    (picture,) = reader.Images("crop")
    assert (picture.encoded_image_string, picture.width, picture.height) == (png(), 40, 30)
    (weights,) = reader.Histograms("weights")
    assert weights.histogram_value.bucket == list(range(64))
    assert weights.histogram_value.num == 2016
    (note,) = reader.Tensors("notes")
    assert note.tensor_proto.string_val == ["halved: 0,5 → 0,25".encode()]
    assert reader.SummaryMetadata("notes").plugin_data.plugin_name == "text"


def test_files_of_other_writers_are_read(tmp_path: Path) -> None:
    files = {}
    for line in THEIRS.read_text().splitlines():
        name, content = line.split()
        files[name] = tmp_path / name
        files[name].write_bytes(bytes.fromhex(content))
    found: dict[str, list[object]] = {}
    for name, path in files.items():
        problems: list[str] = []
        found[name] = list(read_events(path, problems))
        assert problems == []
    first, second = found["tensorboardX"], found["tensorboard"]
    assert first[:2] == [
        Scalar("Loss/train", 0, 1000.0, 0.5),
        Scalar("Loss/train", 7, 1007.0, 0.25),
    ]
    assert isinstance(first[2], Picture)
    assert first[2].encoded.startswith(b"\x89PNG")
    spread = first[3]
    assert isinstance(spread, Histogram)
    assert (spread.edges[0], spread.edges[-1], spread.counts.sum()) == (0.0, 9.0, 10)
    assert first[4] == Words("notes/text_summary", 3, 1003.0, "hello")
    assert LeftOut("audio") in first
    assert LeftOut("hparams") in first
    assert second[:2] == [Scalar("loss", 1, 1001.0, 0.5), Scalar("loss", 2, 1002.0, 0.125)]
    assert second[2] == Scalar("double", 1, 1001.0, 0.1)
    assert second[3] == Scalar("whole", 1, 1001.0, -3.0)
    assert second[4] == Picture("crops", 1, 1001.0, b"\x89PNG one")
    assert second[5] == Picture("crops", 1, 1001.0, b"\x89PNG two")
    bins = second[6]
    assert isinstance(bins, Histogram)
    assert (bins.edges.tolist(), bins.counts.tolist()) == ([0.0, 0.5, 1.0], [3.0, 4.0])
    assert second[7:] == [Words("text", 1, 1001.0, "a\nb"), Restart(5), LeftOut("graphs")]


def test_checksums_of_the_standard() -> None:
    # RFC 3720, B.4
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43


@settings(deadline=None)
@given(st.integers(900, 6000), st.integers(0, 2**32 - 1))
def test_long_contents_have_the_checksum_of_the_bytes_one_by_one(size: int, seed: int) -> None:
    content = np.random.default_rng(seed).bytes(size)
    value = 0xFFFFFFFF
    for byte in content:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    assert crc32c(content) == value ^ 0xFFFFFFFF


def _event(step: int) -> bytes:
    value = put(1, put(1, "loss") + put(2, float(step), "f"))
    return frame(put(1, 1000.0, "d") + put(2, step) + put(5, value))


def test_damage_costs_what_it_must(tmp_path: Path) -> None:
    path = tmp_path / "tfevents"
    records = [_event(step) for step in range(1, 5)]
    size = len(records[0])

    def read(content: bytes) -> tuple[list[int], list[str]]:
        path.write_bytes(content)
        problems: list[str] = []
        steps = [entry.step for entry in read_events(path, problems) if isinstance(entry, Scalar)]
        return steps, [problem.removeprefix(f"{path}: ") for problem in problems]

    whole = b"".join(records)
    assert read(whole) == ([1, 2, 3, 4], [])
    assert read(b"") == ([], [])
    content = bytearray(whole)
    content[size + 20] ^= 1  # in the second record
    problem = f"the record at byte {size} is damaged and is left out."
    assert read(bytes(content)) == ([1, 3, 4], [problem])
    content[2 * size] ^= 1  # the third one's length
    ending = f"the record at byte {2 * size} is damaged, and what follows cannot be found."
    assert read(bytes(content)) == ([1], [problem, ending])
    for cut in (1, 13, size - 1):
        steps, problems = read(whole[: 3 * size + cut])
        assert steps == [1, 2, 3]
        assert problems == [f"the record at byte {3 * size} is cut off."]
    nonsense = frame(b"\x0b\xff") + frame(put(5, put(1, put(1, "loss") + put(2, 3))))
    steps, problems = read(records[0] + nonsense + records[1])
    assert steps == [1, 2]
    assert problems == ["2 records hold no events and are left out."]


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=200), st.sampled_from(["event", "summary", "value", "tensor", "histo"]))
def test_no_content_breaks_the_reader(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, place: str
) -> None:
    if place == "tensor":
        content = put(1, "x") + put(8, content) + put(9, put(1, put(1, "histograms")))
    if place == "histo":
        content = put(1, "x") + put(5, content)
    if place in ("tensor", "histo", "value"):
        content = put(1, content)
    if place != "event":
        content = put(5, content)
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(frame(content) + _event(9))
    last = list(read_events(path, []))[-1]
    assert isinstance(last, Scalar)
    assert (last.tag, last.step) == ("loss", 9)


@settings(deadline=None)
@given(st.binary(max_size=100))
def test_no_file_breaks_the_reader(tmp_path_factory: pytest.TempPathFactory, tail: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "records"
    path.write_bytes(_event(1) + tail)
    assert next(iter(read_records(path, []))) == _event(1)[12:-4]
    huge = struct.pack("<Q", 2**63)
    path.write_bytes(huge + frame(huge)[-4:] + tail)
    assert list(read_records(path, [])) == []
