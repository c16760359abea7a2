"""`lasagnette evaluate crops`, `backgrounds` and `photos`, with nets whose answers are known."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import augment.splits
import scripts.evaluate_photos
from augment import index as indexes
from augment.calibration import CLASSES, IDENTITY
from augment.images import image_size, read_image
from cascade import bundle
from lasagnette.layers import Layer, get_all_params
from nets import registry, weights
from nets.folding import fold
from nets.plan import INPUT, Plan, Step
from nets.scaling import Scaling
from scripts.evaluate_crops import measure_calibration, measure_crops

Run = Callable[..., Any]


def dense(side: int, bias: np.ndarray, brightness: np.ndarray | float = 0) -> Plan:
    """A net of one layer: a bias, and the sum of the pixels times a factor per class."""
    weight = np.zeros((3 * side * side, len(bias)), np.float32) + np.float32(brightness)
    step = Step("dense", [INPUT], "output")
    return Plan(side, [step], {"output.W": weight, "output.b": bias})


def bright_net12() -> Layer:
    """A net12 that calls bright crops faces."""
    layer = registry.build("net12")
    values = {p.name: p for p in get_all_params(layer)}
    for parameter in values.values():
        parameter.set_value(np.zeros_like(parameter.get_value()))
    values["conv1.W"].set_value(np.full((16, 3, 3, 3), 0.01, np.float32))
    values["dense1.W"].set_value(np.full(values["dense1.W"].get_value().shape, 0.01, np.float32))
    values["output.W"].set_value(np.tile(np.float32([[0, 1]]), (16, 1)))
    values["output.b"].set_value(np.float32([0.001, 0]))
    return layer


@pytest.fixture
def cascade_file(tmp_path: Path) -> Path:
    """Nets of 12 pixels: what is bright is a face, and every frame stays where it is."""
    stay = dense(12, np.eye(len(CLASSES), dtype=np.float32)[IDENTITY] * 20)
    detection = bundle.Net("small", fold(bright_net12()), Scaling())
    stage = bundle.Stage(detection, 0.5, bundle.Net("small_cal", stay, Scaling()))
    path = tmp_path / "cascade.h5"
    bundle.save(path, bundle.Cascade((stage,)), dtype="float32")
    return path


@pytest.fixture
def brightness(tmp_path: Path) -> Path:
    """Weights of a net12 that calls bright crops faces."""
    path = tmp_path / "net12.h5"
    weights.save(path, bright_net12(), name="net12")
    return path


@pytest.fixture
def two_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bright face and a dark background on the tuning side."""
    for name, colour in (("bright", 255), ("dark", 0)):
        Image.new("RGB", (30, 30), (colour,) * 3).save(tmp_path / f"{name}.png")

    def chosen(data: Path, *rest: Any, report: Any = None) -> indexes.Index:
        parts = [
            indexes.make(data, [f"{name}.png"], [[5, 5, 20, 20]], label, "drawn", [name])
            for name, label in (("bright", 1), ("dark", 0))
        ]
        return indexes.concat(parts)

    monkeypatch.setattr(augment.splits, "validation_set", chosen)
    monkeypatch.setattr(
        augment.splits, "tune_set", lambda data, **rest: chosen(data).select(np.array([0]))
    )
    return tmp_path


def test_measure_crops() -> None:
    images = np.zeros((10, 3, 12, 12), np.uint8)
    labels = np.array([1, 1, 0, 0, 0, 0, 0, 0, 0, 0])
    images[[0, 2]] = 255
    logits = dense(12, np.float32([1, 0]), np.float32([0, 1]))
    assert measure_crops(logits, images, labels) == {
        "faces": 2,
        "backgrounds": 8,
        "accuracy": 0.8,
        "balanced_accuracy": 0.6875,
        "faces_right": 0.5,
        "backgrounds_right": 0.875,
    }


def test_measure_calibration(tmp_path: Path) -> None:
    """The crops come class by class: one net knows that, the other always says 'stay'."""
    Image.new("RGB", (60, 60)).save(tmp_path / "photo.png")
    (tmp_path / "damaged.png").touch()
    files = ["photo.png", "damaged.png", "photo.png"]
    faces = indexes.make(tmp_path, files, [[20, 20, 20, 20]] * 3, 1, "drawn", files)

    def knowing(crops: np.ndarray) -> np.ndarray:
        assert crops.shape[1:] == (3, 12, 12)
        return 50 * np.tile(np.eye(len(CLASSES), dtype=np.float32), (len(crops) // 45, 1))

    found = measure_calibration(knowing, faces, 12)
    assert (found["faces"], found["crops"], found["accuracy"]) == (2, 90, 1)
    assert found["iou_before"] < 0.7
    assert found["iou_after"] == pytest.approx(1, abs=1e-5)
    stay = dense(12, np.eye(len(CLASSES), dtype=np.float32)[IDENTITY] * 50)
    lazy = measure_calibration(stay, faces, 12)
    assert lazy["accuracy"] == pytest.approx(1 / 45, abs=1e-5)
    assert lazy["iou_after"] == lazy["iou_before"] == found["iou_before"]


def test_crops_of_weights(lasagnette: Run, brightness: Path, two_pictures: Path) -> None:
    outcome = lasagnette("evaluate", "crops", brightness, "--data", two_pictures)
    assert outcome.code == 0
    found = json.loads(outcome.stdout)
    assert (found["net"], found["accuracy"], found["faces"]) == ("net12", 1.0, 1)


def test_crops_of_a_detection_net_of_the_cascade(
    lasagnette: Run, cascade_file: Path, two_pictures: Path
) -> None:
    words = ("--cascade", cascade_file, "--data", two_pictures)
    outcome = lasagnette("evaluate", "crops", "small", *words)
    assert outcome.code == 0
    found = json.loads(outcome.stdout)
    assert (found["net"], found["accuracy"], found["backgrounds"]) == ("small", 1.0, 1)


def test_crops_of_a_calibration_net_of_the_cascade(
    lasagnette: Run, cascade_file: Path, two_pictures: Path
) -> None:
    words = ("--cascade", cascade_file, "--data", two_pictures)
    outcome = lasagnette("evaluate", "crops", "small_cal", *words)
    assert outcome.code == 0
    found = json.loads(outcome.stdout)
    assert (found["net"], found["faces"], found["crops"]) == ("small_cal", 1, 45)
    assert found["accuracy"] == pytest.approx(1 / 45, abs=1e-5)
    assert 0.5 < found["iou_before"] < 0.7


def test_nets_that_are_not_there(lasagnette: Run, cascade_file: Path, tmp_path: Path) -> None:
    outcome = lasagnette("evaluate", "crops", tmp_path / "absent.h5", "--data", tmp_path)
    assert (outcome.code, outcome.stdout) == (1, "")
    assert "there is no such weights file" in outcome.stderr
    words = ("--cascade", cascade_file, "--data", tmp_path)
    outcome = lasagnette("evaluate", "crops", "net99", *words)
    assert (outcome.code, outcome.stdout) == (2, "")
    assert "the cascade has no net 'net99'; it has small, small_cal." in outcome.stderr


def test_a_net_of_other_classes(lasagnette: Run, tmp_path: Path) -> None:
    path = tmp_path / "smiles.h5"
    weights.save(path, registry.build("net_smiles"), name="net_smiles")
    outcome = lasagnette("evaluate", "crops", path, "--data", tmp_path)
    assert (outcome.code, outcome.stdout) == (2, "")
    assert "has 17 classes; a detection net has 2" in " ".join(outcome.stderr.split())


@pytest.fixture
def negatives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two pictures without faces and a damaged one, on the tuning side."""
    for name in ("one", "two"):
        Image.new("RGB", (40, 30)).save(tmp_path / f"{name}.png")
    (tmp_path / "damaged.png").touch()

    def tune_set(data: Path, sources: Any, report: Any) -> indexes.Index:
        assert tuple(sources) == ("negatives",)
        paths = ["one.png", "damaged.png", "two.png"]
        return indexes.make(data, paths, [[np.nan] * 4] * 3, indexes.BACKGROUND, "drawn", paths)

    monkeypatch.setattr(augment.splits, "tune_set", tune_set)
    return tmp_path


def test_backgrounds(lasagnette: Run, negatives: Path, cascade_file: Path) -> None:
    """Black pictures at these thresholds: nothing, or all windows that filtering leaves."""
    words = ("--cascade", cascade_file, "--data", negatives, "--list")
    outcome = lasagnette("evaluate", "backgrounds", *words)
    assert outcome.code == 1, "a picture was left out"
    assert "damaged.png: left out" in outcome.stderr
    assert json.loads(outcome.stdout) == {
        "side": "tune",
        "pictures": 2,
        "detections": 0,
        "per_picture": 0,
        "pictures_with_detections": 0,
        "goal": "fewer than 0.02 per picture",
        "reached": True,
        "threshold": 0.5,
        "min_face": 20,
    }
    outcome = lasagnette("evaluate", "backgrounds", *words, "--threshold", "0", "--min-face", "30")
    found = json.loads(outcome.stdout)
    assert found["detections"] == 2 * found["per_picture"] >= 2
    assert (found["pictures_with_detections"], found["reached"]) == (2, False)
    lines = [line.split() for line in outcome.stderr.splitlines() if line.endswith("one.png")]
    assert len(lines) == found["per_picture"]
    assert all(len(line) == 6 and 0 <= float(line[0]) <= 1 for line in lines)


def test_no_backgrounds(lasagnette: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = indexes.make(tmp_path, [], np.empty((0, 4)), indexes.BACKGROUND, "drawn", [])
    monkeypatch.setattr(augment.splits, "tune_set", lambda *rest: nothing)
    outcome = lasagnette("evaluate", "backgrounds", "--data", tmp_path)
    assert (outcome.code, outcome.stdout) == (1, "")
    assert "has no picture of the tune side" in outcome.stderr


@pytest.fixture
def fddb(tmp_path: Path) -> Path:
    """Fold 6 with one readable photograph, whose face is 80 pixels large, and a damaged one."""
    folder = tmp_path / "data" / "fddb"
    (folder / "FDDB-folds").mkdir(parents=True)
    radius = np.sqrt(80**2 / np.pi)
    lines = []
    for name in ("2002/a/one", "2002/a/two"):
        path = folder / "originalPics" / f"{name}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (120, 91), (200, 90, 10)).save(path)
        lines += [name, "1", f"{radius} {radius} 0 60 50 1"]
    path.write_bytes(b"")
    (folder / "FDDB-folds" / "FDDB-fold-06-ellipseList.txt").write_text("\n".join(lines) + "\n")
    return tmp_path / "data"


def test_photos(lasagnette: Run, fddb: Path, tmp_path: Path) -> None:
    words = ("--folds", "6", "--data", fddb)
    outcome = lasagnette("evaluate", "photos", tmp_path / "all", *words)
    assert outcome.code == 1, "a photograph was left out"
    assert "2002/a/two: left out" in outcome.stderr
    assert json.loads(outcome.stdout) == {"view": "all", "photographs": 1, "scale": 1.0}
    written = read_image(tmp_path / "all" / "2002" / "a" / "one.png")
    original = read_image(fddb / "fddb" / "originalPics" / "2002" / "a" / "one.jpg")
    np.testing.assert_array_equal(written, original)
    lasagnette("evaluate", "photos", tmp_path / "small", *words, "--view", "small")
    assert image_size(tmp_path / "small" / "2002" / "a" / "one.png") == (60, 46)


def test_photographs_stay_outside_the_project(
    lasagnette: Run, fddb: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scripts.evaluate_photos, "CHECKOUT", tmp_path / "project")
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "setup.py").touch()
    out = tmp_path / "project" / "pictures"
    outcome = lasagnette("evaluate", "photos", out, "--folds", "6", "--data", fddb)
    assert (outcome.code, outcome.stdout) == (2, "")
    assert "must stay outside" in outcome.stderr
    assert not out.exists()
