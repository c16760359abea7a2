"""`lasagnette evaluate fddb`: the figures of detectors whose answers are known."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import cascade.detector
from augment.images import image_size
from cascade.bundle import pretrained
from cascade.detector import Detection
from scripts import evaluate_detectors
from scripts.evaluate_detectors import yunet
from scripts.evaluate_views import make_view
from scripts.fddb_text import read_results, write_results

Run = Callable[..., Any]
FACE = "30.0 22.0 1.57 60.0 50.0  1"  # a square of the same area has a side of 45.5 pixels
SECOND = "10.0 10.0 0 15.0 15.0 1"
NAMES = [f"2002/08/06/big/img_{number}" for number in range(4)]


def fddb_tree(folder: Path, faces: dict[str, list[str]]) -> Path:
    """Fold 6 with grey photographs of 120 x 100 pixels."""
    fddb = folder / "data" / "fddb"
    (fddb / "FDDB-folds").mkdir(parents=True)
    lines = []
    for name, ellipses in faces.items():
        path = fddb / "originalPics" / f"{name}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (120, 100), (90, 90, 90)).save(path)
        lines += [name, str(len(ellipses)), *ellipses]
    (fddb / "FDDB-folds" / "FDDB-fold-06-ellipseList.txt").write_text("\n".join(lines) + "\n")
    return folder / "data"


@pytest.fixture
def fddb(tmp_path: Path) -> Path:
    """One face in three photographs, two in the last."""
    faces = [[FACE], [FACE], [FACE], [FACE, SECOND]]
    return fddb_tree(tmp_path, dict(zip(NAMES, faces, strict=True)))


@pytest.fixture
def damaged(fddb: Path) -> Path:
    """The same, with a photograph whose pixels are cut off behind the header."""
    path = fddb / "fddb" / "originalPics" / f"{NAMES[2]}.jpg"
    path.write_bytes(path.read_bytes()[:-300])
    return fddb


class KnownDetector:
    """Finds the large face, a little to the right, and something false in the second photograph."""

    made: list[dict[str, Any]]
    searched: list[str]

    def __init__(self, cascade: Any = None, **options: Any) -> None:
        self.made.append({"cascade": cascade, **options})

    def detect_many(
        self, items: Iterable[tuple[str, np.ndarray | Exception]]
    ) -> Iterator[tuple[str, Detection | Exception]]:
        for key, image in items:
            self.searched.append(key)
            if isinstance(image, Exception):
                yield key, image
                continue
            scale = image.shape[1] / 120
            boxes = [[37, 26, 48, 48]] + [[0, 70, 20, 20]] * (key == NAMES[1])
            scores = [0.9, 0.8][: len(boxes)]
            yield (
                key,
                Detection(
                    np.array(boxes, np.float32) * np.float32(scale), np.array(scores, np.float32)
                ),
            )


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> type[KnownDetector]:
    class Known(KnownDetector):
        made: list[dict[str, Any]] = []  # noqa: RUF012
        searched: list[str] = []  # noqa: RUF012

    monkeypatch.setattr(cascade.detector, "Detector", Known)
    return Known


def results_of(path: Path, boxes: dict[str, list[list[float]]]) -> Path:
    """A file of results, all of score 0.5."""
    with path.open("w", encoding="utf-8") as stream:
        for name, rows in boxes.items():
            write_results(stream, name, rows, [0.5] * len(rows))
    return path


def test_the_own_detector(
    lasagnette: Run, fddb: Path, tmp_path: Path, known: type[KnownDetector]
) -> None:
    out = tmp_path / "out"
    outcome = lasagnette("evaluate", "fddb", "--folds", "6", "--data", fddb, "--out", out)
    assert outcome.code == 0
    split = str(pretrained("cascade-split"))
    assert known.made == [{"cascade": split, "threshold": 0.001, "min_face": 20}]
    found = json.loads(outcome.stdout)
    (view,) = found["views"]
    assert (found["folds"], view["view"]) == (["06"], "all")
    assert (view["photographs"], view["faces"]) == (4, 5)
    (curve,) = view["curves"]
    assert (curve["detector"], curve["stretch"]) == ("lasagnette", 1)
    # The false detection comes after all others, and is one in four photographs.
    assert [rates["discrete"] for rates in curve["rates"].values()] == [0.8] * 4
    assert 0.4 < curve["rates"]["0.06"]["continuous"] < 0.8
    assert curve["folds"] == {"06": curve["rates"]}
    assert "| all | lasagnette | 1 | 0.800 / 0." in outcome.stderr
    with (out / "roc.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["score"][:3], row["false_positives"]) for row in rows] == [
        ("0.8", "0"),
        ("0.8", "1"),
    ]
    assert rows[1]["per_photograph"] == "0.25"
    assert {image_size(out / f"roc-all{end}.png") for end in ("", "-continuous")} == {(1000, 560)}


def test_a_damaged_photograph_is_left_out_for_all(
    lasagnette: Run, damaged: Path, tmp_path: Path, known: type[KnownDetector]
) -> None:
    other = results_of(tmp_path / "other.txt", {name: [[37, 26, 48, 48]] for name in NAMES})
    words = ("--folds", "6", "--data", damaged, "--ours", "--results", other)
    outcome = lasagnette("evaluate", "fddb", *words)
    assert outcome.code == 1
    assert outcome.stderr.count(f"{NAMES[2]}: left out") == 1
    (view,) = json.loads(outcome.stdout)["views"]
    assert (view["photographs"], view["faces"]) == (3, 4)
    assert [curve["rates"]["1"]["discrete"] for curve in view["curves"]] == [0.75, 0.75]


def test_an_empty_file_is_left_out_without_running_a_detector(
    lasagnette: Run, fddb: Path, tmp_path: Path
) -> None:
    (fddb / "fddb" / "originalPics" / f"{NAMES[2]}.jpg").write_bytes(b"")
    other = results_of(tmp_path / "other.txt", {name: [] for name in NAMES})
    outcome = lasagnette("evaluate", "fddb", "--folds", "6", "--data", fddb, "--results", other)
    assert outcome.code == 1
    assert json.loads(outcome.stdout)["views"][0]["photographs"] == 3


def test_no_photograph_at_all(
    lasagnette: Run, fddb: Path, tmp_path: Path, known: type[KnownDetector]
) -> None:
    for name in NAMES:
        (fddb / "fddb" / "originalPics" / f"{name}.jpg").write_bytes(b"")
    outcome = lasagnette("evaluate", "fddb", "--folds", "6", "--data", fddb)
    assert (outcome.code, outcome.stdout) == (1, "")
    assert "none of the photographs with faces could be evaluated" in outcome.stderr


def test_views(lasagnette: Run, fddb: Path, known: type[KnownDetector]) -> None:
    words = ("--view", "crowded", "--view", "all", "--view", "small", "--view", "all")
    outcome = lasagnette("evaluate", "fddb", "--folds", "6", "--data", fddb, *words)
    assert outcome.code == 0
    views = json.loads(outcome.stdout)["views"]
    found = [(view["view"], view["photographs"], view["faces"]) for view in views]
    assert found == [("crowded", 1, 2), ("all", 4, 5), ("small", 4, 5)]
    rates = [view["curves"][0]["rates"]["1"]["discrete"] for view in views]
    assert rates == [0.5, 0.8, 0.8], "annotations and photographs are scaled together"
    assert known.searched == [NAMES[3], *NAMES[:3], *NAMES], "no photograph twice in one size"


def test_the_small_view_has_a_median_face_of_40_pixels(fddb: Path) -> None:
    from augment.datasets import fddb as reader
    from scripts.evaluate_views import annotation, photographs

    records = reader.load(fddb / "fddb", [6]).records
    view = make_view("small", records)
    assert view.scale == pytest.approx(40 / np.sqrt(np.pi * 30 * 22))
    faces = [annotation(record, (120, 100), view.scale) for record in records]
    sides = [np.sqrt(np.pi * row[0] * row[1]) for one in faces for row in np.array(one.ellipses)]
    assert np.median(sides) == pytest.approx(40)
    assert np.array(faces[0].ellipses)[0, 2:].tolist() == pytest.approx(
        [1.57, 60 * view.scale, 50 * view.scale]
    )
    for (name, image), one, record in zip(
        photographs(fddb / "fddb", records, view.scale), faces, records, strict=True
    ):
        assert name == record.name
        assert isinstance(image, np.ndarray)
        assert image.shape == (one.rows, one.columns, 3) == (88, 105, 3)
    assert np.array(records[0].ellipses)[0, 0] == 30, "the record itself is unchanged"


def test_several_stretches(lasagnette: Run, fddb: Path, tmp_path: Path) -> None:
    """The annotated ellipse is taller than wide, and so is this box when stretched."""
    other = results_of(tmp_path / "flat.txt", {name: [[38, 33, 44, 34]] for name in NAMES})
    words = ("--folds", "6", "--data", fddb, "--results", other, "--stretch", "1.0,1.7,1.0")
    outcome = lasagnette("evaluate", "fddb", *words, "--out", tmp_path / "out")
    assert outcome.code == 0
    one, taller = json.loads(outcome.stdout)["views"][0]["curves"]
    assert (one["stretch"], taller["stretch"], one["detector"]) == (1, 1.7, "flat")
    assert taller["rates"]["1"]["continuous"] > one["rates"]["1"]["continuous"] + 0.1


def test_what_is_written_gives_the_same_curve(
    lasagnette: Run, fddb: Path, tmp_path: Path, known: type[KnownDetector]
) -> None:
    file = tmp_path / "again.txt"
    words = ("evaluate", "fddb", "--folds", "6", "--data", fddb, "--view", "small")
    first = lasagnette(*words, "--write-results", file, "--out", tmp_path / "first")
    second = lasagnette(*words, "--results", file, "--out", tmp_path / "second")
    assert (first.code, second.code) == (0, 0)
    assert list(read_results(file)) == NAMES
    text = (tmp_path / "first" / "roc.csv").read_text()
    assert (tmp_path / "second" / "roc.csv").read_text() == text.replace(",lasagnette,", ",again,")
    assert len(known.made) == 1, "a file alone is evaluated without the detector"
    assert not list(tmp_path.glob(".*.part"))


def test_names_of_files_and_absent_photographs(lasagnette: Run, fddb: Path, tmp_path: Path) -> None:
    box = [37.0, 26.0, 48.0, 48.0]
    named = {f"/home/me/originalPics/{NAMES[0]}.jpg": [box], f"pics/{NAMES[1]}.PNG": [box]}
    other = results_of(tmp_path / "other.txt", named)
    outcome = lasagnette("evaluate", "fddb", "--folds", "6", "--data", fddb, "--results", other)
    assert outcome.code == 0
    assert f"other: 2 of 4 photographs are not in its file, the first is {NAMES[2]}" in (
        outcome.stderr
    )
    (view,) = json.loads(outcome.stdout)["views"]
    assert view["photographs"] == 4
    assert view["curves"][0]["rates"]["1"]["discrete"] == 0.4


def test_ellipses_as_results(lasagnette: Run, fddb: Path, tmp_path: Path) -> None:
    other = results_of(tmp_path / "exact.txt", {name: [[30, 22, 1.57, 60, 50]] for name in NAMES})
    outcome = lasagnette("evaluate", "fddb", "--folds", "6", "--data", fddb, "--results", other)
    (curve,) = json.loads(outcome.stdout)["views"][0]["curves"]
    assert curve["rates"]["0.02"] == {"discrete": 0.8, "continuous": 0.8}


def test_damaged_results(lasagnette: Run, fddb: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text(f"{NAMES[0]}\n2\n1 2 3 4 5\n")
    outcome = lasagnette("evaluate", "fddb", "--folds", "6", "--data", fddb, "--results", other)
    assert (outcome.code, outcome.stdout) == (1, "")
    assert f"ends within the detections of '{NAMES[0]}'" in outcome.stderr


def test_a_peer_runs_beside(
    lasagnette: Run,
    fddb: Path,
    tmp_path: Path,
    known: type[KnownDetector],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Net:
        """The large face, in OpenCV's form; nothing in dark corners."""

        def setInputSize(self, size: tuple[int, int]) -> None:
            self.size = size

        def detect(self, image: np.ndarray) -> tuple[int, np.ndarray | None]:
            assert self.size == (image.shape[1], image.shape[0]) == (120, 100)
            row = np.zeros((1, 15), np.float32)
            row[0, [0, 1, 2, 3, 14]] = 36, 20, 48, 60, 0.5
            return 1, row if image[0, 0, 0] else None

    model = tmp_path / "model.onnx"
    model.touch()
    monkeypatch.setattr("cv2.FaceDetectorYN.create", lambda *values: Net())
    words = ("--folds", "6", "--data", fddb, "--peer", f"yunet={model}")
    outcome = lasagnette("evaluate", "fddb", *words)
    assert outcome.code == 0
    curves = json.loads(outcome.stdout)["views"][0]["curves"]
    assert [curve["detector"] for curve in curves] == ["lasagnette", "yunet"]
    assert curves[1]["rates"]["0.02"]["discrete"] == 0.8
    black = np.zeros((100, 120, 3), np.uint8)
    failed = ValueError("unreadable")
    (_, nothing), (_, error) = yunet(model)([("a", black), ("b", failed)])
    assert error is failed
    assert not isinstance(nothing, Exception)
    assert nothing[0].shape == (0, 4)


def test_a_peer_that_is_no_model(lasagnette: Run, fddb: Path, tmp_path: Path) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(b"no model")
    words = ("--folds", "6", "--data", fddb, "--no-ours", "--peer", f"yunet={model}")
    outcome = lasagnette("evaluate", "fddb", *words)
    assert (outcome.code, outcome.stdout) == (1, "")
    assert "model.onnx: OpenCV" in outcome.stderr
    assert "cannot read this model" in outcome.stderr


def test_a_peer_that_fails_on_a_photograph(
    lasagnette: Run, fddb: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(model: str) -> evaluate_detectors.Runner:
        def run(photos: Any) -> Iterator[tuple[str, Any]]:
            for number, (name, _) in enumerate(photos):
                found = np.array([[36, 20, 48, 60]]), np.array([0.5])
                yield name, RuntimeError("out of luck") if number == 1 else found

        return run

    monkeypatch.setitem(evaluate_detectors.PEERS, "failing", failing)
    words = ("--folds", "6", "--data", fddb, "--no-ours", "--peer", f"failing={__file__}")
    outcome = lasagnette("evaluate", "fddb", *words)
    assert outcome.code == 1
    assert f"{NAMES[1]}: left out (out of luck)" in outcome.stderr
    assert json.loads(outcome.stdout)["views"][0]["photographs"] == 3


@pytest.mark.parametrize(
    ("folds", "sentence"),
    [("6,x", "'6,x' is no list of numbers"), ("6,7", "has no fold 7"), ("7", "no list of folds")],
)
def test_folds_that_are_not_there(lasagnette: Run, fddb: Path, folds: str, sentence: str) -> None:
    outcome = lasagnette("evaluate", "fddb", "--folds", folds, "--data", fddb)
    assert outcome.code in (1, 2)
    assert sentence in outcome.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--stretch 1,x", "'1,x' is no list of positive factors"),
        ("--stretch 0", "'0' is no list of positive factors"),
        ("--view tiny", "'tiny' is not one of"),
        ("--no-ours", "leaves nothing to evaluate"),
        ("--results FILE --min-face 30", "which is not run (add --ours): --min-face"),
        ("--results FILE --write-results x", "--write-results needs the detector"),
        ("--view all --view small --write-results x", "writes one view; got all, small"),
        ("--view all --view small --results FILE", "photographs of one size"),
        ("--results FILE --results FILE", "two detectors are named other"),
        ("--peer haar=FILE", "'haar=FILE' is not NAME=MODEL"),
        ("--peer yunet=absent.onnx", "there is no file 'absent.onnx'"),
    ],
)
def test_wrong_usage(
    lasagnette: Run, fddb: Path, tmp_path: Path, words: str, sentence: str
) -> None:
    results_of(tmp_path / "other.txt", {})
    given = [str(tmp_path / "other.txt") if w == "FILE" else w for w in words.split()]
    outcome = lasagnette("evaluate", "fddb", "--folds", "6", "--data", fddb, *given)
    assert (outcome.code, outcome.stdout) == (2, "")
    assert sentence in " ".join(outcome.stderr.split())


def test_no_photograph_is_crowded(
    lasagnette: Run, tmp_path: Path, known: type[KnownDetector]
) -> None:
    data = fddb_tree(tmp_path, {NAMES[0]: [FACE]})
    outcome = lasagnette("evaluate", "fddb", "--folds", "6", "--data", data, "--view", "crowded")
    assert (outcome.code, outcome.stdout) == (1, "")
    assert "no photograph for the view 'crowded'" in outcome.stderr
