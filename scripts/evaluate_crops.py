"""`lasagnette evaluate crops`: detection and calibration nets on fixed crops."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scripts.computing import THREADS_OPTION, without_compiler
from scripts.data import DATA_OPTION, data_folder
from scripts.evaluate_options import CASCADE_OPTION
from scripts.progress import Progress

if TYPE_CHECKING:
    import numpy as np

    from augment.index import Index

__all__ = ["crops", "measure_calibration", "measure_crops"]

BATCH = 512
FACES = 32  # whose 45 crops each lie in memory at once
DIGITS = 5

Logits = Callable[["np.ndarray"], "np.ndarray"]  # crops (n, 3, side, side), uint8: (n, classes)


@click.command()
@click.argument("net", metavar="NET|WEIGHTS")
@CASCADE_OPTION
@DATA_OPTION
@THREADS_OPTION
def crops(net: str, cascade: str | None, data: str | None, threads: int | None) -> None:
    """Print how good a net is on fixed crops of the tuning side, as JSON.

    NET is the name of a net of the cascade (net12, net12_cal, ...); WEIGHTS is a file that training
    wrote.

    A detection net's crops are every face once and three squares without a face for each. A
    calibration net's are every face in each of the 45 classes: `accuracy` counts the right ones,
    and `iou_before` and `iou_after` are the mean intersection over union of the crops' squares
    with the faces', before and after the net has moved them.
    """
    folder = data_folder(data)
    without_compiler()

    from augment.calibration import CLASSES
    from augment.fixed import fixed_set
    from augment.splits import tune_set, validation_set
    from lasagnette.ops.kernels.pools import threads as limited

    name, side, classes, logits = _net(net, cascade)
    if classes not in (2, len(CLASSES)):
        raise click.BadParameter(
            f"{net} has {classes} classes; a detection net has 2, a calibration net {len(CLASSES)}."
        )
    say = partial(click.echo, err=True)
    with limited(threads, compiled=False):
        if classes == 2:
            say("Cutting the validation crops ...")
            batch = fixed_set(validation_set(folder, say), side, report=say)
            found: dict[str, Any] = measure_crops(logits, *batch)
        else:
            index = tune_set(folder, report=say)
            found = measure_calibration(logits, index.select(~index.undrawn), side)
    click.echo(json.dumps({"net": name, **found}))


def _net(net: str, cascade: str | None) -> tuple[str, int, int, Logits]:
    """Name, side, classes and logits of a net of the cascade or of a weights file."""
    from cascade import bundle

    if os.path.exists(net) or Path(net).suffix == ".h5" or Path(net).name != net:
        return _trained(net)
    stages = bundle.load(cascade).stages
    nets = [one for s in stages for one in (s.detection, s.calibration) if one is not None]
    for one in nets:
        if one.name == net:
            return one.name, one.side, one.plan.classes, one.logits
    named = ", ".join(one.name for one in nets)
    raise click.BadParameter(f"the cascade has no net {net!r}; it has {named}.")


def _trained(path: str) -> tuple[str, int, int, Logits]:
    """The same of a file that training wrote."""
    from nets.inference import forward
    from nets.registry import spec
    from nets.weights import load

    loaded = load(path)
    known, run = spec(loaded.name), forward(loaded.layer)
    return loaded.name, known.side, known.classes, lambda crops: run(loaded.scaling.apply(crops))


def measure_crops(logits: Logits, images: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Return how well a detection net tells faces from background.

    Parameters
    ----------
    logits
        The net: from uint8 crops `(n, 3, side, side)` to `(n, 2)`.
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
    right = _in_batches(logits, images).argmax(axis=1) == labels
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


def measure_calibration(logits: Logits, faces: Index, side: int) -> dict[str, float]:
    """Return how well a calibration net moves squares onto the faces.

    Parameters
    ----------
    logits
        The net: from uint8 crops `(n, 3, side, side)` to `(n, 45)`.
    faces
        Rows of faces, each of which is cut in all 45 classes.
    side
        Rows and columns of the net's input.

    Returns
    -------
    dict
        `faces` (those that could be read) and `crops` (counts), `accuracy` among the 45 classes,
        `iou_before` and `iou_after`.
    """
    import numpy as np

    from augment.calibration import CLASSES, adjust, encode
    from augment.fixed import calibration_set
    from nets.plan import softmax

    # The overlaps do not depend on where a face lies and how large it is.
    unit = np.array([0, 0, 1, 1], np.float32)
    right, before, after = [np.empty(0, bool)], [np.empty(0)], [np.empty(0)]
    with Progress(len(faces), "faces") as progress:
        for first in range(0, len(faces), FACES):
            part = faces.select(np.arange(first, min(first + FACES, len(faces))))
            images, labels = calibration_set(part, side, report=progress.note)
            probabilities = softmax(_in_batches(logits, images))
            frames = encode(np.tile(unit, (len(labels), 1)), labels)
            right.append(probabilities.argmax(axis=1) == labels)
            before.append(_overlap(frames, unit))
            after.append(_overlap(adjust(frames, probabilities), unit))
            progress.advance(len(part))
    told = np.concatenate(right)
    if not len(told):
        raise click.ClickException("none of the faces could be read.")
    return {
        "faces": len(told) // len(CLASSES),
        "crops": len(told),
        "accuracy": round(float(told.mean()), DIGITS),
        "iou_before": round(float(np.concatenate(before).mean()), DIGITS),
        "iou_after": round(float(np.concatenate(after).mean()), DIGITS),
    }


def _overlap(frames: np.ndarray, face: np.ndarray) -> np.ndarray:
    from augment.boxes import iou_matrix

    return iou_matrix(frames, face[None])[:, 0]


def _in_batches(logits: Logits, images: np.ndarray) -> np.ndarray:
    import numpy as np

    starts = range(0, max(len(images), 1), BATCH)
    return np.concatenate([logits(images[first : first + BATCH]) for first in starts])
