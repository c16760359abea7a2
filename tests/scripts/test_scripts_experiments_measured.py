"""Experiments that train nothing, on drawn faces: bright discs, and nets that look for these."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

import scripts.bench_acts
from augment.calibration import CLASSES
from augment.samples import Batch
from cascade import bundle
from cascade.bundle import Cascade, Net, Stage
from lasagnette.layers import Layer
from nets.plan import INPUT, Plan, Step
from nets.scaling import Scaling
from scripts.experiments import (
    augmentation_server,
    batched_windows,
    cascade,
    experiment,
    levels,
    stride,
    turns,
)
from scripts.experiments.photographs import Photographs, curve_line, rates
from scripts.experiments.recipe import Bench, Measured, Outcome

NAMES = ("augmentation-server", "levels", "stride", "batched-windows", "cascade")
ROWS, COLUMNS = 90, 120
RADIUS = 16  # of a disc; the square of its area has a side of 28 pixels


def picture(number: int, discs: Sequence[tuple[int, int]]) -> np.ndarray:
    """A dark picture of noise with bright discs at (x, y)."""
    rng = np.random.default_rng(number)
    image = rng.integers(0, 60, (ROWS, COLUMNS, 3), dtype=np.uint8)
    for middle in discs:
        cv2.circle(image, middle, RADIUS, (250, 250, 250), -1)
    return image


def fddb_fold(folder: Path, fold: int, count: int) -> None:
    """Photographs of a fold, with a face each; every third has two."""
    (folder / "FDDB-folds").mkdir(parents=True, exist_ok=True)
    lines = []
    for number in range(count):
        discs = [(35 + number % 20, 40)] + [(90, 50)] * (number % 3 == 0)
        name = f"2002/08/{fold:02d}/big/img_{number}"
        path = folder / "originalPics" / f"{name}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture(100 * fold + number, discs)).save(path, quality=95)
        ellipses = [f"{RADIUS} {RADIUS} 0 {x} {y} 1" for x, y in discs]
        lines += [name, str(len(discs)), *ellipses]
    text = "\n".join(lines) + "\n"
    (folder / "FDDB-folds" / f"FDDB-fold-{fold:02d}-ellipseList.txt").write_text(text)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Folds 01, 04 and 06 of drawn photographs, a photograph to show and a published curve."""
    root = tmp_path / "data"
    for fold, count in ((1, 4), (4, 20), (6, 61)):
        fddb_fold(root / "fddb", fold, count)
    (root / "fddb" / "near_duplicates.csv").write_text("image_a,fold_a,image_b,fold_b\n")
    (root / "demo").mkdir()
    Image.fromarray(picture(0, [(60, 45)])).save(root / "demo" / "disc.png")
    (root / "demo" / "LICENSES.txt").write_text("drawn\n")
    (root / "roc").mkdir()
    (root / "roc" / "CasCNN-DiscROC.txt").write_text("0.85 1000 0.5\n0.7 0 0.9\n")
    return root


def disc_net(side: int) -> Net:
    """A face is what is bright in the middle and dark in the corners."""
    cells = side // 2
    places = (np.arange(cells) + 0.5) / cells - 0.5
    away = np.hypot(*np.meshgrid(places, places))
    inside, outside = away < 0.5, away > 0.58
    weights = 10 * (inside / inside.sum() - outside / outside.sum()).ravel()
    steps = [Step("conv", [INPUT], "conv", relu=True, pool=True), Step("dense", ["conv"], "dense")]
    arrays = {
        "conv.W": np.full((1, 3, 3, 3), 1 / 27),
        "conv.b": np.ones(1),
        "dense.W": np.stack([-weights, weights], axis=1),
        "dense.b": np.array([5.0, -5.0]),
    }
    return Net(f"disc{side}", Plan(side, steps, arrays), Scaling())


def still_net(side: int) -> Net:
    """A calibration net that is sure that every frame lies well."""
    (neutral,) = np.flatnonzero((CLASSES == [1, 0, 0]).all(axis=1))
    bias = np.zeros(len(CLASSES))
    bias[neutral] = 50
    arrays = {"dense.W": np.zeros((3 * side * side, len(CLASSES))), "dense.b": bias}
    plan = Plan(side, [Step("dense", [INPUT], "dense")], arrays)
    return Net(f"disc{side}_cal", plan, Scaling())


@pytest.fixture
def discs(monkeypatch: pytest.MonkeyPatch) -> Cascade:
    """Nets that find discs, in the place of the packaged cascade that never saw the report side."""
    made = Cascade(
        tuple(Stage(disc_net(side), 0.3, still_net(side), 0.3) for side in (12, 24, 48)),
        stride=2,
        factor=1.2,
    )

    def load(path: Path) -> Cascade:
        assert path.name == "cascade-split.h5"
        return made

    monkeypatch.setattr(bundle, "load", load)
    return made


def measure(name: str, data: Path) -> tuple[Outcome, list[str]]:
    """A first look, and what was said of it."""
    described = experiment(name)
    assert isinstance(described, Measured)
    assert described.name == name
    said: list[str] = []
    folder = data.parent / name
    folder.mkdir()
    outcome = described.measure(Bench(data, folder, quick=True, threads=1, say=said.append))
    assert not list(folder.iterdir()), "nothing of the photographs is left"
    check(outcome)
    return outcome, said


def check(outcome: Outcome) -> None:
    """What every outcome keeps to."""
    assert outcome.figure.endswith((".", ").")), outcome.figure
    assert "nan" not in f"{outcome}".lower()
    for table in outcome.tables:
        assert {len(row) for row in table.rows} == {len(table.columns)}, table.caption
    for plot in outcome.plots:
        for panel in plot.panels:
            for line in panel.lines:
                assert len(line.x) == len(line.y) > 0
                assert panel.labels is None or len(panel.labels) == len(line.x)
                assert not panel.log_x or min(line.x) > 0


def test_photographs(data: Path) -> None:
    said: list[str] = []
    photographs = Photographs.reporting(data, said.append, every=3)
    assert len(photographs.records) == 21
    assert all(len(record.ellipses) == 2 for record in photographs.crowded().records)
    assert [record.name[-6:] for record in photographs.first(3).records] == [
        *("/img_0", "img_30", "img_60")
    ]
    (data / "fddb" / photographs.records[1].path).write_bytes(b"damaged")
    read = list(photographs)
    assert len(read) == 20
    assert "img_3: left out" in said[0]
    _, image, faces = read[0]
    assert image.shape == (ROWS, COLUMNS, 3)
    side = RADIUS * math.sqrt(math.pi)
    np.testing.assert_allclose(faces[0], [35 - side / 2, 40 - side / 2, side, side], atol=0.01)


def test_a_damaged_photograph_counts_for_nothing(data: Path, discs: Cascade) -> None:
    from scripts.experiments.photographs import search

    photographs = Photographs.reporting(data, lambda _: None, every=10)
    whole = search(discs, photographs).curve()
    (data / "fddb" / photographs.records[0].path).write_bytes(b"damaged")
    rest = search(discs, photographs).curve()
    assert (whole.images, rest.images) == (7, 6)
    assert whole.faces - rest.faces == 2
    assert rates(rest)[-1] == "100.0 %"


def test_a_curve_as_a_line(data: Path, discs: Cascade) -> None:
    from cascade.evaluation import Roc

    curve = Roc(
        np.array([0.9, 0.8, 0.7, 0.6, 0.5]),
        np.array([0, 1, 2, 20, 90]),
        np.array([0.5, 0.6, 0.7, 0.8, 0.9]),
        np.zeros(5),
        images=20,
        faces=10,
    )
    line = curve_line("ours", curve)
    assert line.x == [0.05, 0.1, 1.0, 1.0]
    assert line.y == [0.6, 0.7, 0.8, 0.8]
    assert rates(curve) == ("50.0 %", "60.0 %", "70.0 %", "80.0 %")


def test_the_cascade(data: Path, discs: Cascade) -> None:
    outcome, _ = measure("cascade", data)
    assert outcome.verdict == "partly", "in photographs so small there are not that many windows"
    assert outcome.figure == (
        "100.0 % of the faces at 0.35 false positives per photograph (4 photographs, 6 faces)."
    )
    given, steps = outcome.tables
    assert given.rows[0][:3] == ("all photographs", "4", "6")
    assert given.rows[1][:3] == ("two faces or more", "2", "4")
    assert steps.rows[0][0] == "windows"
    assert steps.rows[1][0] == "detect 1: disc12"
    assert steps.rows[1][4:] == ("426.9", "93.9 %")
    (panel,) = outcome.plots[0].panels
    assert [(line.name, line.dashed) for line in panel.lines] == [
        ("ours, all photographs", False),
        ("ours, two faces or more", False),
        ("Cascade CNN, 2015", True),
    ]
    (drawn,) = outcome.examples
    assert drawn.name == "stages-disc"
    assert drawn.image.ndim == 3


def test_levels(data: Path, discs: Cascade) -> None:
    outcome, said = measure("levels", data)
    few, many = outcome.tables
    assert [row[0] for row in few.rows] == [
        *("small alone", "large alone", "two levels", "three levels")
    ]
    assert {row[3] for row in few.rows} == {"100.0 %"}
    windows = few.rows[0][6]
    seen = [row[6:] for row in few.rows]
    assert seen[0] == (windows, "", "")
    assert seen[1] == ("", "", windows), "the large net alone looks at every window"
    assert seen[2][:2] == (windows, "")
    assert seen[2][2] == seen[3][1], "what the small net left is what the next one sees"
    assert 0 < float(seen[3][1]) < float(windows.replace(",", "")) / 5
    assert [row[0] for row in many.rows] == ["small alone", "two levels", "three levels"]
    assert "three levels on 6 photographs ..." in said
    assert "The large net alone takes" in outcome.because


def test_stride(data: Path, discs: Cascade) -> None:
    outcome, _ = measure("stride", data)
    (table,) = outcome.tables
    assert [row[1] for row in table.rows] == ["2", "4", "6", "8"] * 2
    windows = [int(row[2].replace(",", "")) for row in table.rows]
    assert windows[:4] == windows[4:]
    assert windows[0] > 3 * windows[1] > 3 * windows[2] > 3 * windows[3]
    assert [row[2:] for row in table.rows[:4]] == [row[2:] for row in table.rows[4:]], (
        "these calibration nets move nothing"
    )
    assert table.rows[0][3:5] == ("100.0 %", "100.0 %")
    assert outcome.verdict == "not reproduced"


def test_batched_windows(data: Path, discs: Cascade) -> None:
    outcome, _ = measure("batched-windows", data)
    (table,) = outcome.tables
    assert [row[1] for row in table.rows] == ["8", "8", "8"]
    assert all(float(cell) > 0 for row in table.rows for cell in row[2:5])


class Still:
    """A trainer that learns nothing."""

    def __init__(self, layer: Layer, scaling: Scaling) -> None:
        pass

    def step(self, batch: Batch, rate: float) -> None:
        assert batch.images.shape == (512, 3, 12, 12)


def test_the_augmentation_server(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scripts.bench_acts, "Trainer", Still)
    outcome, _ = measure("augmentation-server", data)
    (table,) = outcome.tables
    assert [row[1] for row in table.rows] == [
        *("one minibatch again and again", "between the steps", "one thread"),
        *("server, 1 worker", "server, 2 workers"),
    ]
    waiting = [float(row[4].split()[0]) for row in table.rows]
    assert waiting[0] < 50 < waiting[1], "steps that take nothing wait for whatever is made"
    assert "copies of FDDB photographs" in table.caption


def acts(*waiting: float, rates: Sequence[float]) -> list[augmentation_server.Act]:
    return [
        augmentation_server.Act(f"act {number}", rate, share, rate, rate)
        for number, (share, rate) in enumerate(zip(waiting, rates, strict=True))
    ]


@pytest.mark.parametrize(
    ("waiting", "rates", "verdict", "words"),
    [
        ((0, 0.4, 0.3, 0.05), (9, 5, 6, 8), "reproduced", "leaves 75 % of the waiting (hardly"),
        ((0, 0.4, 0.1, 0.05), (9, 5, 7, 8), "partly", "(a help, unlike in the article)"),
        ((0, 0.4, 0.3, 0.2), (9, 5, 6, 8), "partly", "20.0 % of the time (not as rarely"),
        ((0, 0.4, 0.3, 0.05), (9, 5, 8, 6), "partly", "the training is not faster"),
        ((0, 0.4, 0.1, 0.2), (9, 5, 8, 6), "not reproduced", "(a help"),
    ],
)
def test_the_servers_verdict(
    waiting: tuple[float, ...], rates: tuple[float, ...], verdict: str, words: str
) -> None:
    found, why = augmentation_server.judge(acts(*waiting, rates=rates))
    assert found == verdict
    assert words in why


def test_acts_are_medians_over_the_rounds() -> None:
    turns = [{"seconds": s, "waited": w} for s, w in ((1.0, 0.5), (2.0, 0.2), (4.0, 1.0))]
    numbers: dict[str, Any] = {
        "batch_size": 10,
        "steps": 2,
        "turns": {str(number): turns for number in range(5)},
    }
    act = augmentation_server.acts_of(numbers)[3]
    assert act == augmentation_server.Act("server, 1 worker", 10.0, 0.25, 5.0, 20.0)


def case(one: Sequence[float], within: Sequence[float], across: Sequence[float]) -> Any:
    ways = dict(zip(batched_windows.WAYS, (one, within, across), strict=True))
    return batched_windows.Case("some", 10, ways)


def test_the_batches_verdict() -> None:
    fast, slow = case([1.4, 3.0, 1.3], [1.2, 1, 1], [1, 1, 1]), case([1], [1.0], [0.9])
    assert fast.milliseconds(batched_windows.ONE) == pytest.approx(140)
    assert fast.gain(batched_windows.ACROSS) == pytest.approx(0.4)
    assert fast.gain(batched_windows.WITHIN) == pytest.approx(0.3)
    assert batched_windows.judge([fast, fast])[0] == "reproduced"
    assert batched_windows.judge([fast, slow])[0] == "partly"
    verdict, why = batched_windows.judge([slow])
    assert verdict == "not reproduced"
    assert why.startswith(
        "Full batches gain 11 % (0 % where they end with the photograph: filling them across "
        "photographs makes +11 %)"
    )


@pytest.mark.parametrize(
    ("frames", "recall", "verdict"),
    [
        (1.2, 0.9, "reproduced"),
        (1.2, 0.8, "partly"),
        (9.0, 0.9, "partly"),
        (1.2, 0.7, "not reproduced"),
    ],
)
def test_the_cascades_verdict(frames: float, recall: float, verdict: str) -> None:
    first, last = {"frames": 4000.0, "recall": None}, {"frames": frames, "recall": recall}
    found, why = cascade.judge(first, last)
    assert found == verdict
    assert f"Of 4,000 windows in a photograph {frames} are left" in why


def level(name: str, recall: float, strict: float, milliseconds: float) -> levels.Level:
    return levels.Level(name, recall, strict, milliseconds, {})


@pytest.mark.parametrize(
    ("small", "large", "three", "verdict", "words"),
    [
        (0.7, 900.0, 8.0, "reproduced", "takes 112 times as long"),
        (0.9, 900.0, 8.0, "partly", "not what the article says"),
        (0.7, 900.0, 12.0, "partly", "the middle net does not pay"),
        (0.9, 30.0, 12.0, "not reproduced", "takes 2 times as long"),
    ],
)
def test_the_levels_verdict(
    small: float, large: float, three: float, verdict: str, words: str
) -> None:
    found, why = levels.judge(
        [
            level(levels.SMALL, 0.9, small, 3),
            level(levels.LARGE, 0.95, 0.9, large),
            level(levels.TWO, 0.94, 0.91, 10),
            level(levels.THREE, 0.93, 0.92, three),
        ]
    )
    assert found == verdict
    assert words in why


def steps(moved: Sequence[float], still: Sequence[float]) -> list[stride.Step]:
    return [
        stride.Step(calibrated, pixels, 16000 / pixels**2, 1, recall, recall)
        for calibrated, recalls in ((True, moved), (False, still))
        for pixels, recall in zip(stride.STRIDES, recalls, strict=True)
    ]


@pytest.mark.parametrize(
    ("moved", "still", "verdict", "words"),
    [
        (
            (0.98, 0.98, 0.975, 0.9),
            (0.975, 0.96, 0.9, 0.5),
            "reproduced",
            "by up to 6 pixels of 12 (444 windows in a photograph) with calibration and by up to 2",
        ),
        ((0.98, 0.98, 0.9, 0.9), (0.9, 0.9, 0.8, 0.5), "reproduced", "by no step that was tried"),
        ((0.98, 0.96, 0.96, 0.9), (0.9, 0.9, 0.8, 0.5), "partly", "by up to 2 pixels"),
        ((0.99, 0.97, 0.96, 0.9), (0.985, 0.9, 0.8, 0.5), "partly", "by up to 2 pixels"),
        ((0.98, 0.97, 0.9, 0.9), (0.98, 0.98, 0.8, 0.5), "not reproduced", "by up to 4 pixels"),
    ],
)
def test_the_strides_verdict(
    moved: Sequence[float], still: Sequence[float], verdict: str, words: str
) -> None:
    found, why = stride.judge(steps(moved, still))
    assert found == verdict
    assert words in why


def test_ways_take_turns() -> None:
    called: list[str] = []
    seconds = turns.in_turns({name: lambda name=name: called.append(name) for name in "ab"}, 2)
    assert called == ["a", "b"] * 3, "once before the clock runs"
    assert {name: len(values) for name, values in seconds.items()} == {"a": 2, "b": 2}


def test_all_five_are_described() -> None:
    for name in NAMES:
        described = experiment(name)
        assert all((described.title, described.source, described.claim, described.method))
