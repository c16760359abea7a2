"""`lasagnette evaluate` and `mine`: the figures of nets and detectors whose answers are known."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import augment.splits
import cascade.detector
from augment import index as indexes
from augment.images import image_size
from cascade.detector import Detection
from lasagnette.layers import get_all_params
from nets import registry, weights
from scripts.evaluate import measure_crops

Run = Callable[..., Any]
ELLIPSE = "30.0 22.0 1.57 60.0 50.0  1"


@pytest.fixture
def brightness(tmp_path: Path) -> Path:
    """Weights of a net12 that calls bright crops faces."""
    layer = registry.build("net12")
    values = {p.name: p for p in get_all_params(layer)}
    for parameter in values.values():
        parameter.set_value(np.zeros_like(parameter.get_value()))
    values["conv1.W"].set_value(np.full((16, 3, 3, 3), 0.01, np.float32))
    values["dense1.W"].set_value(np.full(values["dense1.W"].get_value().shape, 0.01, np.float32))
    values["output.W"].set_value(np.tile(np.float32([[0, 1]]), (16, 1)))
    values["output.b"].set_value(np.float32([0.001, 0]))
    path = tmp_path / "net12.h5"
    weights.save(path, layer, name="net12")
    return path


@pytest.fixture
def fake_fddb(tmp_path: Path) -> Path:
    """Fold 6 with three photographs of one face each, one of them damaged."""
    folder = tmp_path / "data" / "fddb"
    (folder / "FDDB-folds").mkdir(parents=True)
    lines = []
    for number in range(3):
        name = f"2002/08/06/big/img_{number}"
        path = folder / "originalPics" / f"{name}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (120, 100), (90, 90, 90)).save(path)
        lines += [name, "1", ELLIPSE]
    path.write_bytes(b"")
    (folder / "FDDB-folds" / "FDDB-fold-06-ellipseList.txt").write_text("\n".join(lines) + "\n")
    return tmp_path / "data"


class FakeDetector:
    """Finds the face of the first photograph, and one too many in the second."""

    def detect_many(
        self, items: Iterable[tuple[int, np.ndarray | Exception]]
    ) -> Iterator[tuple[int, Detection | Exception]]:
        for key, image in items:
            if isinstance(image, Exception):
                yield key, image
                continue
            boxes = [[36, 26, 48, 48]] if key == 0 else [[37, 26, 48, 48], [0, 0, 20, 20]]
            scores = [0.9, 0.8][: len(boxes)]
            yield key, Detection(np.array(boxes, np.float32), np.array(scores, np.float32))


def test_measure_crops(brightness: Path) -> None:
    images = np.zeros((10, 3, 12, 12), np.uint8)
    labels = np.array([1, 1, 0, 0, 0, 0, 0, 0, 0, 0])
    images[[0, 2]] = 255
    assert measure_crops(weights.load(brightness), images, labels) == {
        "faces": 2,
        "backgrounds": 8,
        "accuracy": 0.8,
        "balanced_accuracy": 0.6875,
        "faces_right": 0.5,
        "backgrounds_right": 0.875,
    }


def test_crops(
    lasagnette: Run, brightness: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, colour in (("bright", 255), ("dark", 0)):
        Image.new("RGB", (30, 30), (colour,) * 3).save(tmp_path / f"{name}.png")

    def validation_set(data: Path, report: Any) -> indexes.Index:
        parts = [
            indexes.make(data, [f"{name}.png"], [[2, 2, 20, 20]], label, "drawn", [name])
            for name, label in (("bright", 1), ("dark", 0))
        ]
        return indexes.concat(parts)

    monkeypatch.setattr(augment.splits, "validation_set", validation_set)
    outcome = lasagnette("evaluate", "crops", brightness, "--data", tmp_path)
    assert outcome.code == 0
    found = json.loads(outcome.stdout)
    assert (found["net"], found["accuracy"], found["faces"]) == ("net12", 1.0, 1)


def test_crops_of_no_weights(lasagnette: Run, tmp_path: Path) -> None:
    outcome = lasagnette("evaluate", "crops", tmp_path / "absent.h5", "--data", tmp_path)
    assert (outcome.code, outcome.stdout) == (1, "")
    assert "there is no such weights file" in outcome.stderr


def test_fddb(
    lasagnette: Run, fake_fddb: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cascade.detector, "load_pretrained", lambda **options: FakeDetector())
    out = tmp_path / "out"
    outcome = lasagnette("evaluate", "fddb", "--folds", "6", "--data", fake_fddb, "--out", out)
    assert outcome.code == 1, "a photograph was left out"
    assert "img_2.jpg: left out" in outcome.stderr
    found = json.loads(outcome.stdout)
    assert (found["photographs"], found["faces"]) == (2, 2)
    assert found["rates"]["0.06"]["discrete"] == 1.0
    assert 0.5 < found["rates"]["0.06"]["continuous"] < 1
    with (out / "roc.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["score"][:3], row["false_positives"]) for row in rows] == [
        ("0.8", "0"),
        ("0.8", "1"),
    ]
    assert image_size(out / "roc.png") == (800, 560)


@pytest.mark.parametrize(
    ("folds", "sentence"),
    [("6,x", "'6,x' is no list of numbers"), ("6,7", "has no fold 7"), ("7", "no list of folds")],
)
def test_folds_that_are_not_there(
    lasagnette: Run, fake_fddb: Path, folds: str, sentence: str
) -> None:
    outcome = lasagnette("evaluate", "fddb", "--folds", folds, "--data", fake_fddb)
    assert outcome.code in (1, 2)
    assert sentence in outcome.stderr


def test_mine(
    lasagnette: Run, brightness: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, colour in (("bright", 255), ("dark", 0)):
        Image.new("RGB", (60, 60), (colour,) * 3).save(tmp_path / f"{name}.png")
    (tmp_path / "damaged.png").touch()

    def train_set(data: Path, report: Any) -> indexes.Index:
        paths = ["bright.png", "dark.png", "damaged.png"]
        nowhere = [[np.nan] * 4] * 3
        return indexes.make(data, paths, nowhere, indexes.BACKGROUND, "drawn", paths)

    monkeypatch.setattr(augment.splits, "train_set", train_set)
    out = tmp_path / "hard.h5"
    words = ("--weights", brightness, "--threshold", "0.5", "--limit", "5")
    outcome = lasagnette("mine", out, "--data", tmp_path, *words)
    assert outcome.code == 0
    assert "damaged.png" in outcome.stderr
    mined = indexes.load(out)
    assert set(mined.paths.tolist()) == {"bright.png"}
    assert not mined.labels.any()
    assert json.loads(outcome.stdout)["frames"] == len(mined) == 5
