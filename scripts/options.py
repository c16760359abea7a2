"""Options that several commands have, and those that do not go together."""

from __future__ import annotations

from collections.abc import Iterable

import click
from click.core import ParameterSource

__all__ = ["FILES_FROM_OPTION", "refuse_given"]

FILES_FROM_OPTION = click.option(
    "--files-from",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="Read more names from FILE, one per line or separated by NUL bytes as find -print0 writes "
    "them; - is standard input.",
)


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
