"""From drawn frames to a smile file: `train net_smiles`, `smileys evaluate`, `smileys pack`."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from drawn_smileys import draw_smileys, own_smileys
from PIL import Image

from augment.datasets.smileys import SMILEYS
from cascade import Smiler, smiles
from scripts.training_smileys import CHANGES

Run = Callable[..., Any]
SHORT = ("--epochs", 1, "--epoch-samples", 16, "--batch-size", 8, "--backend", "python")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    draw_smileys(root)
    lines = ["file,emotion\n"]
    for number in range(4):
        file = f"Person_{number}/Person_{number}_0001.jpg"
        (root / "lfw" / file).parent.mkdir(parents=True)
        Image.new("RGB", (112, 112), (40 * number, 90, 90)).save(root / "lfw" / file)
        lines.append(f"{file},{'surprise' if number else 'neutral'}\n")
    (root / "lfw" / "emotions.csv").write_text("".join(lines))
    return root


def train(lasagnette: Run, data: Path, folder: Path, *words: object) -> dict[str, Any]:
    where = ("--data", data, "--runs", folder, "--run", "one")
    done = lasagnette("train", "net_smiles", *where, *SHORT, *words)
    assert done.code == 0, done.stderr
    return json.loads(done.stdout)


def test_the_road_to_a_smile_file(lasagnette: Run, data: Path, tmp_path: Path) -> None:
    words = ("--split", "people", "--initial", "net48", "--emotions", 0.25, "--rotation", 5)
    told = train(lasagnette, data, tmp_path, *words)
    assert told["counts"] == {
        "train_frames": 24,
        "train_people": 2,
        "emotion_pictures": 4,
        "validation_frames": 24,
    }
    assert 0 <= told["valid/macro_f1"] <= 1
    settings = json.loads((tmp_path / "one" / "run.json").read_text())["config"]["settings"]
    assert (settings["split"], settings["label_smoothing"]) == ("people", 0.1)
    wanted = {**CHANGES, "rotation": 5, "scale": list(CHANGES["scale"])}
    assert {name: settings["intervals"][name] for name in wanted} == wanted

    weights = tmp_path / "one" / "last.h5"
    table = tmp_path / "confusion.csv"
    done = lasagnette("smileys", "evaluate", weights, "--data", data, "--confusion", table)
    assert done.code == 0, done.stderr
    (found,) = done.lines()
    assert (found["split"], found["frames"]) == ("people", 24)
    assert found["most frequent"]["accuracy"] == pytest.approx(1 / 3, abs=1e-3)
    assert found["nearest neighbour"]["accuracy"] > 0.5  # drawn faces are easy
    rows = list(csv.reader(table.read_text(encoding="utf-8").splitlines()))
    assert rows[0] == ["smiley", *SMILEYS]
    counted = sum(int(cell) for row in rows[1:] for cell in row[1:])
    assert counted == found["faces_found"]

    packed = tmp_path / "smileys.h5"
    done = lasagnette("smileys", "pack", weights, "--data", data, "--out", packed)
    assert done.code == 0, done.stderr
    assert smiles.load(packed).facts["settings"]["split"] == "people"
    assert Smiler(packed).net.plan.classes == len(SMILEYS)


def test_no_figure_of_weights_that_know_everything(
    lasagnette: Run, data: Path, tmp_path: Path
) -> None:
    told = train(lasagnette, data, tmp_path, "--everything", "--no-augment")
    assert told["counts"]["train_frames"] == 48
    weights = tmp_path / "one" / "last.h5"
    done = lasagnette("smileys", "evaluate", weights, "--data", data)
    assert done.code == 2
    assert "learned from all smileys" in done.stderr


def test_frames_of_ones_own(lasagnette: Run, tmp_path: Path) -> None:
    """As `smileys extract` and `smielfy review --export` leave them: a folder with its list."""
    own = own_smileys(tmp_path / "own")
    told = train(lasagnette, own, tmp_path, "--split", "people")
    assert told["counts"] == {"train_frames": 36, "train_people": 3, "validation_frames": 12}
    weights = tmp_path / "one" / "last.h5"
    done = lasagnette("smileys", "evaluate", weights, "--data", own)
    assert done.code == 0, done.stderr
    assert done.lines()[0]["frames"] == 12
    packed = tmp_path / "mine.h5"
    done = lasagnette("smileys", "pack", weights, "--data", own, "--out", packed)
    assert done.code == 0, done.stderr
    assert smiles.load(packed).facts["data"]["train_frames"] == 36


def test_too_few_people_to_hold_one_out(lasagnette: Run, tmp_path: Path) -> None:
    own = own_smileys(tmp_path / "own", people=1)
    where = ("--data", own, "--runs", tmp_path, "--run", "one")
    done = lasagnette("train", "net_smiles", *where, *SHORT, "--split", "people")
    assert done.code == 0, done.stderr
    assert "No people can be held out of these few frames" in done.stderr
    told = json.loads(done.stdout)
    assert told["counts"] == {"train_frames": 12, "train_people": 1}
    assert not [name for name in told if name.startswith("valid/")]
    done = lasagnette("smileys", "evaluate", told["weights"], "--data", own)
    assert done.code == 2
    assert "No people can be held out of the few frames of" in done.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["net_smiles", "--fddb-repeats", 2], "smileys have no background"),
        (["net12", "--split", "runs"], "net12 tells no smileys; leave out --split"),
        (["net_smiles", "--initial", "absent.h5"], "There is no file absent.h5"),
        (["net_smiles", "--initial", "net99"], "no weights of 'net99' come with the package"),
    ],
)
def test_what_does_not_go_together_is_told(
    words: list[Any], sentence: str, lasagnette: Run, data: Path, tmp_path: Path
) -> None:
    where = ("--data", data, "--runs", tmp_path)
    done = lasagnette("train", *words, *where, *SHORT)
    assert done.code
    assert sentence in done.stderr.replace("\n", " ")
    assert not list(tmp_path.glob("*/seg*"))
