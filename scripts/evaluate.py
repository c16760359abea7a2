"""`lasagnette evaluate`: accuracy on held-out crops, and the FDDB protocol."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scripts.computing import THREADS_OPTION, without_compiler
from scripts.data import DATA_OPTION, data_folder
from scripts.files import writable_folder
from scripts.progress import Progress

if TYPE_CHECKING:
    import numpy as np

    from augment.datasets.fddb import FddbRecord
    from cascade.evaluation import Roc
    from nets.weights import Loaded

__all__ = ["evaluate", "measure_crops"]

FEW_ERRORS = (0.02, 0.06, 0.35, 1.0)  # false positives per photograph at which rates are given
BATCH = 512
DIGITS = 5


@click.group()
def evaluate() -> None:
    """Measure a net on held-out crops, or the detector on FDDB.

    \b
    lasagnette evaluate crops net12
    lasagnette evaluate fddb --folds 06,07,08 --out roc
    """


@evaluate.command()
@click.argument("net", metavar="NET|WEIGHTS")
@DATA_OPTION
@THREADS_OPTION
def crops(net: str, data: str | None, threads: int | None) -> None:
    """Print the accuracy of a net on the fixed validation crops, as JSON.

    NET names pretrained weights (net12, net48); WEIGHTS is a file that training wrote. The crops
    are every face of the tuning side once and three squares without a face for each.
    """
    folder = data_folder(data)
    without_compiler()

    from augment.fixed import fixed_set
    from augment.splits import validation_set
    from lasagnette import backend
    from nets.registry import names, spec
    from nets.weights import load, pretrained

    loaded = load(pretrained(net) if net in names() else net)
    say = partial(click.echo, err=True)
    with backend.threads(threads, compiled=False):
        say("Cutting the validation crops ...")
        batch = fixed_set(validation_set(folder, say), spec(loaded.name).side, report=say)
        click.echo(json.dumps({"net": loaded.name, **measure_crops(loaded, *batch)}))


def _parse_folds(ctx: click.Context, parameter: click.Parameter, value: str) -> list[int]:
    if not re.fullmatch(r"\d+(,\d+)*", value):
        raise click.BadParameter(f"{value!r} is no list of numbers such as 06,07,08.")
    return sorted({int(number) for number in value.split(",")})


@evaluate.command()
@click.option(
    "--folds",
    default="06,07,08",
    show_default=True,
    callback=_parse_folds,
    metavar="LIST",
    help="Folds of FDDB; 06, 07 and 08 were never trained or tuned on.",
)
@click.option(
    "--min-face",
    type=click.FloatRange(min=1),
    default=20,
    show_default=True,
    metavar="PIXELS",
    help="Smallest face looked for.",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    default=0.02,
    show_default=True,
    metavar="SCORE",
    help="Detections from this score on; the curve needs weak ones, too.",
)
@click.option(
    "--stretch",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    metavar="FACTOR",
    help="Stretch the squares vertically for FDDB's ellipses; published curves often use 1.2.",
)
@click.option(
    "--weights",
    type=click.Path(exists=True, file_okay=False),
    metavar="FOLDER",
    help="Folder of net12.h5 and net48.h5  [default: the pretrained ones]",
)
@click.option("--out", metavar="FOLDER", help="Write roc.csv and roc.png there.")
@DATA_OPTION
@THREADS_OPTION
@click.pass_context
def fddb(
    ctx: click.Context,
    folds: list[int],
    min_face: float,
    threshold: float,
    stretch: float,
    weights: str | None,
    out: str | None,
    data: str | None,
    threads: int | None,
) -> None:
    """Run the detector on folds of FDDB and evaluate it by FDDB's protocol.

    Prints, as JSON, the share of faces found (discrete and continuous) at 0.02, 0.06, 0.35 and 1
    false positives per photograph. The figures belong to the photographs that are there: those of
    a part of FDDB cannot be set beside published curves of the whole.
    """
    root = data_folder(data)
    folder = writable_folder(out, "--out") if out is not None else None
    without_compiler()

    from augment.datasets import fddb as reader
    from cascade.detector import load_pretrained
    from cascade.evaluation import rate_at
    from lasagnette import backend

    dataset = reader.load(root / "fddb", folds)
    absent = set(folds) - {record.fold for record in dataset}
    if absent:
        raise click.UsageError(f"{root}/fddb has no fold {', '.join(map(str, sorted(absent)))}.")
    detector = load_pretrained(weights=weights, threshold=threshold, min_face=min_face)
    with (
        backend.threads(threads, compiled=False),
        Progress(len(dataset), "photographs") as progress,
    ):
        for problem in dataset.problems:
            progress.note(problem)
        curve, failed = _measure_fddb(detector, dataset.root, dataset.records, stretch, progress)
    rates = {
        f"{errors:g}": {
            kind: round(rate_at(curve, errors, kind=kind), DIGITS)
            for kind in ("discrete", "continuous")
        }
        for errors in FEW_ERRORS
    }
    listed = [f"{fold:02d}" for fold in folds]
    if folder is not None:
        _write_curve(curve, folder, f"FDDB, folds {', '.join(listed)}")
    result = {"folds": listed, "photographs": curve.images, "faces": curve.faces}
    click.echo(json.dumps({**result, "stretch": stretch, "rates": rates}))
    if failed:
        ctx.exit(1)


def _measure_fddb(
    detector: Any, root: Path, records: Sequence[FddbRecord], stretch: float, progress: Progress
) -> tuple[Roc, int]:
    """Return the curve, and how many photographs could not be evaluated."""
    from augment.errors import ImageError
    from augment.images import read_image
    from cascade.evaluation import Annotation, roc

    sizes: dict[int, tuple[int, int]] = {}

    def photos() -> Iterator[tuple[int, np.ndarray | Exception]]:
        for number, record in enumerate(records):
            try:
                image = read_image(root / record.path)
            except ImageError as error:
                yield number, error
            else:
                sizes[number] = image.shape[:2]
                yield number, image

    annotations, detections, failed = [], [], 0
    for number, found in detector.detect_many(photos()):
        progress.advance()
        if isinstance(found, Exception):
            progress.note(f"{records[number].path}: left out ({found})")
            failed += 1
            continue
        annotations.append(Annotation(records[number].ellipses, *sizes.pop(number)))
        detections.append((found.boxes, found.scores))
    if not annotations:
        raise click.ClickException("none of the photographs could be read.")
    return roc(annotations, detections, vertical_stretch=stretch), failed


def _write_curve(curve: Roc, folder: Path, name: str) -> None:
    from scripts.plot import draw_roc

    errors = curve.false_positives / curve.images
    with (folder / "roc.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["score", "false_positives", "discrete", "continuous"])
        table.writerows(
            zip(
                curve.thresholds.tolist(),
                curve.false_positives.tolist(),
                curve.discrete.tolist(),
                curve.continuous.tolist(),
                strict=True,
            )
        )
    draw_roc(
        folder / "roc.png",
        {"discrete": (errors, curve.discrete), "continuous": (errors, curve.continuous)},
        title=f"{name}: {curve.images} photographs, {curve.faces} faces",
    )


def measure_crops(net: Loaded, images: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Return how well a detection net tells faces from background.

    Parameters
    ----------
    net
        The net and its scaling.
    images
        uint8 `(n, 3, side, side)`.
    labels
        `(n,)`: 1 face, 0 background; both occur.

    Returns
    -------
    dict
        `faces` and `backgrounds` (counts), `accuracy`, `balanced_accuracy` (mean of the shares of
        faces and of backgrounds that are told right), `faces_right`, `backgrounds_right`.
    """
    import numpy as np

    from nets.inference import forward

    run = forward(net.layer)
    parts = [images[first : first + BATCH] for first in range(0, len(images), BATCH)]
    found = np.concatenate([run(net.scaling.apply(part)).argmax(axis=1) for part in parts])
    right = found == labels
    faces, backgrounds = labels == 1, labels == 0
    shares = float(right[faces].mean()), float(right[backgrounds].mean())
    return {
        "faces": int(faces.sum()),
        "backgrounds": int(backgrounds.sum()),
        "accuracy": round(float(right.mean()), DIGITS),
        "balanced_accuracy": round(sum(shares) / 2, DIGITS),
        "faces_right": round(shares[0], DIGITS),
        "backgrounds_right": round(shares[1], DIGITS),
    }
