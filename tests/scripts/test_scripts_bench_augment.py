"""`lasagnette bench augment` in little, beside a rival that only pretends to compute."""

from __future__ import annotations

import json
import os
import py_compile
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

import scripts.bench_acts
import scripts.bench_process
import scripts.bench_processes
from augment import functional
from augment.index import BACKGROUND, FACE
from augment.samples import Batch
from augment.transforms import Intervals
from lasagnette.layers import Layer, get_all_layers
from nets.scaling import Scaling
from scripts import bench_loader_side
from scripts.bench_augment import PARTS
from scripts.bench_memory import TOGETHER, slope
from scripts.bench_part import Verdict, medians, take_turns
from scripts.bench_pictures import make_pictures
from scripts.progress import Progress

Run = Callable[..., Any]

SMALL = ("--pictures", 4, "--rounds", 2, "--seconds", 0.05)

# A Python that answers in place of bench_loader_side.py, and notes what it was asked.
FAKE = """#!{python}
import json, sys
rates = {{"area": 10.0, "linear": 20.0, "albumentations": 5.0}}
with open(sys.argv[2]) as file:
    index = json.load(file)
for line in sys.stdin:
    method, *arguments = json.loads(line)
    with open({log!r}, "a") as log:
        print(method, *arguments[:2], file=log)
    answer = None
    if method == "facts":
        answer = {versions}
    elif method == "open":
        answer = [index["batch_size"], 3, index["side"], index["side"]]
    elif method == "rate":
        answer = rates[arguments[0]]
    print(json.dumps(answer), flush=True)
"""


def pretended(folder: Path, **versions: str) -> Path:
    """Return a Python whose rival takes no time; what it was asked is in the file `log`."""
    python = folder / "python"
    log = str(folder / "log")
    python.write_text(FAKE.format(python=sys.executable, log=log, versions=versions))
    python.chmod(0o755)
    return python


@pytest.fixture(autouse=True)
def no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LASAGNETTE_TORCH_PYTHON", raising=False)
    monkeypatch.setattr(scripts.bench_process, "find_spec", lambda name: None)


def test_loader_beside_a_rival(lasagnette: Run, tmp_path: Path) -> None:
    python = pretended(tmp_path, torch="2.0", albumentations="1.0")
    outcome = lasagnette(
        *("bench", "augment", "--part", "loader", *SMALL),
        *("--torch-python", python, "--json", tmp_path / "all.json"),
    )
    assert outcome.code == 0
    found = json.loads((tmp_path / "all.json").read_text())
    loader = found["parts"]["loader"]
    assert list(loader["rates"]) == ["1", "2"]
    for rates in loader["rates"].values():
        assert rates["OpenCV, INTER_LINEAR"] == [20.0, 20.0]
        assert min(rates["lasagnette"]) > 0
    ours = loader["medians"]["2"]["lasagnette"]
    fastest, clean = loader["verdicts"][2:]
    assert fastest["value"] == pytest.approx(ours / 20)
    assert clean["value"] == pytest.approx(ours / 10)
    assert "fastest rival (OpenCV, INTER_LINEAR)" in fastest["what"]
    assert "without aliasing (OpenCV, INTER_AREA)" in clean["what"]
    assert "reached: workers: 2, ours / fastest rival" in outcome.stdout
    assert "The rival: torch 2.0, albumentations 1.0" in outcome.stdout
    assert set(found["machine"]) == {
        *("processor", "cores", "system", "load_before", "load_after", "rounds", "pictures")
    }
    asked = (tmp_path / "log").read_text().splitlines()
    assert asked.count("rate area 1") == asked.count("rate albumentations 2") == 2
    assert asked.index("close") < asked.index("open area 2")


def test_without_albumentations_the_others_are_timed(lasagnette: Run, tmp_path: Path) -> None:
    python = pretended(tmp_path, torch="2.0")
    outcome = lasagnette("bench", "augment", "--part", "loader", *SMALL, "--torch-python", python)
    assert outcome.code == 0
    assert "DataLoader, OpenCV, INTER_AREA" in outcome.stdout
    assert "albumentations" not in outcome.stdout


def test_loader_and_scaling_without_pytorch(lasagnette: Run) -> None:
    outcome = lasagnette("bench", "augment", "--part", "scaling", "--part", "loader", *SMALL)
    assert outcome.code == 0
    assert "This Python has no PyTorch to compare with" in outcome.stdout
    assert outcome.stdout.index("beside DataLoader") < outcome.stdout.index("by workers")
    for batch in (128, 512):
        assert f"minibatches of {batch}, 2 workers / 1 worker" in outcome.stdout
    assert "4 JPEGs of 400 pixels, drawn" in outcome.stdout


def test_a_rival_that_ends_is_a_sentence(lasagnette: Run, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    words = ("bench", "augment", "--part", "loader", *SMALL, "--torch-python", broken)
    outcome = lasagnette(*words)
    assert outcome.code == 1
    assert "the PyTorch side of the benchmark ended; its error stands above" in outcome.stderr


def test_the_assembler_with_workers_that_sleep(lasagnette: Run) -> None:
    words = ("--part", "assembler", "--simulated", 3, "--json", "-", *SMALL, "--seconds", 0.5)
    outcome = lasagnette("bench", "augment", *words)
    part = json.loads(outcome.stdout)["parts"]["assembler"]
    assert list(part["medians"]) == ["minibatches of 128", "minibatches of 512"]
    assert all(0 < rate < 1.5 * 3 * 2000 for rate in part["medians"].values())  # as they sleep
    assert not any(verdict["reached"] for verdict in part["verdicts"])


class Still:
    """A trainer that learns nothing: compiling a real one takes half a minute."""

    def __init__(self, layer: Layer, scaling: Scaling) -> None:
        self._shape = get_all_layers(layer)[0].output_shape[1:]

    def step(self, batch: Batch, rate: float) -> None:
        assert batch.images.shape == (512, *self._shape)
        assert batch.labels.sum() == 256


def test_the_acts(lasagnette: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scripts.bench_acts, "Trainer", Still)
    words = ("--part", "acts", "--net", "net12", "--steps", 2, "--out", tmp_path / "drawn")
    outcome = lasagnette("bench", "augment", *words, *SMALL, "--json", tmp_path / "all.json")
    assert outcome.code == 0
    acts = json.loads((tmp_path / "all.json").read_text())["parts"]["acts"]
    turns = acts["net12"]["turns"]
    assert list(turns) == [
        *("one minibatch, again and again", "in this process", "one thread"),
        *("the server, workers: 1", "the server, workers: 2"),
    ]
    assert all(len(taken) == 2 for taken in turns.values())
    assert all(0 <= turn["waited"] < turn["seconds"] for taken in turns.values() for turn in taken)
    in_process, again = turns["in this process"], turns["one minibatch, again and again"]
    assert min(turn["waited"] for turn in in_process) > max(turn["waited"] for turn in again)
    assert acts["net12"]["batch_size"] == 512
    assert len(acts["verdicts"]) == 2
    with Image.open(tmp_path / "drawn" / "acts.png") as picture:
        assert picture.width == 800


def test_the_memory(lasagnette: Run, tmp_path: Path) -> None:
    words = (
        "--part",
        "memory",
        "--minutes",
        0.05,
        "--out",
        tmp_path,
        "--json",
        tmp_path / "a.json",
    )
    outcome = lasagnette("bench", "augment", *words, *SMALL)
    assert outcome.code == 0
    part = json.loads((tmp_path / "a.json").read_text())["parts"]["memory"]
    names = ["training", "assembler", "worker 0", "worker 1"]
    assert list(part["pss_mb"]) == [*names, TOGETHER]
    assert list(part["rss_mb"]) == names
    each = [values[0] for name, values in part["pss_mb"].items() if name != TOGETHER]
    assert part["pss_mb"][TOGETHER][0] == pytest.approx(sum(each))
    assert len(part["seconds"]) == len(part["pss_mb"]["assembler"]) == 3
    assert part["samples"] > 0
    assert "growth from the first 1 s to the last" in outcome.stdout
    with Image.open(tmp_path / "memory.png") as picture:
        assert picture.width == 800


def test_without_proc_the_memory_is_left_out(
    lasagnette: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scripts.bench_processes, "PROC", tmp_path / "proc")
    outcome = lasagnette("bench", "augment", "--part", "memory", *SMALL)
    assert outcome.code == 0
    assert "This system has no" in outcome.stderr
    assert "Memory" not in outcome.stdout


def test_help_names_every_part(lasagnette: Run) -> None:
    text = lasagnette("bench", "augment", "--help").stdout
    assert all(f"\n  {part} " in text for part in PARTS)


def test_paths_that_cannot_be_written_are_told_before_the_work(
    lasagnette: Run, tmp_path: Path
) -> None:
    outcome = lasagnette("bench", "augment", "--json", tmp_path / "absent" / "all.json")
    assert outcome.code == 1
    assert "all.json: No such file or directory" in outcome.stderr


def test_slope_is_growth_per_minute() -> None:
    assert slope([0.0, 30.0, 60.0], [5.0, 6.0, 7.0]) == pytest.approx(2)
    assert slope([0.0], [5.0]) == 0


@pytest.mark.parametrize(
    ("value", "most", "said"),
    [
        (2.5, False, "reached: it: 2.5 (goal: at least 2)"),
        (1.96, False, "missed: it: 1.96 (goal: at least 2)"),
        (2.5, True, "missed: it: 2.5 (goal: at most 2)"),
        (-1.0, True, "reached: it: -1 (goal: at most 2)"),
    ],
)
def test_a_verdict_says_which_side_of_the_goal(value: float, most: bool, said: str) -> None:
    assert str(Verdict("it", value, 2, most)) == said


def test_sides_take_turns() -> None:
    order: list[str] = []

    class Side:
        def __init__(self, name: str) -> None:
            self.name = name

        def rate(self, seconds: float) -> float:
            order.append(self.name)
            return len(order)

    with Progress(6, "turns") as progress:
        rates = take_turns([Side("a"), Side("b")], 3, 0.1, progress)
    assert order == ["a", "b"] * 3
    assert rates == {"a": [1, 3, 5], "b": [2, 4, 6]}
    assert medians(rates) == {"a": 3, "b": 4}


def test_drawn_pictures(tmp_path: Path) -> None:
    index, made_of = make_pictures(tmp_path, 5, None)
    assert made_of == "5 JPEGs of 400 pixels, drawn"
    faces = index.select(index.labels == FACE)
    assert len(faces) == np.count_nonzero(index.labels == BACKGROUND) == 5
    assert index.undrawn.sum() == 5
    for row in range(5):
        with Image.open(faces.file(row)) as picture:
            assert max(picture.size) == 400
            x, y, width, height = faces.frames[row]
            assert 0 <= x <= x + width <= picture.width
            assert 0 <= y <= y + height <= picture.height
    np.testing.assert_array_equal(np.sort(index.face_paths), np.sort(faces.paths))


@pytest.mark.data
def test_copied_pictures(tmp_path: Path, data_dir: Path) -> None:
    index, made_of = make_pictures(tmp_path, 3, data_dir)
    assert made_of == "3 JPEGs of 400 pixels, copies of FDDB photographs"
    assert len(np.unique(index.paths)) == 3
    for path in np.unique(index.paths):
        with Image.open(tmp_path / path) as picture:
            assert max(picture.size) == 400


# the rival's side


@pytest.fixture
def picture() -> np.ndarray:
    coarse = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return cv2.resize(coarse, (400, 300), interpolation=cv2.INTER_CUBIC)


def test_the_rivals_crop_is_ours(picture: np.ndarray) -> None:
    for frame in [(40, 30, 96, 96), (-24, 100, 144, 96), (340, 250, 96, 96)]:
        theirs = bench_loader_side.crop(picture, frame, 48, cv2.INTER_AREA)
        ours = functional.crop(picture, np.array(frame, np.float32), 48)
        assert np.abs(theirs.astype(int) - ours).mean() < 2


@pytest.mark.parametrize(
    ("frame", "shape"),
    [
        ((10.4, 20.4, 30, 40), (40, 30)),
        ((-10, -20, 30, 40), (40, 30)),
        ((390, 290, 30, 40), (40, 30)),
        ((500, 400, 30, 40), (40, 30)),
        ((-90, -90, 30, 40), (40, 30)),
        ((10, 20, 0.1, 0.1), (1, 1)),
        ((-50, -50, 600, 500), (500, 600)),
    ],
)
def test_a_cut_has_the_frames_size(
    picture: np.ndarray, frame: tuple[float, float, float, float], shape: tuple[int, int]
) -> None:
    assert bench_loader_side.cut_out(picture, frame).shape == (*shape, 3)


def test_beyond_the_border_the_outermost_pixels_are_repeated(picture: np.ndarray) -> None:
    cut = bench_loader_side.cut_out(picture, (-5, 10, 20, 20))
    np.testing.assert_array_equal(cut[:, :5], np.repeat(picture[10:30, :1], 5, axis=1))
    np.testing.assert_array_equal(cut[:, 5:], picture[10:30, :15])


def test_the_rival_draws_from_the_same_intervals() -> None:
    random.seed(0)
    intervals = Intervals()
    frame = (100.0, 50.0, 80.0, 60.0)
    drawn = np.array(
        [bench_loader_side.draw_frame(frame, intervals.as_dict()) for _ in range(3000)]
    )
    sizes = drawn[:, 2:] / frame[2:]
    shifts = (drawn[:, :2] + drawn[:, 2:] / 2 - [140, 80]) / frame[2:]
    low, high = intervals.scale
    assert np.abs(shifts).max() == pytest.approx(intervals.move, rel=0.01)
    assert sizes.min() == pytest.approx(low, rel=0.01)
    assert sizes.max() == pytest.approx(high * intervals.stretch, rel=0.03)
    wider = sizes[:, 0] > sizes[:, 1]
    assert 0.45 < wider.mean() < 0.55
    ratio = sizes.max(axis=1) / sizes.min(axis=1)
    assert ratio.max() == pytest.approx(intervals.stretch, rel=0.01)


def test_the_rivals_script_stands_alone(tmp_path: Path) -> None:
    script = bench_loader_side.__file__
    py_compile.compile(script, cfile=str(tmp_path / "side.pyc"), doraise=True)
    index = tmp_path / "index.json"
    index.write_text("{}")
    done = subprocess.run(
        [sys.executable, script, str(index)],
        input='["facts"]\n["close"]\n',
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
    )
    facts, closed = map(json.loads, done.stdout.splitlines())
    assert "python" in facts
    assert closed is None


def test_the_rivals_loader(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="no PyTorch: pip install -r requirements/bench.txt")
    index, _ = make_pictures(tmp_path, 3, None)
    told = {
        "paths": [index.file(row) for row in range(3)],
        "frames": index.frames[:3].tolist(),
        "side": 24,
        "batch_size": 8,
        "intervals": Intervals().as_dict(),
    }
    side = bench_loader_side.Side(told)
    absent = {"albumentations"} - side.facts().keys()
    for kind in bench_loader_side.KINDS.keys() - absent:
        assert side.open(kind, 1) == [8, 3, 24, 24]
        assert side.rate(kind, 1, 0.05, 0) > 0
    side.close()
