"""What a finished training is measured by: more than its curves, on the whole fixed sets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from augment.fixed import changed_set, fixed_set
from augment.index import Index
from augment.samples import Batch
from augment.smiley_splits import smiley_sets
from augment.splits import tune_set, validation_set
from augment.transforms import Intervals
from nets.inference import forward
from nets.registry import spec
from nets.training import score
from nets.weights import load
from scripts.cascade_road import folded
from scripts.evaluate_crops import measure_calibration
from scripts.smileys_measures import (
    as_smile_net,
    baselines,
    find_faces,
    measure_square,
    told_alone,
    told_by_vote,
)

if TYPE_CHECKING:
    from scripts.runner import Settings

__all__ = ["CALIBRATION_FACES", "measure"]

CALIBRATION_FACES = 150
"""Faces of the tuning side that a calibration net is measured on, in all 45 classes."""

CHANGED_SEED = 0  # of the augmented test set, the same for every training
BATCH = 512

Logits = Callable[[np.ndarray], np.ndarray]


def measure(
    weights: Path, settings: Settings, data: Path, say: Callable[[str], None], every: int = 1
) -> dict[str, float]:
    """Measure a net on the fixed sets of the tuning side.

    Parameters
    ----------
    weights
        The net's file.
    settings
        Of its training.
    data
        Folder of fddb/, lfw/ and negatives/.
    say
        Takes one line for the terminal.
    every
        Take one crop, or one face, in so many.

    Returns
    -------
    dict
        Of a detection net `accuracy`, `balanced_accuracy`, `precision`, `recall` and `loss`, each
        for the sets `clean/` (as the frames stand), `augmented/` (changed at random once, by the
        article's intervals) and `fddb/` (only the faces of FDDB, with all backgrounds); of a
        calibration net `calibration/` with `accuracy`, `iou_before` and `iou_after`; of a smiley
        net `accuracy` and `macro_f1` of the held-out frames, each for `labelled/` squares, for the
        `detector/`'s squares and for the `vote/` of their neighbours, and of the baselines
        `frequent/` and `neighbour/`, and `found`, the share of the faces that the detector found.
        Shares lie between 0 and 1. And of a detection net `dead/logits`: the share of clean crops
        for which all outputs are 0.
    """
    if settings.task == "classes":
        return _measure_smileys(weights, settings, data, say, every)
    loaded = load(weights)
    run = forward(loaded.layer)
    side = spec(loaded.name).side

    def logits(crops: np.ndarray) -> np.ndarray:
        return run(loaded.scaling.apply(crops))

    if settings.task == "calibration":
        index = tune_set(data, report=say)
        faces = index.select(~index.undrawn)
        rows = np.linspace(0, len(faces) - 1, min(len(faces), max(1, CALIBRATION_FACES // every)))
        found = measure_calibration(logits, faces.select(rows.astype(int)), side)
        return {
            f"calibration/{name}": found[name] for name in ("accuracy", "iou_before", "iou_after")
        }
    index = validation_set(data, say)
    index = index.select(np.arange(0, len(index), every))
    clean = fixed_set(index, side, report=say)
    outputs = _in_batches(logits, clean.images)
    sets = {"clean": (outputs, clean.labels)}
    if len(clean.labels) == len(index):  # else a picture could not be read
        ours = _without_lfw(index)
        sets["fddb"] = (outputs[ours], clean.labels[ours])
    augmented: Batch = changed_set(index, side, Intervals(), CHANGED_SEED, report=say)
    sets["augmented"] = (_in_batches(logits, augmented.images), augmented.labels)
    measures = {
        f"{name}/{key}": float(value)
        for name, (values, labels) in sets.items()
        for key, value in vars(score(values, labels)).items()
        if value is not None
    }
    return {**measures, "dead/logits": float((outputs == 0).all(axis=1).mean())}


def _measure_smileys(
    weights: Path, settings: Settings, data: Path, say: Callable[[str], None], every: int
) -> dict[str, float]:
    learnt, held = smiley_sets(data, settings.split, say)
    held = held.select(np.arange(0, len(held), every))
    net = as_smile_net(folded(weights), measure_square(learnt))
    found = find_faces(held)
    told = {
        **baselines(learnt, held),
        "labelled": told_alone(net, held),
        **told_by_vote(net, held, found),
    }
    names = {"most frequent": "frequent", "nearest neighbour": "neighbour"}
    names |= {"detector's square": "detector", "vote of 45": "vote"}
    measures = {
        f"{names.get(name, name)}/{key}": float(getattr(one, key))
        for name, one in told.items()
        for key in ("accuracy", "macro_f1")
    }
    return {**measures, "found": len(found.rows) / max(1, len(held))}


def _without_lfw(index: Index) -> np.ndarray:
    return index.source != "lfw"


def _in_batches(logits: Logits, images: np.ndarray) -> np.ndarray:
    starts = range(0, max(1, len(images)), BATCH)
    return np.concatenate([logits(images[first : first + BATCH]) for first in starts])
