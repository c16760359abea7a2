"""`lasagnette evaluate backgrounds`: false alarms on pictures without faces."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import click

from scripts.computing import THREADS_OPTION, without_compiler
from scripts.data import DATA_OPTION, data_folder
from scripts.evaluate_options import CASCADE_OPTION, MIN_FACE_OPTION
from scripts.progress import Progress

if TYPE_CHECKING:
    import numpy as np

    from augment.index import Index

__all__ = ["GOAL", "backgrounds"]

GOAL = 0.02  # detections per picture: fewer than one in fifty pictures
DIGITS = 5


@click.command()
@click.option(
    "--side",
    type=click.Choice(["tune", "train"]),
    default="tune",
    show_default=True,
    help="Part of the face-free pictures; the nets were trained on the other one.",
)
@MIN_FACE_OPTION
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    metavar="SCORE",
    help="Smallest score of a face  [default: as tuned with the cascade]",
)
@click.option("--list", "listed", is_flag=True, help="Name each detection's picture, on stderr.")
@CASCADE_OPTION
@DATA_OPTION
@THREADS_OPTION
@click.pass_context
def backgrounds(
    ctx: click.Context,
    side: str,
    min_face: float,
    threshold: float | None,
    listed: bool,
    cascade: str | None,
    data: str | None,
    threads: int | None,
) -> None:
    """Count what the detector finds in the pictures without faces, where all is false.

    Prints JSON: pictures, detections, how many per picture, in how many pictures, and the goal:
    fewer than one in fifty pictures. With --list, a line for each detection on stderr: its score,
    x, y, width and height in pixels, and the picture's file.
    """
    root = data_folder(data)
    without_compiler()

    from augment.splits import train_set, tune_set
    from cascade.detector import Detector
    from lasagnette.ops.kernels.pools import threads as limited

    say = partial(click.echo, err=True)
    index = (tune_set if side == "tune" else train_set)(root, ("negatives",), say)
    pictures = index.select(index.undrawn)
    if not len(pictures):
        raise click.ClickException(f"{root}/negatives has no picture of the {side} side.")
    detector = Detector(cascade, threshold=threshold, min_face=min_face)
    count = detections = fired = failed = 0
    with limited(threads, compiled=False), Progress(len(pictures), "pictures") as progress:
        for path, found in detector.detect_many(_read(pictures)):
            progress.advance()
            if isinstance(found, Exception):
                progress.note(f"{path}: left out ({found})")
                failed += 1
                continue
            count += 1
            detections += len(found.boxes)
            fired += len(found.boxes) > 0
            if listed:
                for box, score in zip(found.boxes.tolist(), found.scores.tolist(), strict=True):
                    place = " ".join(f"{value:.1f}" for value in box)
                    progress.note(f"{score:.4f}  {place}  {path}")
    if not count:
        raise click.ClickException("none of the pictures could be read.")
    result = {
        "side": side,
        "pictures": count,
        "detections": detections,
        "per_picture": round(detections / count, DIGITS),
        "pictures_with_detections": fired,
        "goal": f"fewer than {GOAL:g} per picture",
        "reached": detections / count < GOAL,
        "threshold": detector.cascade.thresholds[-1],
        "min_face": min_face,
    }
    click.echo(json.dumps(result))
    if failed:
        ctx.exit(1)


def _read(pictures: Index) -> Iterator[tuple[str, np.ndarray | Exception]]:
    from augment.errors import ImageError
    from augment.images import read_image

    for row, path in enumerate(pictures.paths.tolist()):
        image: np.ndarray | Exception
        try:
            image = read_image(pictures.file(row))
        except ImageError as error:
            image = error
        yield path, image
