"""`lasagnette train`: runs, checkpoints, resuming after an interruption and after kill -9."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image
from pytensor.compile.mode import Mode

import nets.training
from augment import index as indexes
from augment.errors import DataError
from augment.fixed import calibration_set, fixed_set
from augment.index import Index
from augment.order import steps_per_epoch
from augment.recipe import Recipe
from augment.splits import SOURCES
from lasagnette import backend
from lasagnette.layers import get_all_param_values
from monitor.runlog import RunLog, open_run
from nets import weights
from scripts import runner, training_data
from scripts.training_data import training_index, validation_crops

Run = Callable[..., Any]
ROOT = Path(__file__).resolve().parents[2]
SETTINGS = runner.Settings("net12", epochs=3, batch_size=8, learning_rate=0.01, seed=5)
PICTURES, SIDE = 6, 40


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures with a bright square in the middle, and dark ones."""
    root = tmp_path_factory.mktemp("data")
    for number in range(PICTURES):
        pixels = np.random.default_rng(number).integers(0, 90, (SIDE, SIDE, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / f"dark{number}.png")
        pixels[10:30, 10:30] = 230
        Image.fromarray(pixels).save(root / f"bright{number}.png")
    return root


def small_index(
    data: Path, sources: Collection[str] = SOURCES, report: Callable[[str], None] = print
) -> Index:
    def rows(kind: str, frame: list[float], label: int) -> Index:
        paths = [f"{kind}{number}.png" for number in range(PICTURES)]
        return indexes.make(data, paths, [frame] * PICTURES, label, "drawn", paths)

    return indexes.concat(
        [
            rows("bright", [10, 10, 20, 20], indexes.FACE),
            rows("dark", [np.nan] * 4, indexes.BACKGROUND),
        ]
    )


def fixed_index(data: Path, report: Callable[[str], None]) -> Index:
    index = small_index(data, report=report)
    index.frames[:] = [10, 10, 20, 20]
    return index


def Trainer(*args: Any, **options: Any) -> nets.training.Trainer:
    """Interpret: compiling takes longer than these trainings."""
    return nets.training.Trainer(*args, **{**options, "mode": Mode("py", "fast_compile")})


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train on the drawn pictures, without a compiler."""
    monkeypatch.setattr(training_data, "train_set", small_index)
    monkeypatch.setattr(training_data, "validation_set", fixed_index)
    monkeypatch.setattr(training_data, "tune_set", small_index)
    monkeypatch.setattr(runner, "Trainer", Trainer)


def quiet(line: str) -> None:
    """Take the lines meant for the terminal."""


def parameters(folder: Path) -> list[np.ndarray]:
    with h5py.File(folder / "checkpoint.h5") as file:
        return [values[()] for values in file["state"].values()]


def test_a_run_leaves_its_log_its_weights_and_what_was_asked(data: Path, tmp_path: Path) -> None:
    said: list[str] = []
    result = runner.train(SETTINGS, data, tmp_path / "run", resume=False, say=said.append)
    assert result["counts"]["train_faces"] == PICTURES
    run = open_run(tmp_path / "run")
    assert run.status == "finished"
    steps = 2  # six faces in batches with four
    assert list(run.scalars("train/loss").step) == list(range(1, 3 * steps + 1))
    assert list(run.scalars("valid/accuracy").epoch) == [1, 2, 3]
    assert max(run.scalars("valid/accuracy").value) == pytest.approx(result["valid/accuracy"])
    loaded = weights.load(result["weights"], expected="net12")
    assert loaded.facts["best"]["epoch"] == result["epoch"]
    assert loaded.facts["settings"]["seed"] == 5
    assert runner.read_settings(tmp_path / "run") == SETTINGS
    assert any("Compiling" in line for line in said)


def test_an_interrupted_run_goes_on_with_the_same_numbers(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner.train(SETTINGS, data, tmp_path / "whole", resume=False, say=quiet)
    logged = RunLog.scalar

    def interrupted(self: RunLog, tag: str, value: float, step: int, epoch: Any = None) -> None:
        if step == 4:
            raise KeyboardInterrupt
        logged(self, tag, value, step, epoch)

    monkeypatch.setattr(RunLog, "scalar", interrupted)
    monkeypatch.setattr(runner, "CHECKPOINT_SECONDS", 0)
    with pytest.raises(KeyboardInterrupt):
        runner.train(SETTINGS, data, tmp_path / "run", resume=False, say=quiet)
    assert open_run(tmp_path / "run").status == "crashed"
    monkeypatch.setattr(RunLog, "scalar", logged)
    runner.train(SETTINGS, data, tmp_path / "run", resume=True, say=quiet)
    whole, resumed = open_run(tmp_path / "whole"), open_run(tmp_path / "run")
    for tag in ("train/loss", "valid/loss"):
        assert list(resumed.scalars(tag).step) == list(whole.scalars(tag).step)
        np.testing.assert_array_equal(resumed.scalars(tag).value, whole.scalars(tag).value)
    for ours, theirs in zip(
        parameters(tmp_path / "run"), parameters(tmp_path / "whole"), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_a_killed_run_goes_on_from_its_checkpoint(data: Path, tmp_path: Path) -> None:
    program = (
        "import dataclasses, sys; sys.path.insert(0, sys.argv[3])\n"
        "from pathlib import Path\n"
        "import test_scripts_train as here\n"
        "runner = here.runner\n"
        "if __name__ == '__main__':\n"
        "    here.training_data.train_set = here.small_index\n"
        "    here.training_data.validation_set = here.fixed_index\n"
        "    here.training_data.tune_set = here.small_index\n"
        "    runner.CHECKPOINT_SECONDS = 0\n"
        "    settings = dataclasses.replace(here.SETTINGS, epochs=100_000)\n"
        "    runner.Trainer = here.Trainer\n"
        "    data, folder = Path(sys.argv[1]), Path(sys.argv[2])\n"
        "    runner.train(settings, data, folder, resume=False, say=print)\n"
    )
    script = tmp_path / "training.py"
    script.write_text(program)
    folder = tmp_path / "run"
    command = [sys.executable, str(script), str(data), str(folder), str(Path(__file__).parent)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    log = tmp_path / "output.txt"
    with log.open("w") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
        waiting = time.monotonic() + 60
        while not (folder / "best.h5").is_file() and time.monotonic() < waiting:
            assert process.poll() is None, log.read_text()
            time.sleep(0.02)
        time.sleep(0.3)
        process.send_signal(signal.SIGKILL)
        process.wait()
    with h5py.File(folder / "checkpoint.h5") as file:
        step = int(file.attrs["step"])
    assert step >= 2
    wait_for_writer(folder)
    assert set(range(1, step + 1)) <= set(open_run(folder).scalars("train/loss").step.tolist())
    settings = runner.Settings(**{**vars(SETTINGS), "epochs": step // 2 + 2})
    runner.train(settings, data, folder, resume=True, say=quiet)
    run = open_run(folder)
    assert run.status == "finished"
    assert list(run.scalars("train/loss").step) == list(range(1, 2 * settings.epochs + 1))


def test_the_server_changes_no_number_and_its_gauges_are_logged(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "GAUGE_SECONDS", 0)
    for workers in (0, 2):
        folder = tmp_path / str(workers)
        runner.train(SETTINGS, data, folder, resume=False, say=quiet, workers=workers)
    alone, served = (open_run(tmp_path / str(workers)) for workers in (0, 2))
    np.testing.assert_array_equal(
        alone.scalars("train/loss").value, served.scalars("train/loss").value
    )
    for ours, theirs in zip(parameters(tmp_path / "0"), parameters(tmp_path / "2"), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    waited = served.scalars("queue/waited").value
    assert len(waited)
    assert ((waited >= 0) & (waited <= 1)).all()
    assert {"queue/waited", "cache/hits"} <= set(alone.tags)


def wait_for_writer(folder: Path) -> None:
    """Wait until the killed run's writing process has noticed and ended."""
    waiting = time.monotonic() + 20
    while open_run(folder).status != "crashed" and time.monotonic() < waiting:
        time.sleep(0.1)


def test_plain_training_cuts_frames_as_they_stand(data: Path, tmp_path: Path) -> None:
    settings = runner.Settings(**{**vars(SETTINGS), "intervals": None, "epochs": 1})
    result = runner.train(settings, data, tmp_path / "run", resume=False, say=quiet)
    assert result["counts"]["train_background_frames"] == PICTURES
    assert result["counts"]["train_background_pictures"] == 0


def index_of(data: Path, **changed: Any) -> Index:
    """The training side with what a plain call would give."""
    usual = {
        "hard_negatives": None,
        "hard_share": 0.5,
        "fddb_repeats": 1,
        "epoch_samples": None,
        "recipe": SETTINGS.recipe,
        "everything": False,
        "sources": SOURCES,
        "fixed": None,
        "seed": 1,
        "say": quiet,
    }
    return training_index(data, **{**usual, **changed})


def test_everything_is_all_three_sides(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def side(name: str) -> Callable[..., Index]:
        return lambda root, *_, report: replace(
            small_index(root, report=report), group=np.full(2 * PICTURES, name)
        )

    for name in ("train", "tune", "report"):
        monkeypatch.setattr(training_data, f"{name}_set", side(name))
    assert set(index_of(data).group) == {"train"}
    whole = index_of(data, everything=True)
    assert len(whole) == 6 * PICTURES
    assert set(whole.group) == {"train", "tune", "report"}


@pytest.fixture
def of_two_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    """A third of the faces are FDDB's."""

    def index(
        data: Path, sources: Collection[str] = SOURCES, report: Callable[[str], None] = print
    ) -> Index:
        made = small_index(data, report=report)
        source = np.where(np.arange(len(made)) % 3 == 0, "fddb", "lfw")
        return replace(made, source=source)

    monkeypatch.setattr(training_data, "train_set", index)
    monkeypatch.setattr(training_data, "tune_set", index)


CALIBRATES = Recipe(side=12, batch_size=10, task="calibration")


@pytest.mark.usefixtures("of_two_sets")
@pytest.mark.parametrize("repeats", [1, 4])
def test_an_epoch_has_about_as_many_samples_as_asked(data: Path, repeats: int) -> None:
    plain = index_of(data, fddb_repeats=repeats)
    for recipe, of_a_face in (
        (SETTINGS.recipe, 2),
        (replace(SETTINGS.recipe, backgrounds_per_face=3), 4),
        (CALIBRATES, 45),
    ):
        for samples in (40, 4000):
            index = index_of(data, epoch_samples=samples, recipe=recipe, fddb_repeats=repeats)
            faces = index.labels == indexes.FACE
            assert index.weights[faces].sum() * of_a_face == pytest.approx(samples, rel=1e-5)
            of_fddb = index.source[faces] == "fddb"
            ratio = index.weights[faces][of_fddb].mean() / index.weights[faces][~of_fddb].mean()
            assert ratio == pytest.approx(repeats, rel=1e-5)
            backgrounds = plain.labels == indexes.BACKGROUND
            if recipe.task == "detection":
                np.testing.assert_array_equal(index.weights[~faces], plain.weights[backgrounds])
    recipe = replace(CALIBRATES, batch_size=20)
    index = index_of(data, epoch_samples=400, recipe=recipe, fddb_repeats=repeats)
    assert abs(steps_per_epoch(index, recipe) - 20) <= 3


@pytest.mark.usefixtures("of_two_sets")
def test_a_calibration_net_learns_from_faces_alone(data: Path, tmp_path: Path) -> None:
    index = index_of(data, recipe=CALIBRATES, fddb_repeats=3, fixed=1.0)
    assert (index.labels == indexes.FACE).all()
    assert len(index) == PICTURES
    assert sorted(set(index.weights.tolist())) == [1, 3]


@pytest.mark.usefixtures("of_two_sets")
def test_a_calibration_net_is_measured_on_faces_of_the_tuning_side_in_every_class(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crops = validation_crops(data, CALIBRATES, None, quiet)
    assert crops.images.shape == (PICTURES * 45, 3, 12, 12)
    assert crops.labels.reshape(-1, 45).tolist() == [list(range(45))] * PICTURES
    monkeypatch.setattr(training_data, "CALIBRATION_FACES", 4)  # two faces are FDDB's, four not
    few = validation_crops(data, CALIBRATES, None, quiet)
    assert len(few.labels) == 4 * 45
    index = training_data.tune_set(data, quiet)
    of_fddb = index.select(index.source == "fddb").select(np.arange(2))
    expected = calibration_set(of_fddb, 12)
    np.testing.assert_array_equal(few.images[:90], expected.images)
    again = validation_crops(data, CALIBRATES, None, quiet)
    np.testing.assert_array_equal(few.images, again.images)


def test_validation_crops_of_an_index(data: Path, tmp_path: Path) -> None:
    chosen = fixed_index(data, quiet).select(np.array([0, 7, 2]))
    chosen.save(tmp_path / "chosen.h5")
    detection = validation_crops(data, SETTINGS.recipe, str(tmp_path / "chosen.h5"), quiet)
    assert detection.labels.tolist() == [1, 0, 1]
    np.testing.assert_array_equal(detection.images, fixed_set(chosen, 12).images)
    calibration = validation_crops(data, CALIBRATES, str(tmp_path / "chosen.h5"), quiet)
    assert calibration.labels.tolist() == [*range(45)] * 2
    np.testing.assert_array_equal(calibration.images, calibration_set(chosen, 12).images)
    chosen.select(np.array([1])).save(tmp_path / "none.h5")
    for recipe in (SETTINGS.recipe, CALIBRATES):
        with pytest.raises(runner.RunError, match=r"none\.h5: holds no face to measure"):
            validation_crops(data, recipe, str(tmp_path / "none.h5"), quiet)
    small_index(data).save(tmp_path / "undrawn.h5")
    with pytest.raises(DataError, match="6 rows have none"):
        validation_crops(data, SETTINGS.recipe, str(tmp_path / "undrawn.h5"), quiet)


def test_a_calibration_net_is_trained(data: Path, tmp_path: Path) -> None:
    settings = runner.Settings(
        "net12_cal", epochs=2, batch_size=30, learning_rate=0.01, epoch_samples=90, dropout=0.0
    )
    assert settings.task == settings.recipe.task == "calibration"
    result = runner.train(settings, data, tmp_path / "run", resume=False, say=quiet)
    assert result["counts"]["train_faces"] == PICTURES
    assert result["counts"]["train_background_pictures"] == 0
    assert result["counts"]["validation_samples"] == PICTURES * 45
    run = open_run(tmp_path / "run")
    assert len(run.scalars("train/loss").step) in (6, 8)  # 90 samples in batches of 30, or one more
    loaded = weights.load(result["weights"], expected="net12_cal")
    assert loaded.options["dropout"] == 0
    assert loaded.layer.output_shape == (None, 45)
    assert runner.read_settings(tmp_path / "run") == settings


def test_the_best_epoch_is_that_of_the_best_balanced_accuracy(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plain accuracy would choose the first epoch, the loss the last."""
    measured = iter(
        [
            {"loss": 0.9, "accuracy": 0.9, "balanced_accuracy": 0.5},
            {"loss": 0.8, "accuracy": 0.7, "balanced_accuracy": 0.8},
            {"loss": 0.7, "accuracy": 0.8, "balanced_accuracy": 0.8},
        ]
    )
    monkeypatch.setattr(nets.training.Trainer, "evaluate", lambda self, arrays: next(measured))
    result = runner.train(SETTINGS, data, tmp_path / "run", resume=False, say=quiet)
    assert (result["epoch"], result["valid/balanced_accuracy"]) == (2, 0.8)
    assert weights.load(result["weights"]).facts["best"]["epoch"] == 2


def test_hard_negatives_are_a_share_of_the_backgrounds(data: Path, tmp_path: Path) -> None:
    paths = ["dark0.png"] * 50
    frames = [[0, 0, 20 + n, 20 + n] for n in range(50)]
    hard = indexes.make(data, paths, frames, indexes.BACKGROUND, "mined", paths)
    hard.save(tmp_path / "hard.h5")
    index = index_of(data, hard_negatives=str(tmp_path / "hard.h5"), fddb_repeats=3)
    mined = index.source == "mined"
    drawn = index.undrawn
    assert np.count_nonzero(mined) == 50
    assert index.weights[mined].sum() == pytest.approx(index.weights[drawn].sum())
    of_fddb, faces = index.source == "fddb", index.labels == indexes.FACE
    assert (index.weights[faces & of_fddb] == 3).all()
    assert (index.weights[faces & ~of_fddb] == 1).all()
    assert (index.weights[drawn] == 1).all()
    few = hard.select(np.arange(2))
    few.save(tmp_path / "few.h5")
    index = index_of(data, hard_negatives=str(tmp_path / "few.h5"))
    mined = index.source == "mined"
    assert index.weights[mined].sum() == pytest.approx(index.weights[index.undrawn].sum())
    for share in (0.2, 0.9):
        index = index_of(data, hard_negatives=str(tmp_path / "few.h5"), hard_share=share)
        mined, backgrounds = index.source == "mined", index.labels == indexes.BACKGROUND
        of_all = index.weights[mined].sum() / index.weights[backgrounds].sum()
        assert of_all == pytest.approx(share)
    fixed_index(data, quiet).save(tmp_path / "faces.h5")
    wrong = runner.Settings(**{**vars(SETTINGS), "hard_negatives": str(tmp_path / "faces.h5")})
    with pytest.raises(runner.RunError, match=r"faces\.h5: holds faces"):
        runner.train(wrong, data, tmp_path / "other", resume=False, say=quiet)


def test_the_command(lasagnette: Run, data: Path, tmp_path: Path) -> None:
    runs = ("--data", data, "--runs", tmp_path / "runs")
    given = ("--run", "first", "--epochs", "1", "--batch-size", "8", "--out", tmp_path / "a.h5")
    outcome = lasagnette("train", "net12", *runs, *given)
    assert outcome.code == 0
    (line,) = outcome.stdout.splitlines()
    assert json.loads(line)["weights"] == str(tmp_path / "a.h5")
    assert "epoch 1/1" in outcome.stderr
    loaded = weights.load(tmp_path / "a.h5")
    assert get_all_param_values(loaded.layer)[0].shape == (16, 3, 3, 3)
    again = lasagnette("train", "net12", *runs, *given)
    assert (again.code, again.stdout) == (1, "")
    assert "first" in again.stderr
    assert lasagnette("train", "net12", *runs, "--resume", "first").code == 0


def test_the_back_end_compiles_and_is_noted(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes = []

    def trainer(*args: Any, mode: Mode, **options: Any) -> nets.training.Trainer:
        modes.append(mode)
        return Trainer(*args, **options)

    monkeypatch.setattr(runner, "Trainer", trainer)
    said: list[str] = []
    runner.train(SETTINGS, data, tmp_path / "run", resume=False, say=said.append, backend="numba")
    assert modes == [backend.mode("numba")]
    assert any("Compiling the training functions for numba" in line for line in said)
    noted = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert noted["config"]["backend"] == "numba"


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["net13"], 2, "net12"),
        (["net12", "--backend", "cuda"], 2, "'cuda' is not one of 'numba', 'c', 'jax'"),
        (["net12", "--data", "nowhere"], 2, "the data folder 'nowhere' does not exist"),
        (["net12", "--resume", "a", "--epochs", "3"], 2, "leave out --epochs"),
        (["net12", "--resume", "a", "--occlusion", "0.1"], 2, "leave out --occlusion"),
        (["net12", "--hard-share", "0.2", "--data", "."], 2, "leave out --hard-share"),
        (["net12", "--dropout", "2", "--data", "."], 2, "not in the range 0<=x<2"),
        (["net12", "--no-augment", "--occlusion", "1"], 2, "leave out --occlusion"),
        (
            ["net12_cal", "--rotation", "9", "--backgrounds-per-face", "2"],
            2,
            "no background; leave out --backgrounds-per-face, --rotation",
        ),
        (["net12", "--resume", "absent", "--data", "."], 1, "there is no run to resume"),
    ],
)
def test_what_is_wrong_is_said(lasagnette: Run, words: list[str], code: int, sentence: str) -> None:
    outcome = lasagnette("train", *words)
    assert outcome.code == code
    assert sentence in outcome.stderr


def test_a_checkpoint_of_another_net_is_refused(data: Path, tmp_path: Path) -> None:
    runner.train(SETTINGS, data, tmp_path / "run", resume=False, say=quiet)
    other = runner.Settings(**{**vars(SETTINGS), "batch_norm": True})
    with pytest.raises(runner.RunError, match=r"checkpoint\.h5: .*another net"):
        runner.train(other, data, tmp_path / "run", resume=True, say=quiet)
