"""What the commands share: data path, compiler flags, progress; and `lasagnette doctor`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

import scripts.data
import scripts.doctor
from cascade import bundle
from lasagnette.ops import kernels
from nets.files import WeightsError
from scripts.computing import without_compiler
from scripts.data import data_folder, find_data
from scripts.progress import Progress

Run = Callable[..., Any]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in the place of the checkout, without the environment's setting."""
    monkeypatch.delenv("LASAGNETTE_DATA", raising=False)
    monkeypatch.setattr(scripts.data, "CHECKOUT", tmp_path / "project")
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


def test_the_data_path(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    beside = checkout.parent / "shared" / "data"
    beside.mkdir(parents=True)
    assert find_data() is None, "no checkout: an installed package looks nowhere"
    (checkout / "setup.py").touch()
    assert find_data() == beside
    monkeypatch.setenv("LASAGNETTE_DATA", "from/environment")
    assert find_data() == Path("from/environment")
    assert find_data("from/option") == Path("from/option")


def test_no_data_is_a_sentence(checkout: Path) -> None:
    with pytest.raises(click.UsageError, match="give --data FOLDER or set LASAGNETTE_DATA"):
        data_folder()
    with pytest.raises(click.UsageError, match="the data folder 'nowhere' does not exist"):
        data_folder("nowhere")


@pytest.mark.parametrize(
    ("before", "after"),
    [(None, "cxx="), ("floatX=float32", "floatX=float32,cxx="), ("cxx=g++", "cxx=g++")],
)
def test_pytensor_gets_no_compiler_unless_one_is_named(
    monkeypatch: pytest.MonkeyPatch, before: str | None, after: str
) -> None:
    monkeypatch.delenv("PYTENSOR_FLAGS", raising=False)
    if before is not None:
        monkeypatch.setenv("PYTENSOR_FLAGS", before)
    without_compiler()
    assert os.environ["PYTENSOR_FLAGS"] == after


def test_progress_keeps_results_and_messages_apart(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(2, "things") as progress:
        progress.advance()
        progress.line("result")
        progress.note("message")
    assert capsys.readouterr() == ("result\n", "message\n")


def test_progress_on_a_terminal_leaves_stdout_to_the_results(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with Progress(2, "things") as progress:
        progress.advance(1, "other things")
        progress.line("result")
        progress.note("message")
    captured = capsys.readouterr()
    assert captured.out == "result\n"
    assert "message" in captured.err
    assert "1/2" in captured.err


def test_doctor_reports_everything(
    lasagnette: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent() -> Path:
        raise WeightsError("there is no pretrained cascade")

    monkeypatch.setattr(bundle, "pretrained", absent)
    monkeypatch.setattr("scripts.doctor._python", lambda: scripts.doctor.Finding("python", "3"))
    (tmp_path / "fddb").mkdir()
    (tmp_path / "fddb" / "a.jpg").touch()
    outcome = lasagnette("doctor", "--data", tmp_path, "--json")
    assert outcome.code == 1, "detect needs weights"
    found = json.loads(outcome.stdout)
    assert list(found) == [
        *("python", "kernels", "crops", "threads", "caches", "backends"),
        *("compilers", "opencv", "weights", "smileys", "data"),
    ]
    assert found["kernels"]["found"].startswith(kernels.describe()["name"])
    assert "no pretrained cascade" in found["weights"]["found"]
    assert "fddb 1 photographs" in found["data"]["found"]
    assert "no photographs in lfw, negatives, smileys" in found["data"]["advice"]
    lines = lasagnette("doctor", "--data", tmp_path / "absent").stdout.splitlines()
    assert any(line.startswith("data") and "does not exist" in line for line in lines)
    assert any(line.lstrip().startswith("->") for line in lines)
