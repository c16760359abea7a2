"""`lasagnette runs`: the list, the curves in the terminal, other programs' files."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from monitor.runlog import RunLog, open_run
from scripts.runs_braille import draw
from scripts.runs_curves import panels
from scripts.runs_import import OWN, event_folders
from scripts.runs_rows import fitting_tag, rebin
from scripts.tensorboard_write import EventFile

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs: one with everything, one in a subfolder, and one with curves of its own names."""
    folder = tmp_path_factory.mktemp("runs")
    with RunLog(folder / "net12", {"epochs": 3}) as log:
        for step in range(300):
            log.scalar("train/loss", 1 / (step + 1) if step != 7 else math.nan, step, step / 100)
            log.scalar("train/accuracy", 1 - 1 / (step + 1), step, step / 100)
            if step % 100 == 99:
                log.scalar("valid/accuracy", step / 300, step, step / 100)
        log.scalar("queue/depth", 3, 299)
        log.picture("crops", np.zeros((20, 30, 3), np.uint8), 5)
        log.picture("crops", np.full((20, 30, 3), 200, np.uint8), 6)
        log.histogram("weights", np.arange(640), 5)
        log.text("halved: 0,5 → 0,25", 6)
    with RunLog(folder / "nested" / "net24") as log:
        log.scalar("valid/accuracy", 0.75, 3)
    with RunLog(folder / "other") as log:
        for step in range(3):
            log.scalar("depth [m]", step, step)
    os.utime(folder / "net12" / "seg-000.h5", (1, 1_800_000_000))
    return folder


def test_the_list(lasagnette: Run, folder: Path) -> None:
    outcome = lasagnette("runs", folder)
    assert (outcome.code, outcome.stderr) == (0, "")
    lines = [line.split() for line in outcome.stdout.splitlines() if "finished" in line]
    rows = {line[0]: line[1:] for line in lines}
    assert rows["net12"][:5] == ["finished", "0.9967", "299", "0.9967", "299"]
    assert rows["nested/net24"][:5] == ["finished", "0.75", "3", "0.75", "3"]
    assert rows["nested/net24"][-1] == "valid/accuracy"
    assert list(rows)[-1] == "net12" or rows["net12"][5:]  # the clock of the machine may be past it
    one = lasagnette("runs", "list", folder / "nested")
    assert "best and last valid/accuracy" in one.stdout


def test_the_latest_comes_first(lasagnette: Run, tmp_path: Path) -> None:
    for age, name in ((100, "b"), (5, "c"), (4000, "a")):
        with RunLog(tmp_path / name) as log:
            log.scalar("loss", 1, 1)
        now = (tmp_path / name / "seg-000.h5").stat().st_mtime
        os.utime(tmp_path / name / "seg-000.h5", (0, now - age))
    lines = lasagnette("runs", tmp_path).stdout.splitlines()
    assert [line.split()[0] for line in lines if "finished" in line] == ["c", "b", "a"]
    assert "1 h 6 min" in lines[-1] or "1 h 6 min" in lines[-2]


def test_a_list_of_none(lasagnette: Run, tmp_path: Path) -> None:
    for place, code in ((tmp_path, 0), (tmp_path / "nowhere", 1)):
        outcome = lasagnette("runs", place)
        assert outcome.code == code
        assert outcome.stdout == ""
        assert f"There are no runs in {place}" in outcome.stderr


def test_damage_is_named_and_the_others_are_shown(lasagnette: Run, tmp_path: Path) -> None:
    for name in ("good", "evil\x1b[2J"):
        with RunLog(tmp_path / name) as log:
            log.scalar("loss", 1, 1)
    path = tmp_path / "evil\x1b[2J" / "seg-000.h5"
    path.write_bytes(path.read_bytes()[:600] + bytes(3000))
    outcome = lasagnette("runs", tmp_path)
    assert outcome.code == 0
    assert "\x1b" not in outcome.stdout
    assert "evil?[2J: seg-000.h5 was not read to its end" in outcome.stdout
    assert any(line.split()[:2] == ["good", "finished"] for line in outcome.stdout.splitlines())


def test_a_run_is_shown(lasagnette: Run, folder: Path) -> None:
    outcome = lasagnette("runs", "show", "net12", "--runs", folder)
    assert (outcome.code, outcome.stderr) == (0, "")
    assert outcome.stdout.startswith("net12: finished\nstarted ")
    assert "step 299, epoch 2.99" in outcome.stdout
    assert "best valid/accuracy 0.9967 at step 299" in outcome.stdout
    drawn = [line.strip() for line in outcome.stdout.splitlines() if "⣿ " in line]
    assert drawn == [
        "⣿ train/loss (1 points not finite)",
        "⣿ train/accuracy",
        "⣿ valid/accuracy",
    ]
    assert "pictures: crops" in outcome.stdout
    (line,) = [line for line in outcome.stdout.splitlines() if line.startswith(" train/loss")]
    assert line.split()[1:] == ["300", "0.003333", "0.003333", "299", "1", "0"]


def test_other_axes_and_curves(lasagnette: Run, folder: Path) -> None:
    words = ("runs", "show", "net12", "--runs", folder, "--tag", "*/accuracy")
    outcome = lasagnette(*words, "--x", "epoch", "--from", 100, "--smooth", 0.9, "--log")
    assert outcome.code == 0
    assert "⣿ train/loss" not in outcome.stdout
    assert "epoch 1 " in outcome.stdout
    assert "epoch 2.99" in outcome.stdout
    only = lasagnette("runs", "show", "other", "--runs", folder)
    assert "⣿ depth [m]" in only.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("show", "net13"), "there is no run 'net13'; it has net12"),
        (("show", "net12", "--tag", "x*"), "has no curve 'x*'; it has train/loss, train/accuracy"),
        (
            ("show", "net12", "--tag", "queue/*", "--x", "epoch"),
            "no points to draw along the epoch",
        ),
        (("export", "net12"), "Say what to write: --csv, --png or --tensorboard"),
    ],
)
def test_what_is_not_there_is_a_sentence(
    lasagnette: Run, folder: Path, words: tuple[str, ...], message: str
) -> None:
    outcome = lasagnette("runs", *words, "--runs", folder)
    assert outcome.code in (1, 2)
    assert message in outcome.stderr


def test_a_run_is_found_by_its_end_or_its_path(lasagnette: Run, folder: Path) -> None:
    for wanted in ("nested/net24", "net24", folder / "nested" / "net24"):
        outcome = lasagnette("runs", "show", wanted, "--runs", folder)
        assert outcome.code == 0
        assert "best valid/accuracy 0.75 at step 3" in outcome.stdout


def test_csv_holds_every_point(lasagnette: Run, folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "curves.csv"
    outcome = lasagnette("runs", "export", "net12", "--runs", folder, "--csv", path)
    assert (outcome.code, outcome.stdout) == (0, "")
    with open(path, encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    run = open_run(folder / "net12")
    for tag in run.tags:
        mine = [row for row in rows if row["tag"] == tag]
        series = run.scalars(tag)
        assert [int(row["step"]) for row in mine] == series.step.tolist()
        np.testing.assert_array_equal([float(row["value"]) for row in mine], series.value)
        np.testing.assert_array_equal([float(row["time"]) for row in mine], series.time)
        epochs = [float(row["epoch"] or "nan") for row in mine]
        np.testing.assert_array_equal(epochs, series.epoch)
    printed = lasagnette(
        *("runs", "export", "net12", "--runs", folder, "--csv", "-", "--tag", "queue/*")
    )
    first, second = printed.stdout.splitlines()
    assert first == "tag,step,epoch,time,value"
    assert second.startswith("queue/depth,299,,1")


def test_png(lasagnette: Run, folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "curves.png"
    words = ("runs", "export", "net12", "--runs", folder, "--png", path)
    assert lasagnette(*words).code == 0
    with Image.open(path) as picture:
        two = picture.size
        pixels = np.asarray(picture.convert("RGB"))
    assert np.abs(pixels.astype(int) - (0x00, 0x72, 0xB2)).max(-1).min() < 40  # the curve's blue
    assert lasagnette(*words, "--tag", "train/loss", "--smooth", 0.5, "--log").code == 0
    with Image.open(path) as picture:
        assert picture.width == two[0]
        assert picture.height < two[1]
    assert list(tmp_path.iterdir()) == [path]


def test_to_tensorboard_and_back(lasagnette: Run, folder: Path, tmp_path: Path) -> None:
    logs, back = tmp_path / "logs" / "first", tmp_path / "back"
    assert lasagnette("runs", "export", "net12", "--runs", folder, "--tensorboard", logs).code == 0
    outcome = lasagnette("runs", "import", tmp_path / "logs", "--runs", back)
    assert outcome.code == 0
    assert outcome.stdout == (
        f"{back / 'logs' / 'first'}: 604 points, 1 histograms, 2 pictures, 1 texts\n"
    )
    old, new = open_run(folder / "net12"), open_run(back / "logs" / "first")
    assert new.status == "finished"
    assert new.tags == old.tags
    assert new.problems == []
    for tag in old.tags:
        before, after = old.scalars(tag), new.scalars(tag)
        np.testing.assert_array_equal(after.step, before.step)
        np.testing.assert_array_equal(after.time, before.time)
        np.testing.assert_allclose(after.value, before.value, rtol=1e-7)
    for one, other in zip(old.pictures("crops"), new.pictures("crops"), strict=True):
        assert old.media(one.media).encoded == new.media(other.media).encoded
        assert (one.step, one.time) == (other.step, other.time)
    for mine, theirs in zip(old.histograms("weights"), new.histograms("weights"), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert [note.text for note in new.texts()] == ["notes: halved: 0,5 → 0,25"]
    assert new.info["started"] == float(old.scalars("train/loss").time[0])
    assert new.info["imported"]["from"] == str(logs)
    assert new.folder.joinpath("seg-000.h5").stat().st_mtime < old.texts()[0].time + 60
    again = lasagnette("runs", "import", tmp_path / "logs", "--runs", back)
    assert again.code == 1
    assert "exists; delete it, or give --name" in again.stderr
    other = lasagnette("runs", "import", tmp_path / "logs", "--runs", back, "--name", "copy")
    assert other.stdout.startswith(f"{back / 'copy' / 'first'}: ")
    shown = lasagnette("runs", back)
    assert {line.split()[0] for line in shown.stdout.splitlines() if "finished" in line} == {
        "logs/first",
        "copy/first",
    }


def test_folders_of_event_files_become_runs_of_their_own(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    names = ("", "train", "valid", ".hidden", "a/b/c/d/e")
    for name in names:
        with EventFile(logs / name, 5, "host"):
            pass
    with EventFile(logs / "train", 6, "host"):
        pass
    (logs / "train" / "checkpoint").touch()
    found = event_folders(logs)
    assert {name: len(files) for name, files in found.items()} == {
        f"logs/{OWN}": 1,
        "logs/train": 2,
        "logs/valid": 1,
        "logs/a/b/c-d-e": 1,
    }
    assert [file.name[-6:] for file in found["logs/train"]] == ["5.host", "6.host"]
    (file,) = event_folders(logs / "valid")["valid"]
    assert event_folders(file, "new/one") == {"new/one": [file]}


def test_a_restart_supersedes_and_a_second_writer_does_not(lasagnette: Run, tmp_path: Path) -> None:
    from scripts.tensorboard_records import frame
    from scripts.tensorboard_wire import put

    logs = tmp_path / "logs"
    with EventFile(logs, 1000, "a") as first:
        for step in range(10):
            first.scalar("loss", step, 1000 + step, 1)
    with EventFile(logs, 2000, "b") as second:
        for step in range(3):
            second.scalar("valid", step, 2000 + step, 2)
    started = frame(put(1, 3000.0, "d") + put(2, 5) + put(7, put(1, 1)))
    with EventFile(logs, 3000, "c") as third:
        third._file.write(started)
        for step in range(5, 8):
            third.scalar("loss", step, 3000 + step, 3)
    assert lasagnette("runs", "import", logs, "--runs", tmp_path / "runs").code == 0
    run = open_run(tmp_path / "runs" / "logs")
    assert run.scalars("loss").value.tolist() == [1] * 5 + [3] * 3
    assert run.scalars("loss", ghosts=True).step.tolist() == [5, 6, 7, 8, 9]
    assert run.scalars("valid").step.tolist() == [0, 1, 2]
    assert run.status == "finished"


def test_what_has_no_place_is_counted(lasagnette: Run, tmp_path: Path) -> None:
    from scripts.tensorboard_records import frame
    from scripts.tensorboard_wire import put

    with EventFile(tmp_path / "logs", 1000, "a") as file:
        file.scalar("loss", 2**63 + 5, 1000, 1)  # a negative number to its readers
        file.picture("moving", 1, 1000, b"GIF89a", (4, 4))
        file._file.write(frame(put(4, b"graph")))
    (path,) = (tmp_path / "logs").iterdir()
    empty = lasagnette("runs", "import", tmp_path / "logs", "--runs", tmp_path / "runs")
    assert empty.code == 1
    assert "hold no curves, pictures, histograms or texts" in empty.stderr
    assert list((tmp_path / "runs").iterdir()) == []
    with EventFile(tmp_path / "logs", 2000, "a") as file:
        file.scalar("x" * 200 + "\n", 3, math.nan, 1)
    later = (tmp_path / "logs") / "events.out.tfevents.2000.a"
    later.write_bytes(later.read_bytes() + b"\x01")
    os.utime(later, (5, 5))
    outcome = lasagnette("runs", "import", tmp_path / "logs", "--runs", tmp_path / "runs")
    assert outcome.code == 0
    assert "entries with a negative step" in outcome.stderr
    assert "1 pictures that are neither PNG nor JPEG" in outcome.stderr
    assert "1 graphs" in outcome.stderr
    assert "is cut off" in outcome.stderr
    assert path.name in [p.name for p in (tmp_path / "logs").iterdir()]
    run = open_run(tmp_path / "runs" / "logs")
    (tag,) = run.tags
    assert tag == fitting_tag("x" * 200 + "\n")
    assert run.scalars(tag).time.tolist() == [5.0]


def test_no_event_files(lasagnette: Run, tmp_path: Path) -> None:
    outcome = lasagnette("runs", "import", tmp_path, "--runs", tmp_path / "runs")
    assert outcome.code == 1
    assert "holds no event files of TensorBoard" in outcome.stderr


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=300))
def test_every_tag_fits(tag: str) -> None:
    fitting = fitting_tag(tag)
    assert 1 <= len(fitting.encode()) <= 128
    assert fitting.isprintable()
    if tag and tag.isprintable() and len(tag.encode()) <= 128:
        assert fitting == tag


@settings(deadline=None)
@given(
    st.lists(st.floats(-1e300, 1e300), min_size=2, max_size=30),
    st.integers(0, 2**32 - 1),
)
def test_rebinning_keeps_the_sum_and_the_place(edges: list[float], seed: int) -> None:
    counts = np.random.default_rng(seed).integers(0, 9, len(edges) - 1)
    lowest, highest, bins = rebin(np.sort(edges), counts.astype(float))
    assert bins.sum() == counts.sum()
    assert (bins >= 0).all()
    if counts.any():
        assert min(edges) <= lowest <= highest <= max(edges)
    else:
        assert math.isnan(lowest)


def test_rebinning_what_is_already_equal_changes_nothing() -> None:
    counts = np.arange(1, 65)
    lowest, highest, bins = rebin(np.linspace(-2, 2, 65), counts)
    assert (lowest, highest) == (-2, 2)
    np.testing.assert_array_equal(bins, counts)
    spread = rebin(np.array([0.0, 1.0, 3.0]), np.array([64.0, 0.0]))
    assert spread[:2] == (0.0, 1.0)
    np.testing.assert_array_equal(spread[2], np.ones(64))
    assert rebin(np.array([5.0, 5.0]), np.array([7.0]))[2][0] == 7
    assert math.isnan(rebin(np.array([0.0, math.nan]), np.array([7.0]))[0])


def _picture(x: np.ndarray, y: np.ndarray, columns: int, rows: int) -> list[str]:
    drawing = draw([(x, y)], columns, rows)
    return ["".join(letter for letter, _ in row) for row in drawing.cells]


def test_braille() -> None:
    rising = _picture(np.arange(4.0), np.arange(4.0), 2, 1)
    assert rising == ["⡠⠊"]
    flat = draw([(np.array([0.0, 10.0]), np.array([5.0, 5.0]))], 3, 1)
    assert "".join(letter for letter, _ in flat.cells[0]) in ("⠤⠤⠤", "⠒⠒⠒")
    assert flat.y[0] < 5 < flat.y[1]
    both = draw(
        [(np.arange(2.0), np.zeros(2)), (np.arange(2.0), np.ones(2))],
        columns=2,
        rows=2,
    )
    assert [{owner for _, owner in row} for row in both.cells] == [{1}, {0}]
    # A noisy curve is one line, not a filled band.
    noise = np.where(np.arange(10_000) % 2, 1.0, 0.0)
    beside = (np.array([0.0, 9999.0]), np.array([0.0, 1.0]))
    rows = draw([beside, (np.arange(10_000.0), noise)], columns=20, rows=10).cells
    assert sum(any(owner == 1 for _, owner in row) for row in rows) <= 2


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(-1e308, 1e308), st.floats(-1e308, 1e308)), min_size=1, max_size=200
    )
)
def test_any_curve_is_drawn_connected(points: list[tuple[float, float]]) -> None:
    x, y = np.array(sorted(points)).T
    drawing = draw([(x, y)], 10, 4)
    columns = [
        any(letter != "⠀" for letter in column)
        for column in zip(*[[cell[0] for cell in row] for row in drawing.cells], strict=True)
    ]
    assert any(columns)
    if x[0] < x[-1]:
        assert all(columns)


def test_panels_join_training_and_validation(folder: Path) -> None:
    run = open_run(folder / "net12")
    drawn = panels(run)
    assert [(panel.name, [curve.tag for curve in panel.curves]) for panel in drawn] == [
        ("loss", ["train/loss"]),
        ("accuracy", ["train/accuracy", "valid/accuracy"]),
    ]
    assert drawn[0].curves[0].lost == 1
    (panel,) = panels(run, ["train/loss"], along="time", begin=100, smoothing=0.5)
    (curve,) = panel.curves
    assert len(curve.x) == 200
    assert 0 <= curve.x[0] <= curve.x[-1] < 60
    assert curve.smooth is not None
    assert curve.smooth[0] == curve.y[0]


def test_colours_put_curves_together(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.console import Console

    import scripts.runs_show
    from monitor.summary import summarise

    out = Console(file=io.StringIO(), width=80, force_terminal=True, color_system="standard")
    monkeypatch.setattr(scripts.runs_show, "console", lambda: out)
    run = open_run(folder / "net12")
    scripts.runs_show.print_run("net12", run, summarise(run), panels(run), along="step", log=False)
    text = out.file.getvalue()
    (line,) = [line for line in text.splitlines() if "⣿ train/accuracy" in line]
    assert "⣿ valid/accuracy" in line
    assert "\x1b[94m" in line
    assert "\x1b[33m" in line
