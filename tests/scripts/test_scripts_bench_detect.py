"""`lasagnette bench detect` in little, beside peers that only pretend to compute."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import cascade.stages
import scripts.bench_detect
from cascade import Detector, bundle
from cascade.bundle import Cascade, Net, Stage
from nets.plan import INPUT, Plan, Step
from nets.scaling import Scaling
from scripts.bench_detect_folder import measure_stream, photographs
from scripts.bench_detect_side import Side
from scripts.bench_detect_steps import timed_steps
from scripts.bench_processes import PROC

Run = Callable[..., Any]

SMALL = ("--rounds", 2, "--seconds", 0.01, "--stream", 6)

# A Python that answers in place of bench_detect_side.py, and notes what it was asked.
FAKE = """#!{python}
import json, sys
with open({log!r}, "a") as log:
    print(*sys.argv[3:], file=log)
for line in sys.stdin:
    method, *arguments = json.loads(line)
    answers = {{
        "facts": {{"opencv": "4.99", "peers": {peers}}}, "faces": 3, "milliseconds": {milliseconds}
    }}
    print(json.dumps(answers[method]), flush=True)
"""


def pretended(folder: Path, *peers: str, milliseconds: float) -> Path:
    """Return a Python with some peers; with what it was started is in the file `log`."""
    python, log = folder / "-".join(("python", *peers)), str(folder / "log")
    facts = {"peers": list(peers), "milliseconds": milliseconds}
    python.write_text(FAKE.format(python=sys.executable, log=log, **facts))
    python.chmod(0o755)
    return python


def net(name: str, side: int, classes: int, seed: int) -> Net:
    rng = np.random.default_rng(seed)
    cells = 8 * (side // 2) ** 2
    steps = [
        Step("conv", [INPUT], "conv", relu=True, pool=True),
        Step("dense", ["conv"], "dense"),
    ]
    arrays = {
        "conv.W": rng.normal(size=(8, 3, 3, 3)) / 5,
        "conv.b": np.zeros(8),
        "dense.W": rng.normal(size=(cells, classes)) / cells**0.5,
        "dense.b": np.zeros(classes),
    }
    return Net(name, Plan(side, steps, arrays), Scaling())


@pytest.fixture
def nets() -> Cascade:
    """Two stages of small random nets through which some windows come."""
    first = Stage(net("one", 12, 2, 0), 0.6, net("one_cal", 12, 45, 1))
    return Cascade((first, Stage(net("two", 24, 2, 2), 0.3)))


@pytest.fixture
def files(nets: Cascade, tmp_path: Path) -> tuple[object, ...]:
    """Options that name a cascade file and a photograph."""
    bundle.save(tmp_path / "cascade.h5", nets)
    noise = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "photo.png"), cv2.resize(noise, (320, 240)))
    return "--cascade", tmp_path / "cascade.h5", "--photo", tmp_path / "photo.png"


@pytest.fixture(autouse=True)
def no_peers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No YuNet, whatever lies beside the checkout."""
    monkeypatch.setattr(scripts.bench_detect, "PEERS_FOLDER", tmp_path / "none")
    for peer in ("YUNET_MODEL", "HAAR_PYTHON", "MTCNN_PYTHON"):
        monkeypatch.delenv(f"LASAGNETTE_{peer}", raising=False)


def test_a_photograph_beside_peers(
    lasagnette: Run, files: tuple[object, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tmp_path / "yunet.onnx"
    model.touch()
    haar = pretended(tmp_path, "Haar", milliseconds=1e6)
    monkeypatch.setattr(sys, "executable", str(pretended(tmp_path, "YuNet", milliseconds=1e-3)))
    outcome = lasagnette(
        *("bench", "detect", "--part", "photo", *files, *SMALL, "--threads", 1),
        *("--haar-python", haar, "--yunet-model", model, "--json", tmp_path / "all.json"),
    )
    assert outcome.code == 0, outcome.stderr
    assert "missed: one photograph, smallest face 40, our time / YuNet's" in outcome.stdout
    assert "missed: one photograph, smallest face 20, our time / YuNet's" in outcome.stdout
    assert "reached: one photograph, smallest face 40, our time / Haar's" in outcome.stdout
    rows = [line.split() for line in outcome.stdout.splitlines()]
    assert ["MTCNN", "40", "1", "not", "installed"] in rows
    assert ["YuNet", "20", "1", "0.001", "1", "3"] in rows
    assert (tmp_path / "log").read_text().split().count(str(model)) == 3  # one process per peer
    part = json.loads((tmp_path / "all.json").read_text())["parts"]["photo"]
    assert [case["min_face"] for case in part["milliseconds"]] == [40, 20]
    assert [len(times) for times in part["milliseconds"][0]["rounds"].values()] == [2, 2, 2]
    assert part["opencv"] == {"YuNet": "4.99", "Haar": "4.99"}
    assert part["windows"]["20"]["all"] > part["windows"]["40"]["all"] > 2000


def test_a_folder_and_its_memory(
    lasagnette: Run, files: tuple[object, ...], tmp_path: Path
) -> None:
    outcome = lasagnette(
        *("bench", "detect", "--part", "folder", "--part", "memory", *files, *SMALL),
        *("--json", "-"),
    )
    assert outcome.code == 0, outcome.stderr
    parts = json.loads(outcome.stdout)["parts"]
    rates = parts["folder"]["photographs_per_second"]
    assert len(rates) == 5
    assert all(rate > 0 for rates_of_one in rates.values() for rate in rates_of_one)
    (scaling,) = parts["folder"]["verdicts"]
    assert scaling["goal"] == 1.6
    if PROC.is_dir():
        assert parts["memory"]["rss_mb"][-1] > 10
        assert parts["memory"]["verdicts"][0]["value"] < 50


def test_the_stream_takes_every_photograph(nets: Cascade) -> None:
    if not PROC.is_dir():
        pytest.skip("this system does not tell memory")
    image = np.zeros((60, 80, 3), np.uint8)
    assert measure_stream(nets, image, 41).rows[0][0] == "41"
    moved = [photo for _, photo in photographs(np.arange(24).reshape(1, 8, 3), 2)]
    np.testing.assert_array_equal(np.roll(moved[0], 7, axis=1), moved[1])


def test_steps_add_up_and_leave_the_detector_as_it_was(nets: Cascade) -> None:
    image = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    before = cascade.stages.crop_many
    steps = timed_steps(Detector(nets, min_face=20), image, 3)
    expected = {"levels", "sweep", "one_cal", "two", "crops", "filtering", "rest"}
    assert set(steps) == expected
    assert all(spent > 0 for spent in steps.values())
    assert cascade.stages.crop_many is before


def test_the_side_names_what_this_opencv_has(tmp_path: Path) -> None:
    picture = tmp_path / "photo.png"
    cv2.imwrite(str(picture), np.zeros((60, 80, 3), np.uint8))
    before = cv2.getNumThreads()
    try:
        side = Side(str(picture), "1")
        peers = side.facts()["peers"]
        assert "YuNet" not in peers  # it has no model
        assert ("Haar" in peers) == hasattr(cv2, "CascadeClassifier")
        for name in set(peers) & {"Haar"}:
            assert side.faces(name, 40) == 0
            assert side.milliseconds(name, 40, 2) > 0
    finally:
        cv2.setNumThreads(before)
