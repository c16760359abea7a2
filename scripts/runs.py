"""`lasagnette runs`: the run logs in the terminal, as other programs' files, and from them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from scripts.files import writable_folder
from scripts.groups import GroupWithDefault
from scripts.progress import Progress

__all__ = ["runs"]

BROKEN_PIPE = 141  # what shells report for a program whose reader went away
AXES = ("step", "epoch", "time")

RUNS_OPTION = click.option(
    "--runs",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default="runs",
    show_default=True,
    metavar="DIR",
    help="Where the runs lie.",
)


def drawing_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say which curves are drawn, and how."""
    for option in (
        click.option("--log", is_flag=True, help="Draw upwards in powers of ten."),
        click.option(
            "--smooth",
            "smoothing",
            type=click.FloatRange(0, 1, max_open=True),
            default=0.0,
            metavar="WEIGHT",
            help="Average over the past, from 0 to below 1, say 0.9.",
        ),
        click.option(
            "--from",
            "begin",
            type=click.IntRange(0),
            default=0,
            metavar="STEP",
            help="Cut off what lies before.",
        ),
        click.option(
            "--x",
            "along",
            type=click.Choice(AXES),
            default="step",
            show_default=True,
            help="What the curves are drawn along.",
        ),
        click.option(
            "--tag",
            "patterns",
            multiple=True,
            metavar="PATTERN",
            help="Curves, as 'valid/*'; may be given several times.",
        ),
    ):
        command = option(command)
    return command


@click.group(cls=GroupWithDefault, default="list", no_args_is_help=False)
def runs() -> None:
    """List runs, draw their curves here, write and read other programs' files.

    \b
    lasagnette runs                    the runs in ./runs, also in its subfolders
    lasagnette runs DIR                those elsewhere
    lasagnette runs show ID            a run's curves, drawn in the terminal
    lasagnette runs export ID --csv curves.csv --png curves.png --tensorboard logs
    lasagnette runs import LOGDIR      TensorBoard's event files become runs

    ID is what the list shows, or the end of it where that is clear, or a run's folder.
    """


@runs.command("list")
@click.argument("folder", default="runs", type=click.Path(file_okay=False, path_type=Path))
@click.pass_context
def list_(ctx: click.Context, folder: Path) -> None:
    """List the runs in FOLDER and its subfolders, the latest first.

    `best` is the highest accuracy of the validation, balanced if there is one, else what comes
    nearest to it; `last` is the same curve's last value.
    """
    from scripts.runs_list import print_list

    if not print_list(folder):
        click.echo(f"There are no runs in {folder}; `lasagnette train` makes one.", err=True)
        ctx.exit(0 if folder.is_dir() else 1)


@runs.command()
@click.argument("id_", metavar="ID")
@RUNS_OPTION
@drawing_options
def show(
    id_: str,
    folder: Path,
    patterns: tuple[str, ...],
    along: str,
    begin: int,
    smoothing: float,
    log: bool,
) -> None:
    """Draw a run's losses and accuracies, or the curves of --tag, and list all its curves."""
    from monitor.summary import summarise
    from scripts.errors import RunError
    from scripts.runs_curves import panels
    from scripts.runs_find import find_run
    from scripts.runs_show import print_run

    name, run = find_run(folder, id_)
    try:
        drawn = panels(run, patterns, along=along, begin=begin, smoothing=smoothing, log=log)
    except RunError:
        if patterns:
            raise
        drawn = []  # the rest is worth being shown
    print_run(name, run, summarise(run), drawn, along=along, log=log)


@runs.command()
@click.argument("id_", metavar="ID")
@RUNS_OPTION
@click.option(
    "--csv",
    "csv_path",
    type=click.Path(dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="Write every point as tag, step, epoch, time and value; - prints them.",
)
@click.option(
    "--png",
    "png_path",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Draw losses and accuracies, or the curves of --tag.",
)
@click.option(
    "--tensorboard",
    "event_folder",
    metavar="FOLDER",
    help="Write an event file: curves (to 7 digits), pictures, histograms, notes.",
)
@drawing_options
@click.pass_context
def export(
    ctx: click.Context,
    id_: str,
    folder: Path,
    csv_path: str | None,
    png_path: Path | None,
    event_folder: str | None,
    patterns: tuple[str, ...],
    along: str,
    begin: int,
    smoothing: float,
    log: bool,
) -> None:
    """Write a run as CSV, PNG and TensorBoard's event file.

    --tag chooses curves for all three; --x, --from, --smooth and --log are the picture's alone.
    """
    from scripts.runs_curves import chosen_tags, panels
    from scripts.runs_export import write_csv, write_events
    from scripts.runs_find import find_run
    from scripts.runs_png import draw_png

    if not (csv_path or png_path or event_folder):
        raise click.UsageError("Say what to write: --csv, --png or --tensorboard.")
    name, run = find_run(folder, id_)
    tags = chosen_tags(run, patterns)
    if csv_path:
        try:
            with click.open_file(csv_path, "w", encoding="utf-8", atomic=csv_path != "-") as file:
                count = write_csv(run, tags, file)
                file.flush()
        except BrokenPipeError:  # say, of `| head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(BROKEN_PIPE)
        if csv_path != "-":
            click.echo(f"{csv_path}: {count:,} points", err=True)
    if png_path:
        writable_folder(png_path.parent, "--png")
        drawn = panels(run, patterns, along=along, begin=begin, smoothing=smoothing, log=log)
        draw_png(png_path, name, drawn, along=along, log=log)
        click.echo(f"{png_path}: {', '.join(panel.name for panel in drawn)}", err=True)
    if event_folder:
        path, problems = write_events(run, tags, writable_folder(event_folder, "--tensorboard"))
        for problem in problems:
            click.echo(f"left out: {problem}", err=True)
        click.echo(path, err=True)


@runs.command("import")
@click.argument("logdir", type=click.Path(exists=True, path_type=Path))
@RUNS_OPTION
@click.option(
    "--name", metavar="NAME", help="Of the run, or of the folder of runs  [default: LOGDIR's]"
)
@click.pass_context
def import_(ctx: click.Context, logdir: Path, folder: Path, name: str | None) -> None:
    """Make runs of the TensorBoard event files in LOGDIR, one for each folder.

    Curves, pictures, histograms (in 64 equal bins) and texts are taken, with their times. What has
    no place in a run (graphs, audio, ...) is counted and left out.
    """
    from scripts.errors import RunError
    from scripts.runs_import import event_folders, import_run

    writable_folder(folder, "--runs")
    made = 0
    found = event_folders(logdir, name)
    for run, files in found.items():
        with Progress(sum(file.stat().st_size for file in files), run) as progress:
            try:
                done = import_run(files, folder / run, progress.advance)
            except RunError as error:
                if len(found) == 1:
                    raise
                click.echo(f"Error: {error}", err=True)
                continue
        made += 1
        counts = ", ".join(f"{count:,} {kind}" for kind, count in done.counts.items())
        click.echo(f"{folder / run}: {counts}")
        left_out = ", ".join(f"{count:,} {kind}" for kind, count in done.left_out.items())
        for line in done.problems + ([f"{run}: left out: {left_out}"] if left_out else []):
            click.echo(line, err=True)
    if made < len(found):
        ctx.exit(1)
