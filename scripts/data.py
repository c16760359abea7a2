"""Where the research data lies: the one rule that every command and test follows."""

from __future__ import annotations

import os
from pathlib import Path

import click

__all__ = ["DATA_OPTION", "data_folder", "find_data"]

CHECKOUT = Path(__file__).resolve().parent.parent


def find_data(option: str | os.PathLike[str] | None = None) -> Path | None:
    """Return the data folder: `option`, else LASAGNETTE_DATA, else ../shared/data.

    The last is looked for only beside a source checkout, never beside an installed package.
    What is named by the option or the variable is returned even when it does not exist, so that
    the message can name it.
    """
    named = option or os.environ.get("LASAGNETTE_DATA")
    if named:
        return Path(named)
    beside = CHECKOUT.parent / "shared" / "data"
    return beside if (CHECKOUT / "setup.py").is_file() and beside.is_dir() else None


def data_folder(option: str | os.PathLike[str] | None = None) -> Path:
    """Return the data folder, or end the command with a sentence that says how to name it.

    Raises
    ------
    click.UsageError
        No folder is named and none lies beside the checkout, or the named one does not exist.
    """
    folder = find_data(option)
    if folder is None:
        raise click.UsageError(
            "no research data found; give --data FOLDER or set LASAGNETTE_DATA "
            "(the folder of fddb/, lfw/, negatives/ and smileys/)."
        )
    if not folder.is_dir():
        raise click.UsageError(f"the data folder {str(folder)!r} does not exist.")
    return folder


DATA_OPTION = click.option(
    "--data",
    metavar="FOLDER",
    help="Folder of fddb/, lfw/, negatives/ and smileys/, of which a command needs those that it "
    "is about  [default: LASAGNETTE_DATA, else ../shared/data beside a checkout]",
)
