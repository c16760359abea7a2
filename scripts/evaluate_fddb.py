"""`lasagnette evaluate fddb`: detectors by the protocol of FDDB."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scripts.computing import THREADS_OPTION, without_compiler
from scripts.data import DATA_OPTION, data_folder
from scripts.evaluate_detectors import PEERS, Runner, from_file, own
from scripts.evaluate_options import CASCADE_OPTION, FOLDS_OPTION, MIN_FACE_OPTION
from scripts.evaluate_report import Measured, as_json, table, write_curves
from scripts.evaluate_views import VIEWS, View, make_view
from scripts.evaluate_work import Work
from scripts.files import writable_folder
from scripts.options import refuse_given
from scripts.progress import Progress

if TYPE_CHECKING:
    from augment.datasets.fddb import FddbRecord

__all__ = ["fddb"]

OWN = "lasagnette"  # the own detector's name in the output


def _parse_stretch(ctx: click.Context, parameter: click.Parameter, value: str) -> list[float]:
    try:
        factors = [float(word) for word in value.split(",")]
    except ValueError:
        factors = []
    if not factors or not all(0 < factor < math.inf for factor in factors):
        raise click.BadParameter(f"{value!r} is no list of positive factors such as 1.0,1.2.")
    return list(dict.fromkeys(factors))


def _parse_peers(
    ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> dict[str, str]:
    peers = {}
    for value in values:
        name, equals, model = value.partition("=")
        if name not in PEERS or not equals:
            raise click.BadParameter(
                f"{value!r} is not NAME=MODEL; detectors that run here: {', '.join(PEERS)}."
            )
        if not Path(model).is_file():
            raise click.BadParameter(f"there is no file {model!r}.")
        peers[name] = model
    return peers


@click.command()
@FOLDS_OPTION
@click.option(
    "--view",
    "views",
    type=click.Choice(VIEWS),
    multiple=True,
    default=("all",),
    show_default=True,
    help="Photographs as they are; only those with two or more annotated faces; or all of them, "
    "resized by one factor so that the median face is 40 pixels large. May be repeated.",
)
@MIN_FACE_OPTION
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    default=0.001,
    show_default=True,
    metavar="SCORE",
    help="Detections from this score on; the curve needs weak ones, too.",
)
@click.option(
    "--stretch",
    "stretches",
    default="1.0",
    show_default=True,
    callback=_parse_stretch,
    metavar="FACTOR,...",
    help="Stretch all boxes vertically about their centres, for FDDB's upright ellipses; published "
    "curves of squares often use 1.2. Several factors give the figures of each.",
)
@CASCADE_OPTION
@click.option(
    "--results",
    type=click.Path(exists=True, dir_okay=False),
    multiple=True,
    metavar="FILE",
    help="Evaluate another program's detections, in FDDB's text format, under the file's name. "
    "May be repeated.",
)
@click.option(
    "--peer",
    "peers",
    multiple=True,
    callback=_parse_peers,
    metavar="NAME=MODEL",
    help="Run another detector beside: yunet=FILE.onnx (OpenCV's, scores above 0.2).",
)
@click.option(
    "--ours/--no-ours",
    default=None,
    help="Whether the detector itself is run  [default: unless --results is given]",
)
@click.option(
    "--write-results",
    "written",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Write the detector's detections in FDDB's text format; with one --view.",
)
@click.option(
    "--out",
    metavar="FOLDER",
    help="Write the curves there: roc.csv, and roc-VIEW.png and roc-VIEW-continuous.png.",
)
@DATA_OPTION
@THREADS_OPTION
@click.pass_context
def fddb(
    ctx: click.Context,
    folds: list[int],
    views: tuple[str, ...],
    min_face: float,
    threshold: float,
    stretches: list[float],
    cascade: str | None,
    results: tuple[str, ...],
    peers: dict[str, str],
    ours: bool | None,
    written: str | None,
    out: str | None,
    data: str | None,
    threads: int | None,
) -> None:
    """Evaluate the detector, and others beside it, on folds of FDDB by FDDB's protocol.

    Prints, as JSON, the share of faces found (discrete and continuous) at 0.02, 0.06, 0.35 and 1
    false positives per photograph: for each view, detector and stretch, over all photographs and by
    fold; and the same as a table on stderr. The figures belong to the photographs that are there:
    those of a part of FDDB cannot be set beside published curves of the whole.

    A photograph that cannot be read, or on which a detector fails, is left out for all of them, and
    the exit code is 1. One that a file of results does not name counts as one where nothing was
    found.
    """
    views = tuple(dict.fromkeys(views))
    ours = not results if ours is None else ours
    _check(ctx, views, results, peers, ours, written)
    root = data_folder(data)
    folder = writable_folder(out, "--out") if out is not None else None
    if written is not None:
        writable_folder(Path(written).parent, "--write-results")
    without_compiler()

    from augment.datasets import fddb as reader
    from lasagnette.ops.kernels.pools import threads as limited

    dataset = reader.load(root / "fddb", folds)
    absent = set(folds) - {record.fold for record in dataset}
    if absent:
        raise click.UsageError(f"{root}/fddb has no fold {', '.join(map(str, sorted(absent)))}.")
    runners: dict[str, Runner] = {}
    if ours:
        from cascade.detector import Detector

        runners[OWN] = own(Detector(cascade, threshold=threshold, min_face=min_face))
    runners |= {name: PEERS[name](model) for name, model in peers.items()}
    files = {Path(file).stem: from_file(file, [r.name for r in dataset]) for file in results}
    chosen = [_view(name, dataset.records) for name in views]
    work = Work(dataset.root, runners, files)
    measured: list[Measured] = []
    with (
        limited(threads, compiled=False),
        Progress(work.count(chosen), "photographs") as progress,
    ):
        for problem in dataset.problems:
            progress.note(problem)
        for view in chosen:
            measured += work.measure(view, stretches, progress)
        if written is not None:
            work.write(OWN, chosen[0], Path(written))
    listed = [f"{fold:02d}" for fold in folds]
    if folder is not None:
        write_curves(measured, folder, listed, root / "roc")
    click.echo(table(measured), err=True)
    click.echo(json.dumps({"folds": listed, "views": as_json(measured)}))
    if work.failed:
        ctx.exit(1)


def _check(
    ctx: click.Context,
    views: tuple[str, ...],
    results: tuple[str, ...],
    peers: dict[str, str],
    ours: bool,
    written: str | None,
) -> None:
    if not ours:
        why = "these belong to the detector, which is not run (add --ours):"
        refuse_given(ctx, ["min_face", "threshold", "cascade"], why)
        if written is not None:
            raise click.UsageError("--write-results needs the detector; add --ours.")
        if not (results or peers):
            raise click.UsageError("--no-ours leaves nothing to evaluate; add --results or --peer.")
    if written is not None and len(views) > 1:
        raise click.UsageError(f"--write-results writes one view; got {', '.join(views)}.")
    if results and "small" in views and len(views) > 1:
        raise click.UsageError(
            "--results are of photographs of one size; evaluate --view small by itself, with files "
            "made on its photographs (lasagnette evaluate photos --view small)."
        )
    names = [*([OWN] if ours else []), *peers, *(Path(file).stem for file in results)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise click.UsageError(f"two detectors are named {', '.join(twice)}; rename a file.")


def _view(name: str, records: Sequence[FddbRecord]) -> View:
    if not any(len(record.ellipses) for record in records):
        raise click.ClickException("these folds have no annotated face.")
    view = make_view(name, records)
    if not view.records:
        raise click.ClickException(f"these folds have no photograph for the view {name!r}.")
    return view
