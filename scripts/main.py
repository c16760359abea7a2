"""The console command `lasagnette`: one group, one file per command.

The command modules import only click and the standard library when they are loaded; what
computes is imported when a command runs, so that `--help` and completion answer at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click
from click.shell_completion import get_completion_class

from scripts.augment import augment
from scripts.bench import bench
from scripts.cascade import cascade
from scripts.data_commands import data
from scripts.detect import detect
from scripts.doctor import doctor
from scripts.evaluate import evaluate
from scripts.monitor import monitor
from scripts.reproduce import reproduce
from scripts.runs import runs
from scripts.smielfy import smielfy
from scripts.smile import smile
from scripts.smileys import smileys
from scripts.train import train

__all__ = ["cli", "main"]

ROOMS = frozenset({"lasagnette", "nets", "augment", "cascade", "monitor", "scripts"})
INTERRUPTED = 130  # what shells report for a program that ended on Ctrl-C


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 all went well, 1 something failed, 2 wrong usage, 130 interrupted.",
)
@click.version_option(package_name="lasagnette", message="%(package)s %(version)s")
def cli() -> None:
    """Find faces in photographs, read smileys off them, and train the nets that do.

    \b
    lasagnette detect photo.jpg               faces as JSON lines
    lasagnette detect --out drawn holiday/    and pictures with the faces framed
    lasagnette smile photo.jpg                the smiley that a face makes
    lasagnette doctor                         what this installation has, what it lacks

    `lasagnette COMMAND --help` explains each command.
    """


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script that completes `lasagnette` in SHELL.

    \b
    bash   lasagnette completion bash >> ~/.bashrc
    zsh    lasagnette completion zsh >> ~/.zshrc
    fish   lasagnette completion fish > ~/.config/fish/completions/lasagnette.fish
    """
    complete = get_completion_class(shell)
    assert complete is not None  # click brings these three
    click.echo(complete(cli, {}, "lasagnette", "_LASAGNETTE_COMPLETE").source())


COMMANDS = (
    *(detect, smile, train, monitor, runs, reproduce, cascade, evaluate, data),
    *(smileys, smielfy, augment, bench, doctor, completion),
)
for command in COMMANDS:
    cli.add_command(command)


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and exit; an expected failure is one sentence on stderr.

    Parameters
    ----------
    args
        The words after `lasagnette`; by default those of the process.

    Raises
    ------
    SystemExit
        Always, with the exit code: 0, 1 (something failed), 2 (wrong usage) or 130 (Ctrl-C).
    """
    try:
        code = cli.main(args, prog_name="lasagnette", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        code = INTERRUPTED
    except (OSError, ValueError, RuntimeError) as error:
        if not _is_expected(error):
            raise
        click.echo(f"Error: {_sentence(error)}", err=True)
        code = 1
    sys.exit(code)


def _is_expected(error: OSError | ValueError | RuntimeError) -> bool:
    """Tell an error about what the user gave (a file, weights) from a fault of the program."""
    if isinstance(error, OSError):
        return error.filename is not None
    return type(error).__module__.partition(".")[0] in ROOMS


def _sentence(error: OSError | ValueError | RuntimeError) -> str:
    if isinstance(error, OSError):
        return f"{os.fspath(error.filename)}: {error.strerror}"
    return str(error)
