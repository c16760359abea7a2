"""Cutting labelled faces out of clips: pictures, their list, what is missing or damaged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from augment.datasets import frames, smileys
from augment.datasets.frames import Clip
from cascade.video import VideoWriter
from scripts.smileys_crops import chosen_frames

Run = Callable[..., Any]
SHAPE = (96, 128)
SQUARE = (40.0, 24.0, 32.0)


def film(path: Path, count: int = 8) -> Path:
    """A clip of dark frames with a bright square, where the face is said to be."""
    with VideoWriter(path, 10) as writer:
        for number in range(count):
            frame = np.full((*SHAPE, 3), 40, np.uint8)
            frame[24:56, 40:72] = 120 + 10 * number
            writer.write(frame)
    return path


def clip(name: str, labels: list[int], square: tuple[float, float, float] = SQUARE) -> Clip:
    numbers = np.arange(len(labels), dtype=np.int32)
    squares = np.tile(np.float32(square), (len(labels), 1))
    return Clip(name, numbers, np.array(labels, np.int32), squares)


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        assert picture.format == "JPEG"
        return np.asarray(picture).astype(int)


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """A folder with a labelled clip."""
    folder = tmp_path / "clips"
    folder.mkdir()
    film(folder / "a.mp4")
    frames.save(folder / "frames.csv", clip("a", [7, 7, -1, -1, 2, 2, 2, 16]))
    return folder


def test_the_faces_are_what_training_reads(lasagnette: Run, clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "faces"
    outcome = lasagnette("smileys", "extract", clips, "--out", out)
    assert (outcome.code, outcome.stderr) == (0, f"6 faces of 1 clip: {out}\n")
    data = smileys.load(out)
    assert data.problems == []
    assert [(one.path, one.label) for one in data] == [
        *(("a/00000.jpg", 7), ("a/00001.jpg", 7), ("a/00004.jpg", 2)),
        *(("a/00005.jpg", 2), ("a/00006.jpg", 2), ("a/00007.jpg", 16)),
    ]
    assert all(one.boxes.tolist() == [[24, 24, 80, 80]] for one in data)
    assert (out / "labels.csv").read_text().splitlines()[:2] == [
        ",".join(smileys.COLUMNS),
        "a/00000.jpg,a,0,7,:-|,24,24,80",
    ]
    assert sorted(path.name for path in out.iterdir()) == ["a", "labels.csv"]
    for one in data:
        face = pixels(out / one.path)
        assert face.shape == (128, 128, 3)
        inside, outside = face[28:100, 28:100], face[:, :20]
        assert abs(inside.mean() - (120 + 10 * one.frame)) < 8
        assert abs(outside.mean() - 40) < 8


def test_size_and_margin(lasagnette: Run, clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "faces"
    words = ("--size", 60, "--margin", 2, "--out", out)
    assert lasagnette("smileys", "extract", clips / "frames.csv", *words).code == 0
    assert smileys.load(out).records[0].boxes.tolist() == [[15, 15, 30, 30]]
    face = pixels(out / "a" / "00004.jpg")
    assert face.shape == (60, 60, 3)
    assert abs(face[18:42, 18:42].mean() - 160) < 8
    for far in (face[:10], face[-10:], face[:, :10], face[:, -10:]):
        assert abs(far.mean() - 40) < 8


def test_beyond_the_edge_its_pixels_are_repeated(
    lasagnette: Run, clips: Path, tmp_path: Path
) -> None:
    film(clips / "b.mp4", 1)
    frames.save(clips / "frames.csv", clip("b", [0], (48.0, -8.0, 40.0)))
    assert lasagnette("smileys", "extract", clips, "--out", tmp_path / "faces").code == 0
    face = pixels(tmp_path / "faces" / "b" / "00000.jpg")
    assert np.ptp(face[:40, 64]) < 12, "above the frame stands its first row"
    assert (abs(face[:40] - 40) < 12).all()


@pytest.mark.parametrize(
    ("every", "rows"),
    [(1, [1, 2, 3, 4, 5, 8, 9, 10]), (2, [1, 3, 5, 8, 9]), (3, [1, 4, 5, 8, 9]), (9, [1, 5, 8, 9])],
)
def test_runs_are_thinned_out_and_none_is_lost(every: int, rows: list[int]) -> None:
    labels = np.array([-1, 7, 7, 7, 7, 2, -1, -1, 2, 7, 7])
    numbers = np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    one = Clip("a", numbers, labels, np.zeros((11, 3), np.float32))
    assert chosen_frames(one, every).tolist() == rows
    assert chosen_frames(clip("a", [-1, -1]), every).tolist() == []


def test_thinned_out(lasagnette: Run, clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "faces"
    assert lasagnette("smileys", "extract", clips, "--out", out, "--every", 2).code == 0
    assert [one.frame for one in smileys.load(out)] == [0, 4, 6, 7]
    assert len(list((out / "a").iterdir())) == 4


def test_what_is_missing_or_damaged_is_named_and_the_others_go_on(
    lasagnette: Run, clips: Path, tmp_path: Path
) -> None:
    path = clips / "frames.csv"
    rng = np.random.default_rng(0)
    writer = cv2.VideoWriter(str(clips / "c.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (128, 96))
    for _ in range(10):
        writer.write(rng.integers(0, 256, (*SHAPE, 3), dtype=np.uint8))
    writer.release()
    whole = (clips / "c.avi").read_bytes()
    (clips / "c.avi").write_bytes(whole[: len(whole) // 2])
    (clips / "d.mp4").write_bytes(b"no video")
    film(clips / "e.mp4", 4)
    film(clips / "f.mp4", 4)
    film(clips / "f.mov.mp4").rename(clips / "f.mov")
    film(clips / "z.mp4")
    labelled = {"b": [0], "c": [1] * 10, "d": [0], "e": [0] * 6, "f": [0], "g": [-1], "z": [3, 3]}
    for name, labels in labelled.items():
        frames.save(path, clip(name, labels))
    nowhere = clip("z", [3, 3, 3])
    nowhere.squares[1] = np.nan
    frames.save(path, nowhere)
    with path.open("a") as file:
        file.write("a,eight,7,1,2,3\n../a,0,7,1,2,3\n")
    out = tmp_path / "faces"
    outcome = lasagnette("smileys", "extract", clips, "--out", out)
    assert outcome.code == 1
    said = outcome.stderr
    assert f"{path}, line 33: damaged, passed over: 'a,eight,7,1,2,3'" in said
    assert "damaged, passed over: '../a,0,7,1,2,3'" in said
    assert "b: there is no video of this name beside the list; 0 of 1 faces cut out" in said
    assert "c.avi: damaged, only" in said
    assert "d: there is no video of this name" in said
    assert "e.mp4: it ends before frame 5, which is labelled; 4 of 6 faces cut out" in said
    assert "f: several videos have this name: " in said
    assert (
        "z: labelled frames without a face square: 1, the first is frame 1; open the clip" in said
    )
    found = smileys.load(out)
    assert found.problems == []
    counts = {name: sum(one.person == name for one in found) for name in "abcdefgz"}
    assert 0 < counts.pop("c") < 10
    assert counts == {"a": 6, "b": 0, "d": 0, "e": 4, "f": 0, "g": 0, "z": 2}
    assert f"faces of 8 clips: {out}" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clips", "faces"]


def test_lines_of_other_clips_stay(lasagnette: Run, clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "faces"
    assert lasagnette("smileys", "extract", clips, "--out", out).code == 0
    second = tmp_path / "second"
    second.mkdir()
    film(second / "b.mp4")
    frames.save(second / "frames.csv", clip("b", [4]))
    assert lasagnette("smileys", "extract", second, "--out", out).code == 0
    frames.save(clips / "frames.csv", clip("a", [0, -1]))
    assert lasagnette("smileys", "extract", clips, "--out", out).code == 0
    found = smileys.load(out)
    assert [(one.person, one.frame, one.label) for one in found] == [("a", 0, 0), ("b", 0, 4)]


def test_wrong_words(lasagnette: Run, clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "faces"
    outcome = lasagnette("smileys", "extract", tmp_path / "absent", "--out", out)
    assert (outcome.code, "does not exist" in outcome.stderr) == (2, True)
    outcome = lasagnette("smileys", "extract", tmp_path, "--out", out)
    assert outcome.code == 1
    assert outcome.stderr.endswith("frames.csv: there is no such list of frames\n")
    out.mkdir()
    (out / "labels.csv").write_text("somebody's,own\n")
    outcome = lasagnette("smileys", "extract", clips, "--out", out)
    assert outcome.code == 1
    assert "labels.csv: not a list file,person," in outcome.stderr
    assert (out / "labels.csv").read_text() == "somebody's,own\n"
    frames.save(clips / "frames.csv", clip("a", [-1, -1]))
    outcome = lasagnette("smileys", "extract", clips, "--out", tmp_path / "none")
    assert (outcome.code, outcome.stderr.startswith("0 faces of 1 clip")) == (1, True)


@pytest.mark.data
def test_the_research_frames_are_made_again(
    lasagnette: Run, data_dir: Path, tmp_path: Path
) -> None:
    """The crops of one clip: those of the data set, but for how a square is resampled."""
    found = frames.load(data_dir / "clips" / "frames.csv").clips["d0"]
    clips = tmp_path / "clips"
    clips.mkdir()
    (clips / "d0.mp4").symlink_to(data_dir / "clips" / "d0.mp4")
    frames.save(clips / "frames.csv", found)
    out = tmp_path / "faces"
    assert lasagnette("smileys", "extract", clips, "--out", out, "--every", 4).code == 0
    theirs = {one.path: one for one in smileys.load(data_dir / "smileys")}
    ours = list(smileys.load(out))
    assert len(ours) >= 68 // 4
    for one in ours:
        other = theirs[one.path]
        assert (one.label, one.boxes.tolist()) == (other.label, other.boxes.tolist())
        difference = pixels(out / one.path) - pixels(data_dir / "smileys" / one.path)
        assert abs(difference).mean() < 3
