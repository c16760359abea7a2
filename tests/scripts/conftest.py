"""Run the command line inside the test's process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from scripts.main import main


@dataclass(frozen=True)
class Outcome:
    """What a run of the command line left."""

    code: int
    stdout: str
    stderr: str


@pytest.fixture
def lasagnette(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Call `lasagnette` with the given words."""

    def run(*words: object) -> Outcome:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main([str(word) for word in words])
        captured = capsys.readouterr()
        return Outcome(int(end.value.code or 0), captured.out, captured.err)

    return run
