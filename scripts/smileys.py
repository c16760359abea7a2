"""`lasagnette smileys`: the data that smileys are learned from."""

from __future__ import annotations

from importlib import import_module

import click

__all__ = ["smileys"]

COMMANDS = ("label", "extract", "evaluate", "pack")


class _Lazy(click.Group):
    """Loads the module of a subcommand when it is asked for: `scripts.smileys_NAME`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order in which they are used."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command; None where there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        found = getattr(import_module(f"scripts.smileys_{cmd_name}"), cmd_name)
        assert isinstance(found, click.Command)
        return found


@click.group(cls=_Lazy)
def smileys() -> None:
    """Label clips, cut the labelled faces out, measure and pack the net that learned from them.

    \b
    lasagnette smileys label clip.mp4             in a window; a key per smiley
    lasagnette smileys label clip.mp4 --web       the same in a browser
    lasagnette smileys extract clips/ --out faces

    Labels stand in frames.csv beside the clips, one list for all of them.
    """
