"""A progress bar on stderr that leaves stdout to the results."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

import click

__all__ = ["Progress"]


class Progress:
    """Count what is done, with the time left, where stderr is a terminal; else only pass text on.

    Used as a context manager. Lines for stdout go through `line` and messages for stderr through
    `note`, so that a bar on the same terminal stays below them.

    Parameters
    ----------
    total : int
        How much there is to do.
    description : str
        What is being done, in a word or two.
    shortest : int
        No bar is shown for less work than this.
    """

    def __init__(self, total: int, description: str, *, shortest: int = 1) -> None:
        self._bar: Any = None
        if sys.stderr.isatty() and total >= shortest:
            self._bar = _bar()
            self._task = self._bar.add_task(description, total=total)

    def __enter__(self) -> Progress:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def advance(self, steps: int = 1, description: str | None = None) -> None:
        """Count `steps` as done; a new `description` replaces the words before the bar."""
        if self._bar is not None:
            self._bar.update(self._task, advance=steps, description=description)

    def line(self, text: str) -> None:
        """Write a line to stdout."""
        if self._bar is not None and sys.stdout.isatty():
            self._bar.console.out(text, highlight=False)
        else:
            click.echo(text)

    def note(self, text: str) -> None:
        """Write a line to stderr."""
        if self._bar is not None:
            self._bar.console.out(text, highlight=False)
        else:
            click.echo(text, err=True)


def _bar() -> Any:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bar

    return Bar(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        redirect_stdout=False,  # rich would send the results to stderr
        redirect_stderr=False,
    )
