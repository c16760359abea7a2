"""`lasagnette cascade`: the recipe, the road and its single steps, with nets of random weights."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from augment import index as indexes
from augment.transforms import Intervals
from cascade import bundle
from lasagnette.layers import get_all_params
from nets import registry, weights
from scripts import cascade_photos, cascade_road, runner
from scripts.cascade_recipe import RECIPE, Assemble, Mine, Recipe, Train, Tune, quick
from scripts.cascade_table import table_lines
from scripts.errors import RunError

FACE = np.array([[30, 20, 40, 40]], np.float32)


def picture(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return cv2.resize(rng.integers(0, 256, (9, 12, 3), dtype=np.uint8), (120, 90))


def save_net(path: Path, name: str, seed: int) -> None:
    layer = registry.build(name)
    rng = np.random.default_rng(seed)
    for parameter in get_all_params(layer):
        value = parameter.get_value()
        fan_in = value[0].size if value.ndim > 2 else len(value)
        parameter.set_value((rng.normal(size=value.shape) * (2 / fan_in) ** 0.5).astype("f"))
    path.parent.mkdir(parents=True, exist_ok=True)
    weights.save(path, layer, name=name)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Pictures in place of the research data, random nets in place of trained ones."""
    data = tmp_path / "data"
    data.mkdir()
    names = [f"{number}.png" for number in range(5)]
    for number, name in enumerate(names):
        Image.fromarray(picture(number)).save(data / name)
    (data / names[3]).write_bytes(b"damaged")
    index = indexes.make(
        data, names, np.full((5, 4), np.nan), indexes.BACKGROUND, "negatives", names
    )

    def photos(
        root: Path, scale: float = 1.0, every: int = 1
    ) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        yield from ((f"photo {n}", picture(n), FACE) for n in range(4))

    def empty(root: Path, every: int = 1) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        yield from ((f"empty {n}", picture(n), FACE[:0]) for n in range(10, 14))

    trained: list[tuple[str, runner.Settings, bool]] = []

    def train(settings, root, folder, *, resume, say, backend, workers):
        trained.append((folder.name, settings, resume))
        save_net(folder / "last.h5", settings.net, len(folder.name))
        return {"run": str(folder), "weights": str(folder / "best.h5"), "epoch": 1}

    monkeypatch.setattr(cascade_road, "train_set", lambda *a, **k: index)
    monkeypatch.setattr("augment.splits.train_set", lambda *a, **k: index)
    monkeypatch.setattr(cascade_photos, "tuning_photos", photos)
    monkeypatch.setattr("scripts.cascade_table.tuning_photos", photos)
    monkeypatch.setattr("scripts.cascade_funnel.tuning_photos", photos)
    monkeypatch.setattr(cascade_photos, "background_photos", empty)
    monkeypatch.setattr(runner, "train", train)
    return {"data": data, "trained": trained, "folder": tmp_path / "work"}


SMALL = Recipe(
    (
        Train("net12", {"net": "net12", "epochs": 1, "batch_size": 4, "learning_rate": 0.1}),
        Train("cal", {"net": "net12_cal", "epochs": 1, "batch_size": 4, "learning_rate": 0.1}),
        Assemble(1, "net12", "cal", recall=0.5),
        Mine("mined", depth=1, min_faces=(20,), limit=7),
        Train(
            "net24",
            {"net": "net24", "epochs": 1, "batch_size": 4, "learning_rate": 0.1},
            mined="mined",
            initial="net12",
        ),
        Train("cal24", {"net": "net24_cal", "epochs": 1, "batch_size": 4, "learning_rate": 0.1}),
        Assemble(2, "net24", "cal24", recall=0.5),
        Mine("more", depth=2, min_faces=(20,), limit=7, threshold=0.0, before="mined"),
        Tune(false_positives=0.5),
    )
)


def walk(world: dict[str, Any], recipe: Recipe = SMALL) -> tuple[dict[str, Any], list[str]]:
    said: list[str] = []
    world["folder"].mkdir(exist_ok=True)
    done = cascade_road.walk(recipe, world["data"], world["folder"], say=said.append, threads=1)
    return done, said


def test_the_road_ends_in_a_cascade(world):
    done, said = walk(world)
    assert list(done) == [
        *("net12", "cal", "3 assemble", "mined", "net24", "cal24", "7 assemble", "more", "9 tune")
    ]
    made = bundle.load(world["folder"] / "cascade.h5")
    nets = [(stage.detection.name, stage.calibration.name) for stage in made.stages]
    assert nets == [("net12", "net12_cal"), ("net24", "net24_cal")]
    assert made.thresholds[0] == pytest.approx(done["3 assemble"]["threshold"])
    assert made.thresholds[1] == pytest.approx(done["9 tune"]["threshold"])
    assert made.facts["steps"]["mined"] == done["mined"]
    mined = indexes.load(world["folder"] / "mined.h5")
    assert 0 < len(mined) == done["mined"]["frames"] <= 7
    assert (mined.labels == indexes.BACKGROUND).all()
    more = indexes.load(world["folder"] / "more.h5")
    assert len(more) == done["more"]["frames"] > len(mined)
    assert not list(world["folder"].glob("*.part"))
    assert [line for line in said if line.startswith("Step 4 of 9: mined")]
    settings = {run: settings for run, settings, _ in world["trained"]}
    assert settings["net24"].hard_negatives == str(world["folder"] / "mined.h5")
    assert settings["net24"].initial == str(world["folder"] / "runs/net12/last.h5")


def test_a_finished_road_does_nothing_and_a_stopped_one_goes_on(world, monkeypatch):
    search = cascade_road.search

    def stopped(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(cascade_road, "search", stopped)
    with pytest.raises(KeyboardInterrupt):
        walk(world)
    assert [run for run, _, _ in world["trained"]] == ["net12", "cal"]
    monkeypatch.setattr(cascade_road, "search", search)
    first, _ = walk(world)
    assert [run for run, _, _ in world["trained"]] == ["net12", "cal", "net24", "cal24"]
    again, said = walk(world)
    assert again == first
    assert said == []


def test_a_training_goes_on_from_its_checkpoint_or_begins_anew(world, monkeypatch):
    run = world["folder"] / "runs" / "net12"
    run.mkdir(parents=True)
    (run / "run.json").write_text("{}")  # killed before its first checkpoint
    walk(world)
    assert world["trained"][0][2] is False
    assert not (run / "run.json").exists()
    (run / "checkpoint.h5").touch()
    (world["folder"] / "road.json").unlink()
    monkeypatch.setattr(
        runner, "read_settings", lambda folder: runner.Settings(**SMALL.steps[0].settings)
    )
    walk(world)
    assert world["trained"][4][2] is True


def test_another_recipe_needs_another_folder(world):
    walk(world)
    other = replace(SMALL, steps=(*SMALL.steps[:-1], Tune(false_positives=0.25)))
    with pytest.raises(RunError, match="holds a road of another recipe"):
        walk(world, other)


@pytest.mark.parametrize("recipe", [RECIPE, quick(RECIPE)], ids=["whole", "quick"])
def test_the_recipe_names_only_what_comes_before(recipe):
    trained, mined, stages = {}, set(), 0
    for step in recipe.steps:
        if isinstance(step, Train):
            assert step.run not in trained
            assert step.mined is None or step.mined in mined
            assert step.initial is None or trained[step.initial] == step.settings["net"]
            settings = runner.Settings(**step.settings)
            Intervals.from_dict(settings.intervals)
            assert registry.spec(settings.net).side == settings.recipe.side
            trained[step.run] = settings.net
        elif isinstance(step, Assemble):
            classes = [
                registry.spec(trained[run]).classes for run in (step.detection, step.calibration)
            ]
            assert classes == [2, 45]
            assert step.stage <= stages + 1
            stages = max(stages, step.stage)
        elif isinstance(step, Mine):
            assert step.depth <= stages
            assert step.before is None or step.before in mined
            mined.add(step.name)
    assert stages == 3
    assert isinstance(recipe.steps[-1], Tune)


def test_single_steps_pack_threshold_mine_and_table(world, lasagnette, tmp_path):
    for number, name in enumerate(("net12", "net12_cal", "net24")):
        save_net(tmp_path / f"{name}.h5", name, number)
    out = tmp_path / "my.h5"
    packed = lasagnette(
        *("cascade", "pack", out, f"{tmp_path}/net12.h5:{tmp_path}/net12_cal.h5"),
        tmp_path / "net24.h5",
    )
    assert packed.code == 0, packed.stderr
    assert json.loads(packed.stdout)["stages"] == [["net12", "net12_cal"], ["net24"]]
    data = ("--data", world["data"], "--threads", 1)
    chosen = lasagnette("cascade", "threshold", out, "--stage", 1, "--recall", 0.5, *data)
    assert chosen.code == 0, chosen.stderr
    found = json.loads(chosen.stdout)
    assert found["recall"] >= 0.5
    assert bundle.load(out).thresholds == [pytest.approx(found["threshold"]), 0.5]
    rare = lasagnette("cascade", "threshold", out, "--false-positives", 0.25, *data)
    assert bundle.load(out).thresholds[1] == pytest.approx(json.loads(rare.stdout)["threshold"])
    mined = lasagnette(
        *("cascade", "mine", out, tmp_path / "mined.h5", "--depth", 1, "--min-face", 24),
        *("--limit", 5, *data),
    )
    assert mined.code == 0, mined.stderr
    assert json.loads(mined.stdout)["frames"] == len(indexes.load(tmp_path / "mined.h5")) == 5
    assert "3.png" in mined.stderr  # the damaged picture is named
    table = lasagnette("cascade", "table", out, *data)
    assert table.code == 0, table.stderr
    assert "| detect 1 | net12 |" in table.stdout
    assert "426.9 | 0.939 |" in table.stdout
    as_json = json.loads(lasagnette("cascade", "table", out, "--json", *data).stdout)
    assert table_lines(as_json["stages"]) == table.stdout.splitlines()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "give one of --recall, --false-positives and --score"),
        (("--recall", 0.9, "--score", 0.5), "give one of"),
        (("--stage", 2, "--score", 0.5), "has 1 stages; got 2"),
    ],
)
def test_thresholds_that_cannot_be_chosen(world, lasagnette, tmp_path, words, message):
    save_net(tmp_path / "net12.h5", "net12", 0)
    lasagnette("cascade", "pack", tmp_path / "my.h5", tmp_path / "net12.h5")
    done = lasagnette("cascade", "threshold", tmp_path / "my.h5", *words, "--data", world["data"])
    assert done.code == 2
    assert message in done.stderr


@pytest.mark.slow
@pytest.mark.data
def test_the_quick_road(lasagnette, tmp_path):
    done = lasagnette("cascade", "train", tmp_path / "work", "--quick")
    assert done.code == 0, done.stderr
    assert "| at last |" in done.stdout
    found = lasagnette("detect", "--cascade", tmp_path / "work" / "cascade.h5", "--help")
    assert found.code == 0
