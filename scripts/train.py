"""`lasagnette train`: train a net on the research data."""

from __future__ import annotations

import json
import shutil
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from scripts.computing import (
    BACKEND_OPTION,
    THREADS_OPTION,
    WORKERS_OPTION,
    without_compiler,
)
from scripts.data import DATA_OPTION, data_folder
from scripts.files import writable_folder
from scripts.intervals import INTERVALS, interval_options, intervals_from
from scripts.options import refuse_given

__all__ = ["train"]

# As the weights that come with the package were trained.
DEFAULTS: dict[str, dict[str, Any]] = {
    "net12": {"epochs": 100, "batch_size": 512, "learning_rate": 3e-3},
    "net24": {"epochs": 20, "batch_size": 256, "learning_rate": 2e-3},
    "net24_multi": {"epochs": 20, "batch_size": 256, "learning_rate": 2e-3},
    "net48": {"epochs": 18, "batch_size": 128, "learning_rate": 1e-3},
    "net48_large": {"epochs": 18, "batch_size": 128, "learning_rate": 1e-3},
    "net12_cal": {"epochs": 6, "batch_size": 512, "learning_rate": 3e-3},
    "net24_cal": {"epochs": 4, "batch_size": 256, "learning_rate": 2e-3},
    "net48_cal": {"epochs": 1, "batch_size": 128, "learning_rate": 1e-3},
    "net_smiles": {"epochs": 100, "batch_size": 32, "learning_rate": 1e-3},
}
OF_SMILEYS = ("split", "emotions", "label_smoothing")
OF_FACES = ("validation", "fddb_repeats")
BACKGROUNDS = ("backgrounds_per_face", "hard_negatives", "hard_share")
OF_DETECTION = (*BACKGROUNDS, "move", "scale", "stretch", "rotation")
SETTINGS = (
    *("epochs", "epoch_samples", "batch_size", "learning_rate", "seed", "augment"),
    *("backgrounds_per_face", "hard_negatives", "hard_share", "fddb_repeats", "validation"),
    *("initial", "everything", *OF_SMILEYS),
    *("faithful", "batch_norm", "dropout", *INTERVALS),
)


def _default(name: str) -> str:
    listed = ", ".join(f"{values[name]:g} for {net}" for net, values in DEFAULTS.items())
    return f"[default: {listed}]"


def _weights_file(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Check a path; a word without an ending names weights that come with the package."""
    del ctx
    if value is None or not Path(value).suffix:
        return value
    path = Path(value).resolve()
    if not path.is_file():
        raise click.BadParameter(f"There is no file {value}.", param=parameter)
    return str(path)


@click.command()
@click.argument("net", type=click.Choice(list(DEFAULTS)), metavar="NET")
@DATA_OPTION
@click.option(
    "--runs", default="runs", show_default=True, metavar="FOLDER", help="Where runs are kept."
)
@click.option("--run", metavar="NAME", help="Name of the new run  [default: net and time]")
@click.option("--resume", metavar="NAME", help="Go on with this run, with its own settings.")
@click.option("--epochs", type=click.IntRange(1), help=f"Epochs  {_default('epochs')}")
@click.option(
    "--epoch-samples",
    type=click.IntRange(1),
    metavar="N",
    help="Samples of an epoch  [default: as many as show every face once]",
)
@click.option("--batch-size", type=click.IntRange(2), help=f"Samples  {_default('batch_size')}")
@click.option(
    "--learning-rate",
    type=click.FloatRange(0, min_open=True),
    help=f"Highest rate; it falls along a cosine  {_default('learning_rate')}",
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Key of chance.")
@click.option(
    "--augment/--no-augment",
    default=True,
    show_default=True,
    help="Change the frames at random, as the options below say; or cut them as they stand.",
)
@interval_options
@click.option(
    "--backgrounds-per-face",
    type=click.FloatRange(0, min_open=True),
    default=1.0,
    show_default=True,
    help="Squares without a face for each face in a minibatch.",
)
@click.option(
    "--hard-negatives",
    type=click.Path(exists=True, dir_okay=False, resolve_path=True),
    metavar="FILE",
    help="Take backgrounds from the frames that `lasagnette cascade mine` wrote.",
)
@click.option(
    "--hard-share",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.5,
    show_default=True,
    help="Part of the backgrounds that is taken from them.",
)
@click.option(
    "--validation",
    type=click.Path(exists=True, dir_okay=False, resolve_path=True),
    metavar="FILE",
    help="An index of fixed frames to measure the epochs on  [default: the fixed set]",
)
@click.option(
    "--initial",
    metavar="FILE|NAME",
    callback=_weights_file,
    help="Start from these weights of the same net, or for net_smiles of a net48 whose top is "
    "swapped; net48 is one that comes with the package  [default: random ones]",
)
@click.option(
    "--split",
    type=click.Choice(["frames", "runs", "people"]),
    default="runs",
    show_default=True,
    help="What net_smiles holds out: random frames, whole runs of neighbouring ones, or people.",
)
@click.option(
    "--emotions",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.0,
    show_default=True,
    metavar="SHARE",
    help="Share of net_smiles' samples that are LFW's faces, labelled with an emotion each.",
)
@click.option(
    "--label-smoothing",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.1,
    show_default=True,
    metavar="SHARE",
    help="Share of net_smiles' targets that is spread over all smileys.",
)
@click.option(
    "--fddb-repeats",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Times that an epoch shows each FDDB face; LFW's are frontal and fourteen times as many.",
)
@WORKERS_OPTION
@click.option(
    "--workers-on",
    metavar="dask://HOST:PORT",
    help="Have the minibatches made by the workers of this Dask scheduler.",
)
@click.option(
    "--everything",
    is_flag=True,
    help="Also learn from the tuning and the reporting side, or from the held-out smileys, for "
    "weights that are passed on; nothing is left to measure them on.",
)
@click.option("--faithful", is_flag=True, help="Build the net as printed: relu on the output.")
@click.option("--batch-norm", is_flag=True, help="Normalise after every layer with weights.")
@click.option(
    "--dropout",
    type=click.FloatRange(0, 2, max_open=True),
    default=1.0,
    show_default=True,
    help="Factor of the net's dropout probabilities.",
)
@click.option("--out", metavar="FILE", help="Copy the best weights there at the end.")
@BACKEND_OPTION
@THREADS_OPTION
@click.pass_context
def train(
    ctx: click.Context,
    net: str,
    data: str | None,
    runs: str,
    run: str | None,
    resume: str | None,
    out: str | None,
    backend: str,
    workers: int,
    workers_on: str | None,
    threads: int | None,
    **given: Any,
) -> None:
    """Train NET and keep the run in its own folder.

    The folder holds the log with all curves, a checkpoint, the weights of the last epoch and those
    of the epoch with the best balanced accuracy in validation. A run that was interrupted or killed
    goes on from its last checkpoint with the same numbers as one that was never stopped (unless the
    back end changes), whoever makes the minibatches:

    \b
    lasagnette train net12 --run first
    lasagnette train net12 --resume first

    net_smiles learns from the smiley frames, every class equally often, and has defaults of its
    own: --move .17 --scale .8 1.25 --stretch 1.15 --rotation 15 --brightness 40 --contrast 1.6
    --grey .2 --blur 1 --noise 6 --unchanged .3.

    \b
    lasagnette train net_smiles --split people --initial net48 --emotions 0.25

    Prints one line of JSON at the end; what happens meanwhile goes to stderr.
    """
    if resume is not None:
        why = "--resume goes on with the run's own settings; leave out"
        refuse_given(ctx, (*SETTINGS, "run"), why)
    folder = Path(runs) / (resume or run or f"{net}-{datetime.now():%Y%m%d-%H%M%S}")
    if workers and workers_on is not None:
        raise click.UsageError("--workers and --workers-on exclude each other.")
    if workers_on is not None:
        _check_scheduler(workers_on)
    if net.endswith("_cal"):
        why = "calibration crops have 45 places and no background; leave out"
        refuse_given(ctx, OF_DETECTION, why)
    smiles = net == "net_smiles"
    if smiles:
        why = "smileys have no background, and none of FDDB's faces; leave out"
        refuse_given(ctx, (*BACKGROUNDS, *OF_FACES), why)
    else:
        refuse_given(ctx, OF_SMILEYS, f"{net} tells no smileys; leave out")
    if given["hard_negatives"] is None:
        refuse_given(ctx, ["hard_share"], "there are no --hard-negatives; leave out")
    if not given["augment"]:
        refuse_given(ctx, INTERVALS, "--no-augment cuts frames as they stand; leave out")
    root = data_folder(data)
    if out is not None:
        writable_folder(Path(out).parent, "--out")
    if backend != "c":
        without_compiler()

    from lasagnette import backend as computing
    from scripts import runner

    if resume is not None:
        settings = runner.read_settings(folder)
        if settings.net != net:
            raise click.UsageError(f"{folder} is a run of {settings.net}, not of {net}.")
    else:
        if smiles:
            given |= _usual_changes(ctx)
        else:
            given = {key: value for key, value in given.items() if key not in OF_SMILEYS}
        intervals = intervals_from(given)
        given["intervals"] = intervals.as_dict() if given.pop("augment") else None
        chosen = {
            key: value
            for key, value in given.items()
            if key not in INTERVALS and (value is not None or key == "intervals")
        }
        settings = runner.Settings(net=net, **{**DEFAULTS[net], **chosen})
    say = partial(click.echo, err=True)
    say(f"Run {folder}")
    with computing.threads(threads):
        result = runner.train(
            settings,
            root,
            folder,
            resume=resume is not None,
            say=say,
            backend=backend,
            workers=workers,
            workers_on=workers_on,
        )
    if out is not None:
        shutil.copyfile(result["weights"], out)
        result["weights"] = out
    click.echo(json.dumps(result))


def _usual_changes(ctx: click.Context) -> dict[str, Any]:
    """The random changes of a smiley net's samples that were not chosen on the command line."""
    from scripts.training_smileys import CHANGES

    usual = ParameterSource.DEFAULT
    return {k: value for k, value in CHANGES.items() if ctx.get_parameter_source(k) is usual}


def _check_scheduler(url: str) -> None:
    from augment.cluster import address_of
    from augment.errors import ServerError

    try:
        address_of(url)
    except ServerError as error:
        raise click.BadParameter(f"{error}.", param_hint="--workers-on") from error
