"""Groups of subcommands of which one may be left out."""

from __future__ import annotations

from typing import Any

import click

__all__ = ["GroupWithDefault"]


class GroupWithDefault(click.Group):
    """Takes words that begin with no subcommand as those of one of them.

    No words at all, too, unless ``no_args_is_help``, which click has on where nothing is said.

    Parameters
    ----------
    default : str
        Name of the subcommand.
    *args, **options
        As `click.Group` has them.
    """

    def __init__(self, *args: Any, default: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self.default = default

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the subcommand's name before the words where there is none."""
        known = {*self.commands, *ctx.help_option_names}
        named = args[0] in known if args else self.no_args_is_help
        if not named and not ctx.resilient_parsing:
            args = [self.default, *args]
        return super().parse_args(ctx, args)
