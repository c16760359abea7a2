"""A process that a benchmark asks: one line of JSON there, one back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

import click

__all__ = ["TORCH_OPTION", "Asked", "find_torch"]

TORCH_OPTION = click.option(
    "--torch-python",
    envvar="LASAGNETTE_TORCH_PYTHON",
    type=click.Path(exists=True, dir_okay=False),
    metavar="PYTHON",
    help="A Python that has PyTorch  [default: LASAGNETTE_TORCH_PYTHON, else this one]",
)


def find_torch(named: str | None) -> str | None:
    """Return the Python that the option names, else this one if it has PyTorch."""
    return named or (sys.executable if find_spec("torch") else None)


class Asked:
    """A script of this folder in a process of its own; a context manager.

    Parameters
    ----------
    python
        The interpreter.
    script
        File in this folder. It reads lines, each a JSON list of a method's name and arguments, and
        answers each with a line of JSON; it ends with its input.
    words
        Arguments of the script.
    side
        What an error message calls the process.
    environment
        Variables beside those of this process.
    """

    def __init__(
        self,
        python: str,
        script: str,
        words: Sequence[str],
        *,
        side: str,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._side = side
        self._process = subprocess.Popen(
            [python, str(Path(__file__).with_name(script)), *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def call(self, method: str, *arguments: object) -> Any:
        """Return the answer of a method.

        Raises
        ------
        click.ClickException
            If the process has ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):  # no answer follows
            self._process.stdin.write(json.dumps([method, *arguments]) + "\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise click.ClickException(
                f"the {self._side} side of the benchmark ended; its error stands above"
            )
        return json.loads(line)
