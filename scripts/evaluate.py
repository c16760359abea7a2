"""`lasagnette evaluate`: accuracy on held-out crops, and the FDDB protocol."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

import click

from scripts.computing import THREADS_OPTION, threads_limited, without_compiler
from scripts.data import DATA_OPTION, data_folder

if TYPE_CHECKING:
    import numpy as np

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

    from augment.batches import fixed_set
    from augment.splits import validation_set
    from nets.registry import names, spec
    from nets.weights import load, pretrained

    loaded = load(pretrained(net) if net in names() else net)
    say = partial(click.echo, err=True)
    with threads_limited(threads):
        say("Cutting the validation crops ...")
        batch = fixed_set(validation_set(folder, say), spec(loaded.name).side, report=say)
        click.echo(json.dumps({"net": loaded.name, **measure_crops(loaded, *batch)}))


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
