"""Options that do not go together."""

from __future__ import annotations

from collections.abc import Iterable

import click
from click.core import ParameterSource

__all__ = ["refuse_given"]


def refuse_given(ctx: click.Context, names: Iterable[str], why: str) -> None:
    """End the command if one of these options was given.

    Raises
    ------
    click.UsageError
        ``why`` and the options that were given.
    """
    named = [
        "--" + name.replace("_", "-")
        for name in names
        if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
    ]
    if named:
        raise click.UsageError(f"{why} {', '.join(named)}.")
