"""`lasagnette smielfy`: the words that it takes, and what it hands on."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from augment.datasets import smileys
from augment.datasets.smileys import SMILEYS
from monitor.smielfy.consent import consents
from monitor.smielfy.intake import Face
from monitor.smielfy.limits import Limits
from monitor.smielfy.smileys import NAMES
from monitor.smielfy.store import Store
from scripts.main import main
from scripts.smielfy import face_finder, smielfy


def call(*words: object) -> Result:
    return CliRunner().invoke(smielfy, [str(word) for word in words])


@pytest.fixture
def stored(tmp_path: Path) -> tuple[Path, list[str]]:
    """A folder with three pictures, the first one accepted, and their codes."""
    folder = tmp_path / "pictures"
    store = Store(folder, SMILEYS)
    file = tmp_path / "picture.jpg"
    Image.fromarray(np.full((120, 160, 3), 90, np.uint8)).save(file)
    codes = [
        store.add(
            file.read_bytes(),
            smiley=smiley,
            face=Face((30.0, 20.0, 80.0, 90.0), 0.9),
            size=(160, 120),
            person="f" * 16,
            consent=consents(None)["en"],
            released=smiley == 4,
            limits=Limits(),
        )
        for smiley in (0, 4, 16)
    ]
    first = store.records()[0]
    store.change(first.id, status="accepted", label=7)
    return folder, codes


def test_every_smiley_of_the_data_has_a_name() -> None:
    assert list(NAMES) == list(SMILEYS)


@pytest.mark.parametrize("words", [["DIR"], ["serve", "DIR"]])
def test_a_folder_is_served(
    words: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: list[tuple] = []
    monkeypatch.setattr(
        "monitor.smielfy.serve.serve", lambda *args, **options: seen.append((args, options))
    )
    monkeypatch.setattr("scripts.smielfy.face_finder", lambda: "finder")
    options = ["--host", "0.0.0.0", "--port", "0", "--name", "lab", "--contact", "Ada", "--open"]
    result = call(*words[:-1], tmp_path / "new", *options, "--most", "5")
    assert result.exit_code == 0, result.output
    ((args, given),) = seen
    assert args == (tmp_path / "new", "finder", SMILEYS)
    assert (given["host"], given["port"], given["hosts"]) == ("0.0.0.0", 0, ("lab",))
    assert (given["contact"], given["http"], given["open_browser"]) == ("Ada", False, True)
    assert given["limits"].folder_bytes == 5 * 1024**2


def test_http_is_for_this_machine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["smielfy", str(tmp_path / "new"), "--http", "--host", "0.0.0.0"]
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 1
    assert "leave out --http, or listen on 127.0.0.1" in capsys.readouterr().err


def test_the_pictures_are_listed(stored: tuple[Path, list[str]]) -> None:
    result = call("review", stored[0], "--list")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert re.fullmatch(r"accepted  :-\)  as :-\|  00-smile/\w{16}\.jpg  [\d-]{10}", lines[0])
    assert re.fullmatch(r"new       :-P   04-tongue/\w{16}\.jpg  [\d-]{10}  released", lines[1])
    assert "3 pictures, 0 taken back" in result.stderr


def test_the_accepted_ones_are_exported(stored: tuple[Path, list[str]], tmp_path: Path) -> None:
    path = tmp_path / "out" / "labels.csv"
    result = call("review", stored[0], "--export", path)
    assert (result.exit_code, result.stdout) == (0, f"{path}: 1 pictures\n")
    (row,) = csv.DictReader(path.read_text().splitlines())
    assert (row["label_id"], row["smiley"], row["person"], row["frame"]) == (
        "7",
        ":-|",
        "f" * 16,
        "0",
    )
    assert (row["x"], row["y"], row["side"]) == ("25.0", "20.0", "90.0")
    (record,) = smileys.load(path.parent)
    assert record.label == 7
    assert call("withdraw", stored[0], stored[1][0]).exit_code == 0
    result = call("review", stored[0], "--export", path)
    assert (result.exit_code, result.stdout) == (0, f"{path}: 0 pictures\n")
    assert list(path.parent.iterdir()) == [path]
    assert call("review", stored[0], "--export", tmp_path / "list.txt").exit_code == 2
    assert call("review", stored[0], "--export", path, "--list").exit_code == 2


def test_a_code_is_withdrawn(stored: tuple[Path, list[str]]) -> None:
    folder, codes = stored
    result = call("withdraw", folder, codes[1])
    assert result.exit_code == 0
    assert result.stdout.startswith("The picture and its record are deleted. A copy that was ")
    assert "lasagnette smielfy review DIR --export CSV" in result.stdout
    result = call("withdraw", folder, codes[1])
    assert result.exit_code == 1
    assert "There is no picture with the code" in result.stderr
    assert len(Store(folder, SMILEYS).records()) == 2


def test_a_folder_of_something_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["review"], ["withdraw"]):
        with pytest.raises(SystemExit) as ended:
            main(["smielfy", *words, str(tmp_path), *(["X"] if words == ["withdraw"] else [])])
        assert ended.value.code == 1
        assert "holds no pictures of Smielfy" in capsys.readouterr().err
    assert call("review", tmp_path / "missing").exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_help() -> None:
    assert "lasagnette smielfy review DIR" in call("--help").output
    for command in ("serve", "review", "withdraw"):
        assert call(command, "--help").exit_code == 0
    assert "DIR" in call().output


def test_the_cascade_finds_no_face_on_a_wall() -> None:
    boxes, scores = face_finder()(np.full((480, 640, 3), 90, np.uint8))
    assert boxes.shape == (0, 4)
    assert scores.shape == (0,)
