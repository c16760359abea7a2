"""The command group: help, version, completion, and how failures are told."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from augment.errors import ImageError
from scripts.main import cli

Run = Callable[..., Any]
ROOT = Path(__file__).resolve().parents[2]
HEAVY = ["numpy", "pytensor", "numba", "cv2", "h5py", "PIL", "rich"]


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Add a command `fail` that raises what it is given."""

    def add(error: BaseException) -> None:
        def fail() -> None:
            raise error

        monkeypatch.setitem(cli.commands, "fail", click.Command("fail", callback=fail))

    return add


@pytest.mark.parametrize("command", ["", *sorted(cli.commands)])
def test_help_teaches(lasagnette: Run, command: str) -> None:
    outcome = lasagnette(*command.split(), "--help")
    assert outcome.code == 0
    assert outcome.stdout.startswith("Usage: lasagnette")
    assert len(outcome.stdout.splitlines()) >= 8
    assert max(map(len, outcome.stdout.splitlines())) <= 100


def test_every_option_has_a_help_text() -> None:
    def options(group: click.Command) -> list[click.Option]:
        own = [parameter for parameter in group.params if isinstance(parameter, click.Option)]
        below = group.commands.values() if isinstance(group, click.Group) else ()
        return own + [option for command in below for option in options(command)]

    assert not [option.name for option in options(cli) if not option.help]


def test_help_loads_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "from scripts.main import main\n"
        "try: main(['detect', '--help'])\n"
        f"finally: print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stderr.strip() == "[]"


def test_version(lasagnette: Run) -> None:
    try:
        version = importlib.metadata.version("lasagnette")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("lasagnette is not installed")
    assert lasagnette("--version").stdout == f"lasagnette {version}\n"


def test_near_names_are_suggested(lasagnette: Run) -> None:
    outcome = lasagnette("detct")
    assert outcome.code == 2
    assert "detect" in outcome.stderr


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_completion_prints_a_script(lasagnette: Run, shell: str) -> None:
    outcome = lasagnette("completion", shell)
    assert outcome.code == 0
    assert "_LASAGNETTE_COMPLETE" in outcome.stdout


def test_an_error_of_a_room_is_one_sentence(lasagnette: Run, failing: Any) -> None:
    failing(ImageError("x.jpg: the file is empty"))
    outcome = lasagnette("fail")
    assert (outcome.code, outcome.stdout) == (1, "")
    assert outcome.stderr == "Error: x.jpg: the file is empty\n"


def test_a_file_that_cannot_be_opened_is_one_sentence(lasagnette: Run, failing: Any) -> None:
    failing(PermissionError(13, "Permission denied", "runs/a"))
    outcome = lasagnette("fail")
    assert (outcome.code, outcome.stderr) == (1, "Error: runs/a: Permission denied\n")


def test_a_fault_of_the_program_keeps_its_traceback(failing: Any) -> None:
    from scripts.main import main

    failing(ValueError("operands could not be broadcast together"))
    with pytest.raises(ValueError, match="broadcast"):
        main(["fail"])


def test_ctrl_c_is_exit_code_130(lasagnette: Run, failing: Any) -> None:
    failing(KeyboardInterrupt())
    outcome = lasagnette("fail")
    assert outcome.code == 130
    assert outcome.stderr.strip() == "interrupted"
