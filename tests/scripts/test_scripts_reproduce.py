"""`lasagnette reproduce`: every experiment on drawn data, with nets of a few filters."""

from __future__ import annotations

import csv
import io
import json
import queue
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from drawn_smileys import draw_smileys
from PIL import Image

from lasagnette.layers import InputLayer
from monitor.runlog import open_run
from nets import registry
from nets.blocks import conv_pool, dense, output
from scripts import reproduce, runner
from scripts.errors import RunError
from scripts.experiments import NAMES, experiment, runs
from scripts.experiments.conclusions import jumps, overfit, samples_to
from scripts.experiments.measures import measure
from scripts.experiments.recipe import Trained
from scripts.experiments.results import Results, mean_and_spread
from scripts.experiments.runs import Scale, Task, tasks_of
from scripts.experiments.worker import train_and_measure
from scripts.runner import Settings

ROOT = Path(__file__).resolve().parents[2]
TRAINED = [name for name in NAMES if isinstance(experiment(name), Trained)]
LONG = (  # many trainings, or nets that take long to start
    *("more-data", "batch-norm", "dropout-output", "net48-plain", "inception"),
    *("net12-plain", "net12-augmented", "net48-augmented", "calibration-large"),
    *("smileys-runs", "smileys-frames"),
)
SAMPLES = 64


def drawn(number: int, face: tuple[int, int, int] | None, size: tuple[int, int]) -> Image.Image:
    """Noise, with a bright disc (x, y, radius) as its face."""
    rng = np.random.default_rng(number)
    pixels = rng.integers(0, 120, (size[1], size[0], 3), dtype=np.uint8)
    if face is not None:
        cv2.circle(pixels, face[:2], face[2], (240, 200, 180), -1)
    return Image.fromarray(pixels)


def save(picture: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few drawn photographs in the official layouts, some under names of the fixed splits."""
    root = tmp_path_factory.mktemp("data")
    lists = root / "fddb" / "FDDB-folds"
    lists.mkdir(parents=True)
    for fold, count in ((1, 3), (4, 3), (6, 1)):
        lines = []
        for number in range(count):
            name = f"2002/08/{fold:02d}/big/img_{number}"
            save(
                drawn(10 * fold + number, (60, 45, 22), (120, 90)),
                root / "fddb" / "originalPics" / f"{name}.jpg",
            )
            lines += [name, "1", "22 22 0 60 45 1"]
        (lists / f"FDDB-fold-{fold:02d}-ellipseList.txt").write_text("\n".join(lines) + "\n")
    (root / "fddb" / "near_duplicates.csv").write_text("image_a,fold_a,image_b,fold_b\n")
    for number in range(4):
        save(
            drawn(100 + number, (57, 51, 33), (112, 112)),
            root / "lfw" / f"Person_{number}" / f"Person_{number}_0001.jpg",
        )
    said = [f"Person_{number}/Person_{number}_0001.jpg,neutral\n" for number in range(4)]
    (root / "lfw" / "emotions.csv").write_text("".join(["file,emotion\n", *said]))
    header = "file,fddb_image,fddb_fold,matched_keypoints\n"
    (root / "lfw" / "same_photo_as_fddb.csv").write_text(header)
    for number in range(3):
        save(drawn(200 + number, None, (120, 90)), root / "negatives" / "rooms" / f"{number}.jpg")
    squares = (resources.files("augment") / "splits" / "validation_negatives.csv").read_text()
    fixed = [row["file"] for row in csv.DictReader(io.StringIO(squares))]
    there = list(dict.fromkeys(file for file in fixed if file.startswith("negatives/")))[:3]
    for number, file in enumerate(there):
        save(drawn(300 + number, None, (320, 320)), root / file)
    draw_smileys(root)
    return root


class Here(runs.Child):
    """Trains in this process: a process of its own takes two seconds to start."""

    def __init__(
        self,
        task: Task,
        data: Path,
        folder: Path,
        backend: str,
        threads: int,
        told: queue.Queue[Any],
    ) -> None:
        self.task, self._folder, self._began = task, folder, time.monotonic()
        self.log, self.process = folder / "nowhere", subprocess.Popen([sys.executable, "-c", ""])
        self.process.wait()
        result = train_and_measure(
            asdict(task.settings), data, folder / task.run, backend, task.every
        )
        told.put((task.run, {"done": 1, "of": 2}))
        told.put((task.run, {"result": json.loads(json.dumps(result))}))
        told.put((task.run, None))

    def end(self) -> int:
        return 0


def small_net(side: int, classes: int) -> Callable[..., Any]:
    def build(input_var: Any, *, faithful: bool, batch_norm: bool, drop: Any) -> Any:
        net: Any = InputLayer((None, 3, side, side), input_var, name="input")
        net = conv_pool(drop(net, 0.1), 2, 3, "conv1", batch_norm)
        net = dense(drop(net, 0.5), 4, "dense1", batch_norm)
        return output(net, classes, relu=faithful and classes == 2)

    return build


@pytest.fixture
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nets of two filters under the real names, trained in this process."""
    registry.names()
    for name, known in list(registry._specs.items()):
        small = replace(known, build=small_net(known.side, known.classes))
        monkeypatch.setitem(registry._specs, name, small)
    monkeypatch.setattr(runs, "Child", Here)
    monkeypatch.setattr(runner, "_start_from", lambda *_, **__: None)  # nets of other shapes


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in LONG)) for name in TRAINED]
)
def test_a_quick_experiment_ends_in_a_row_with_curves(
    name: str, data: Path, tmp_path: Path, little: None, lasagnette: Callable[..., Any]
) -> None:
    where = ["--data", data, "--runs", tmp_path / "runs", "--report", tmp_path / "report"]
    quick = ["--quick", "--samples", SAMPLES, "--jobs", 1]
    done = lasagnette("reproduce", name, *quick, *where)
    assert done.code == 0, done.stderr
    row = json.loads((tmp_path / "report" / "rows" / f"{name}.json").read_text())
    assert row["verdict"] in ("reproduced", "partly", "not reproduced")
    described = experiment(name)
    assert isinstance(described, Trained)
    assert [run["variant"] for run in row["facts"]["runs"]] == [v.name for v in described.variants]
    assert row["facts"]["quick"] is True
    assert len(row["facts"]["data"]["train"]) == 64
    for table in row["tables"]:
        assert all(len(line) == len(table["columns"]) for line in table["rows"])
        assert "nan" not in str(table["rows"]).lower()
    assert all((tmp_path / "report" / plot["file"]).stat().st_size > 1000 for plot in row["plots"])
    assert row["plots"]
    page = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert described.title in page


def test_what_is_there_is_not_trained_again(
    data: Path,
    tmp_path: Path,
    little: None,
    lasagnette: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    where = ["--data", data, "--runs", tmp_path / "runs", "--report", tmp_path / "report"]
    quick = ["--quick", "--samples", SAMPLES, "--jobs", 1]
    assert lasagnette("reproduce", "calibration-small", *quick, *where).code == 0
    monkeypatch.setattr(runs, "Child", None)  # nothing may start
    (tmp_path / "report" / "rows" / "calibration-small.json").unlink()
    assert lasagnette("reproduce", "calibration-small", *quick, *where).code == 0
    assert (tmp_path / "report" / "rows" / "calibration-small.json").is_file()


def test_what_is_there_is_concluded_from_as_it_is(
    data: Path, tmp_path: Path, little: None, lasagnette: Callable[..., Any]
) -> None:
    where = ["--data", data, "--runs", tmp_path / "runs", "--report", tmp_path / "report"]
    short = ["--samples", SAMPLES, "--backend", "python", "--jobs", 1]
    assert lasagnette("reproduce", "calibration-small", *short, "--seeds", 2, *where).code == 0
    done = lasagnette("reproduce", "calibration-small", "net12-plain", *short, "--as-is", *where)
    assert done.code == 0
    assert "net12-plain: no training of as printed" in done.stderr
    row = json.loads((tmp_path / "report" / "rows" / "calibration-small.json").read_text())
    assert row["facts"]["seeds"] == [1, 2]
    assert not (tmp_path / "report" / "rows" / "net12-plain.json").exists()


def command(data: Path, folder: Path) -> list[str]:
    code = "import sys; from scripts.main import main; main(sys.argv[1:])"
    words = ["reproduce", "calibration-small", "--quick", "--samples", "400", "--jobs", "2"]
    where = ["--data", data, "--runs", folder / "runs", "--report", folder / "report"]
    return [sys.executable, "-c", code, *words, *map(str, where)]


def test_processes_train_side_by_side_and_a_killed_command_goes_on(
    data: Path, tmp_path: Path
) -> None:
    killed = subprocess.Popen(command(data, tmp_path), cwd=ROOT, stderr=subprocess.DEVNULL)
    waiting = time.monotonic() + 120
    while not list(tmp_path.glob("runs/*/seg-000.h5")) and time.monotonic() < waiting:
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    again = subprocess.run(
        command(data, tmp_path), cwd=ROOT, capture_output=True, text=True, timeout=240, check=False
    )
    assert again.returncode == 0, again.stderr
    assert again.stdout.strip() == str(tmp_path / "report" / "index.html")
    finished = list((tmp_path / "runs").glob("*/result.json"))
    assert len(finished) == 2
    assert all(open_run(path.parent).status == "finished" for path in finished)


def test_a_training_that_fails_is_named(data: Path, tmp_path: Path) -> None:
    task = Task("some", Settings("net12", 1, 8, 0.01, validation=str(tmp_path / "none.h5")), 1)
    with pytest.raises(RunError, match=f"{task.run}: .*none.h5"):
        list(runs.do([task], data, tmp_path, jobs=1, backend="python"))


def test_tasks_are_shared_by_their_settings_and_told_apart_by_their_seeds() -> None:
    plain, output_ = experiment("net12-plain"), experiment("dropout-output")
    assert isinstance(plain, Trained)
    assert isinstance(output_, Trained)
    first = {task.run for task in tasks_of(plain, Scale())}
    shared = first & {task.run for task in tasks_of(output_, Scale())}
    assert len(first) == 3 * len(plain.variants)
    assert len(shared) == 4  # relu and linear, two seeds
    few = tasks_of(plain, Scale(seeds=1, samples=100))
    assert {task.settings.seed for task in few} == {1}
    assert all(task.samples <= 100 for task in few)
    assert not first & {task.run for task in few}
    slow, looked = experiment("inception"), Scale(1, quick=True)
    assert isinstance(slow, Trained)
    assert {task.samples for task in tasks_of(plain, looked)} == {plain.quick_samples}
    assert {task.samples for task in tasks_of(slow, looked)} == {slow.quick_samples}


def test_the_same_seed_gives_the_same_curve(data: Path, tmp_path: Path, little: None) -> None:
    described = experiment("net12-plain")
    assert isinstance(described, Trained)
    task = tasks_of(described, Scale(1, SAMPLES))[2]
    curves = []
    for place in ("one", "other"):
        train_and_measure(asdict(task.settings), data, tmp_path / place, "python")
        curves.append(open_run(tmp_path / place).scalars("train/loss").value)
    assert np.array_equal(*curves)


def test_a_detection_net_is_measured_on_three_sets(
    data: Path, tmp_path: Path, little: None
) -> None:
    settings = Settings("net12", 1, 8, 0.01, epoch_samples=32)
    train_and_measure(asdict(settings), data, tmp_path / "run", "python")
    found = measure(tmp_path / "run" / "last.h5", settings, data, lambda line: None)
    sets = {name.partition("/")[0] for name in found}
    assert sets == {"clean", "fddb", "augmented", "dead"}
    assert {"accuracy", "precision", "recall"} <= {
        name.partition("/")[2] for name in found if name.startswith("clean/")
    }
    assert all(0 <= value <= 1 for name, value in found.items() if not name.endswith("loss"))


class Curves(Results):
    """Results of given curves."""

    def __init__(self, **curves: list[list[float]]) -> None:
        self._curves = {name.replace("_", "/"): np.array(values) for name, values in curves.items()}

    def curve(self, tag: str, variant: str) -> tuple[np.ndarray, np.ndarray]:
        values = self._curves[tag]
        return 100.0 * (1 + np.arange(values.shape[1])), values


def test_a_jump_is_the_deepest_fall_after_a_quarter() -> None:
    found = Curves(valid_accuracy=[[0.9, 0.1, 0.8, 0.7, 0.8, 0.9, 0.9, 0.9]])
    assert jumps(found, "") == pytest.approx(0.1)
    rising = Curves(valid_accuracy=[[0.1, 0.2, 0.3, 0.4]])
    assert jumps(rising, "") == 0


def test_overfitting_is_the_rise_of_the_validation_loss() -> None:
    found = Curves(valid_loss=[[1.0, 0.4, 0.5], [1.0, 0.6, 0.9]])
    assert overfit(found, "") == pytest.approx((0.1 + 0.3) / 2)


def test_samples_to_a_share_of_the_way() -> None:
    found = Curves(valid_accuracy=[[0.85, 0.95, 0.95], [0.7, 0.7, 0.7]])
    first, second = samples_to(found, "", 0.5, 0.75)
    assert first == pytest.approx(100)
    assert second == 300


def test_mean_and_spread_are_percentages() -> None:
    assert mean_and_spread(np.array([0.9])) == "90.00 %"
    assert mean_and_spread(np.array([0.8, 0.9]), 1) == "85.0 % ± 7.1"


def test_the_noted_command_does_not_say_where_things_lay() -> None:
    words = [
        "reproduce",
        "stride",
        "--runs",
        "/here/runs",
        "--quick",
        "--data=/there",
        "--seeds",
        "2",
    ]
    assert reproduce._command(words) == "lasagnette reproduce stride --quick --seeds 2"
