"""`lasagnette cascade`: train, put together and measure the detector's cascade of nets."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import click

from scripts.computing import (
    BACKEND_OPTION,
    THREADS_OPTION,
    WORKERS_OPTION,
    without_compiler,
)
from scripts.data import DATA_OPTION, data_folder
from scripts.files import writable_folder

__all__ = ["cascade"]

CASCADE = click.argument(
    "cascade_file",
    metavar="CASCADE",
    required=False,
    type=click.Path(exists=True, dir_okay=False),
)
"""A cascade file; the packaged one that figures are given of where it is left out."""


@click.group()
def cascade() -> None:
    """Train, put together and measure the cascade of nets.

    \b
    lasagnette cascade train work/        the whole road; go on with the same words
    lasagnette cascade table              the packaged cascade's stages beside the paper's

    The steps one by one:

    \b
    lasagnette train net12 --batch-norm --run net12
    lasagnette train net12_cal --batch-norm --run net12_cal
    lasagnette cascade pack my.h5 runs/net12/best.h5:runs/net12_cal/best.h5
    lasagnette cascade threshold my.h5 --recall 0.99
    lasagnette cascade mine my.h5 mined.h5
    lasagnette train net24 --batch-norm --hard-negatives mined.h5 --run net24
    """


@cascade.command()
@click.argument("folder", metavar="FOLDER", type=click.Path(file_okay=False))
@DATA_OPTION
@click.option("--quick", is_flag=True, help="A few samples of everything, for a first look.")
@BACKEND_OPTION
@WORKERS_OPTION
@THREADS_OPTION
def train(
    folder: str, data: str | None, quick: bool, backend: str, workers: int, threads: int | None
) -> None:
    """Train a whole cascade in FOLDER, step by step, and go on where it was stopped.

    Trains six nets, chooses thresholds on the tuning side of the data, mines hard negatives between
    the stages, and writes FOLDER/cascade.h5, which `lasagnette detect --cascade` takes. FOLDER also
    keeps the runs and road.json, what every step gave.

    Prints the table of stages at the end; what happens meanwhile goes to stderr.
    """
    root = data_folder(data)
    place = writable_folder(folder, "FOLDER")
    if backend != "c":
        without_compiler()

    from scripts.cascade_recipe import RECIPE
    from scripts.cascade_recipe import quick as quickly
    from scripts.cascade_road import walk
    from scripts.cascade_table import table_lines

    done = walk(
        quickly(RECIPE) if quick else RECIPE,
        root,
        place,
        say=partial(click.echo, err=True),
        backend=backend,
        workers=workers,
        threads=threads,
    )
    for line in table_lines(list(done.values())[-1]["stages"]):
        click.echo(line)


@cascade.command()
@click.argument("out", metavar="OUT", type=click.Path(dir_okay=False))
@click.argument("stages", metavar="WEIGHTS[:WEIGHTS]...", nargs=-1, required=True)
@click.option(
    "--stride", type=click.IntRange(2), default=4, show_default=True, help="Windows' step."
)
@click.option(
    "--factor",
    type=click.FloatRange(1, min_open=True),
    default=1.42,
    show_default=True,
    help="Ratio of neighbouring window sizes.",
)
@click.option(
    "--facts", metavar="FILE", type=click.Path(exists=True, dir_okay=False), help="JSON to keep."
)
def pack(out: str, stages: tuple[str, ...], stride: int, factor: float, facts: str | None) -> None:
    """Put trained nets into one cascade file, OUT.

    Each stage is the weights of a detection net and, after a colon, of its calibration net. The
    thresholds are 0.5 until `lasagnette cascade threshold` sets them.
    """
    writable_folder(Path(out).parent, "OUT")
    without_compiler()

    from cascade import bundle
    from scripts.cascade_road import folded

    parts = []
    for words in stages:
        detection, _, calibration = words.partition(":")
        parts.append(
            bundle.Stage(folded(detection), 0.5, folded(calibration) if calibration else None)
        )
    known = json.loads(Path(facts).read_text(encoding="utf-8")) if facts else {}
    made = bundle.Cascade(tuple(parts), stride=stride, factor=factor, facts=known)
    bundle.save(out, made)
    nets = [
        [net.name for net in (part.detection, part.calibration) if net is not None]
        for part in parts
    ]
    click.echo(json.dumps({"file": out, "stages": nets, "bytes": Path(out).stat().st_size}))


@cascade.command()
@click.argument("cascade_file", metavar="CASCADE", type=click.Path(exists=True, dir_okay=False))
@click.option("--stage", type=click.IntRange(1), metavar="N", help="Which  [default: the last]")
@click.option(
    "--recall",
    type=click.FloatRange(0, 1, min_open=True),
    help="Keep this share of the tuning side's faces, counted over all stages up to this one.",
)
@click.option(
    "--false-positives",
    type=click.FloatRange(0),
    metavar="RATE",
    help="At most so many false positives per photograph of the tuning side.",
)
@click.option("--score", type=click.FloatRange(0, 1), help="Set this threshold.")
@DATA_OPTION
@THREADS_OPTION
def threshold(
    cascade_file: str,
    stage: int | None,
    recall: float | None,
    false_positives: float | None,
    score: float | None,
    data: str | None,
    threads: int | None,
) -> None:
    """Choose the threshold of a stage of CASCADE and write it into the file.

    Faces are those of FDDB's fold 04, as they are and shrunk; face-free photographs are a tenth of
    the negatives. Neither is trained on.
    """
    given = [value for value in (recall, false_positives, score) if value is not None]
    if len(given) != 1:
        raise click.UsageError("give one of --recall, --false-positives and --score.")
    root = data_folder(data)

    from dataclasses import replace

    from cascade import bundle
    from cascade.detector import Detector
    from cascade.tuning import best_scores, threshold_at
    from lasagnette.ops.kernels.pools import threads as limited
    from scripts import cascade_photos

    whole = bundle.load(cascade_file)
    number = len(whole.stages) if stage is None else stage
    if number > len(whole.stages):
        raise click.UsageError(f"{cascade_file} has {len(whole.stages)} stages; got {number}.")
    before = whole.thresholds[: number - 1]
    head = replace(whole, stages=whole.stages[:number]).with_thresholds([*before, 0.001])
    result: dict[str, float] = {"stage": number}
    with limited(threads, compiled=False):
        if recall is not None:
            detector = Detector(head, min_face=cascade_photos.SMALLEST)
            scores = best_scores(detector, cascade_photos.tuning_faces(root), number)
            score = threshold_at(scores, recall)
            result["recall"] = float((scores >= score).mean())
        elif false_positives is not None:
            score = cascade_photos.threshold_for(head, root, false_positives)
    assert score is not None
    later = whole.thresholds[number:]
    bundle.save(cascade_file, whole.with_thresholds([*before, score, *later]))
    click.echo(json.dumps({**result, "threshold": score}))


@cascade.command()
@click.argument("cascade_file", metavar="CASCADE", type=click.Path(exists=True, dir_okay=False))
@click.argument("out", metavar="OUT", type=click.Path(dir_okay=False))
@click.option("--depth", type=click.IntRange(1), help="Stages to pass  [default: all]")
@click.option(
    "--min-face",
    "min_faces",
    type=click.FloatRange(min=1),
    multiple=True,
    default=(20.0, 24.0),
    show_default=True,
    metavar="PIXELS",
    help="Smallest frame; given several times, the pictures are searched once for each.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=200_000,
    show_default=True,
    metavar="N",
    help="Keep a random choice of so many frames of each band.",
)
@click.option(
    "--suspect",
    type=click.FloatRange(0, 1),
    default=1.0,
    show_default=True,
    metavar="SCORE",
    help="Leave out what scores more in photographs with faces: faces that nobody annotated.",
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Key of chance.")
@DATA_OPTION
@THREADS_OPTION
def mine(
    cascade_file: str,
    out: str,
    depth: int | None,
    min_faces: tuple[float, ...],
    limit: int,
    suspect: float,
    seed: int,
    data: str | None,
    threads: int | None,
) -> None:
    """Write OUT, an index of background frames that CASCADE takes for faces.

    Searches the pictures of the training side that give backgrounds; where a picture has faces,
    frames that overlap one by less than .3 count, in three bands of their own. The next stage's net
    learns from them with `lasagnette train NET --hard-negatives OUT`. Interrupted, the same words
    go on with the search.
    """
    root = data_folder(data)
    writable_folder(Path(out).parent, "OUT")

    from augment.splits import train_set
    from cascade import bundle
    from lasagnette.ops.kernels.pools import threads as limited
    from scripts.cascade_search import search

    whole = bundle.load(cascade_file)
    say = partial(click.echo, err=True)
    index = train_set(root, report=say)
    with limited(threads, compiled=False):
        found, seen = search(
            whole,
            index.select(index.undrawn),
            Path(out),
            depth=depth or len(whole.stages),
            min_faces=min_faces,
            limit=limit,
            seed=seed,
            suspect=suspect,
            say=say,
        )
    click.echo(json.dumps({"file": out, "frames": len(found), "of": seen}))


@cascade.command()
@CASCADE
@DATA_OPTION
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a Markdown table.")
@THREADS_OPTION
def table(cascade_file: str | None, data: str | None, as_json: bool, threads: int | None) -> None:
    """Print windows per photograph and recall after every step, beside the paper's.

    Measured on FDDB's fold 04, on which thresholds were chosen; the paper's figures are those of
    the whole of FDDB, which is harder. By default CASCADE is the packaged one that learned from the
    training side alone.
    """
    root = data_folder(data)

    from cascade import bundle
    from lasagnette.ops.kernels.pools import threads as limited
    from scripts.cascade_table import measure_stages, table_lines

    with limited(threads, compiled=False):
        path = cascade_file or bundle.pretrained("cascade-split")
        found = measure_stages(bundle.load(path), root)
    if as_json:
        click.echo(json.dumps(found))
        return
    for line in table_lines(found["stages"]):
        click.echo(line)
