"""The runner for detectors in another Python: all photographs of a folder, as FDDB's text."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scripts.evaluate_peer import main
from scripts.fddb_text import read_results

ROOT = Path(__file__).resolve().parents[2]
RUN = """
def detect(path, size=3, offset=0.5):
    if path.endswith("bad.png"):
        raise RuntimeError("no picture")
    return [[offset, 1, size, 4]], [0.75]
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "run.py").write_text(RUN)
    for name in ("pics/2002/one.jpg", "pics/2002/two.PNG", "pics/notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def words(place: Path, *more: str) -> list[str]:
    return [*(str(place / name) for name in ("run.py", "pics", "out.txt")), *more]


def test_every_photograph_is_named_without_its_ending(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(place, "size=7", "offset=-0.25")) == 0
    found = read_results(place / "out.txt")
    assert list(found) == ["2002/one", "2002/two"]
    assert found["2002/one"][0].tolist() == [[-0.25, 1, 7, 4]]
    assert found["2002/one"][1].tolist() == [0.75]
    assert capsys.readouterr().err == "2 of 2 photographs\n"


def test_a_failure_leaves_one_photograph_out(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "pics" / "bad.png").touch()
    assert main(words(place)) == 1
    assert list(read_results(place / "out.txt")) == ["2002/one", "2002/two"]
    assert "bad.png: left out (no picture)" in capsys.readouterr().err


def test_it_needs_no_installed_package(place: Path) -> None:
    """Started as its text says, by a Python that has none."""
    command = [sys.executable, "-I", "-S", "-c"]
    start = f"import sys; sys.path.insert(0, {str(ROOT)!r}); sys.argv[1:] = {words(place)!r}; "
    run = "from scripts.evaluate_peer import main; sys.exit(main())"
    done = subprocess.run([*command, start + run], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(read_results(place / "out.txt")) == 2


@pytest.mark.parametrize(
    ("text", "option", "sentence"),
    [
        (RUN, "size", "'size' is not NAME=NUMBER"),
        (RUN, "size=x", "'size=x' is not NAME=NUMBER"),
        ("find = 1", "size=1", r"has no function detect\(path, ...\)"),
    ],
)
def test_wrong_usage(
    place: Path, capsys: pytest.CaptureFixture[str], text: str, option: str, sentence: str
) -> None:
    (place / "run.py").write_text(text)
    with pytest.raises(SystemExit) as end:
        main(words(place, option))
    assert end.value.code == 2
    assert sentence.replace("\\", "") in capsys.readouterr().err


def test_no_photograph(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "empty").mkdir()
    with pytest.raises(SystemExit):
        main([str(place / "run.py"), str(place / "empty"), str(place / "out.txt")])
    assert "there is no photograph" in capsys.readouterr().err
