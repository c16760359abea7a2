"""Commands whose help shows their options in sections."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click

__all__ = ["Sections", "command_with", "with_options"]

Sections = Mapping[str, tuple[Callable[..., Any], ...]]
"""Decorators of `click.option` by their section's title."""


def command_with(sections: Sections) -> type[click.Command]:
    """The class of commands that show these sections, and what is in none at the end."""

    class Command(click.Command):
        """A command with sections."""

        def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
            """Write one list per section."""
            left = {param.name: param.get_help_record(ctx) for param in self.get_params(ctx)}
            for title, options in sections.items():
                names = [_name(option) for option in options]
                records = [record for name in names if (record := left.pop(name, None))]
                with formatter.section(title):
                    formatter.write_dl(records)
            with formatter.section("Other"):
                formatter.write_dl([record for record in left.values() if record])

    return Command


def with_options(sections: Sections) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator that adds the options of all sections."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        """Add them to a command."""
        for option in reversed([option for options in sections.values() for option in options]):
            command = option(command)
        return command

    return decorate


def _name(option: Callable[..., Any]) -> str:
    """Name of the parameter that an option's decorator adds."""

    def probe() -> None:
        """Carry the parameter."""

    (param,) = option(probe).__click_params__
    return str(param.name)
