"""`lasagnette smileys`: the data that smileys are learned from."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

import click

__all__ = ["smileys"]

COMMANDS = ("label", "extract", "evaluate", "pack")


class _Lazy(click.Group):
    """Loads the module of a subcommand when it is asked for: `scripts.smileys_NAME`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order in which they are used."""
        return [name for name in COMMANDS if find_spec(f"scripts.smileys_{name}")]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command; None where there is none of that name."""
        if cmd_name not in self.list_commands(ctx):
            return None
        found = getattr(import_module(f"scripts.smileys_{cmd_name}"), cmd_name)
        assert isinstance(found, click.Command)
        return found


@click.group(cls=_Lazy)
def smileys() -> None:
    """Label clips with smileys, and cut the labelled faces out.

    \b
    lasagnette smileys label clip.mp4             in a window; a key per smiley
    lasagnette smileys label clip.mp4 --web       the same in a browser
    lasagnette smileys extract clips/ --out faces

    Labels stand in frames.csv beside the clips, one list for all of them.
    """
