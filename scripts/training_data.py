"""The index that a net is trained from, and the crops that its epochs are measured on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

import numpy as np

from augment import index as indexes
from augment.calibration import CLASSES
from augment.fixed import calibration_set, changed_set, fix_backgrounds, fixed_set
from augment.index import BACKGROUND, FACE, Index
from augment.recipe import Recipe
from augment.samples import Batch
from augment.splits import report_set, train_set, tune_set, validation_set
from scripts.errors import RunError

__all__ = ["count_samples", "hash_samples", "training_index", "validation_crops", "watched_faces"]

CALIBRATION_FACES = 150
"""Faces of the tuning side that a calibration net is measured on, 45 crops of each."""


def training_index(
    data: Path,
    *,
    hard_negatives: str | None,
    hard_share: float,
    fddb_repeats: int,
    epoch_samples: int | None,
    recipe: Recipe,
    everything: bool,
    sources: Collection[str],
    fixed: float | None,
    seed: int,
    say: Callable[[str], None],
) -> Index:
    """Return the training side of the research data, weighted.

    Parameters
    ----------
    data
        Folder of fddb/, lfw/ and negatives/.
    hard_negatives
        An index of background frames.
    hard_share
        Which part of the backgrounds is taken from it, below 1.
    fddb_repeats
        How often an epoch shows each face of FDDB.
    epoch_samples
        About how many samples an epoch has; None for all there are.
    recipe
        What will be made of the index.
    everything
        Whether to add the tuning and the reporting side, for weights that no figure is given of.
    sources
        Data sets of the training side that are used.
    fixed
        Squares for each face that are drawn once and for all; None draws them anew every time.
    seed
        Key of the fixed squares.
    say
        Takes one line for the terminal.

    Raises
    ------
    RunError
        If the mined index does not fit, or there is no face.
    DataError
        If a data set is missing.
    """
    index = train_set(data, sources, report=say)
    if everything:
        index = indexes.concat([index, tune_set(data, report=say), report_set(data, report=say)])
    faces = index.labels == FACE
    if not faces.any():
        raise RunError(f"{data}: the training side has no face")
    repeated = faces & (index.source == "fddb")
    weights = np.where(repeated, index.weights * fddb_repeats, index.weights)
    if epoch_samples is not None:
        calibrates = recipe.task == "calibration"
        of_a_face = len(CLASSES) if calibrates else 1 + recipe.backgrounds_per_face
        weights[faces] *= epoch_samples / (of_a_face * weights[faces].sum())
    index = replace(index, weights=weights.astype(np.float32))
    if recipe.task == "calibration":
        return index.select(faces)
    if fixed is not None:
        wanted = round(np.count_nonzero(faces) * fixed)
        index = fix_backgrounds(index, wanted, seed=seed, report=say)
    if hard_negatives is not None:
        hard = indexes.load(hard_negatives, data)
        if (hard.labels != BACKGROUND).any():
            raise RunError(f"{hard_negatives}: holds faces, not only background frames")
        if not len(hard):
            raise RunError(f"{hard_negatives}: holds no frame; mine more pictures")
        others = index.weights[index.labels == BACKGROUND].sum()
        weight = others / hard.weights.sum() * hard_share / (1 - hard_share)
        index = indexes.merge([(index, 1.0), (hard, weight)])
    return index


def validation_crops(
    data: Path,
    recipe: Recipe,
    file: str | None,
    say: Callable[[str], None],
    *,
    every: int = 1,
    changed: int | None = None,
) -> Batch:
    """Return fixed crops of the tuning side.

    Parameters
    ----------
    data
        Folder of fddb/, lfw/ and negatives/.
    recipe
        The net's side and task.
    file
        An index of fixed frames to cut, for a calibration net its faces in every class; by default
        the validation set, and for a calibration net `CALIBRATION_FACES` faces of the tuning side.
    say
        Takes one line for the terminal.
    every
        Take one frame of a detection set, one face of a calibration set, in so many.
    changed
        Change a detection set's crops at random, by the recipe's intervals; the key of chance.

    Raises
    ------
    RunError
        If the index has no face.
    DataError
        If a data set is missing, or the index has squares that are still to be drawn.
    """
    given = None if file is None else indexes.load(file, data)
    if given is not None and not (given.labels == FACE).any():
        raise RunError(f"{file}: holds no face to measure the epochs on")
    if recipe.task == "detection":
        index = validation_set(data, say) if given is None else given
        index = _every(index, every)
        if changed is None or recipe.intervals is None:
            return fixed_set(index, recipe.side, report=say)
        return changed_set(index, recipe.side, recipe.intervals, changed, report=say)
    if given is not None:
        return calibration_set(_every(given, every), recipe.side, report=say)
    index = tune_set(data, report=say)
    faces = np.flatnonzero(index.labels == FACE)
    # As many of FDDB's as of LFW's, whose faces are all frontal.
    chosen = [
        _spread(faces[(index.source[faces] == "fddb") == ours], CALIBRATION_FACES // 2)
        for ours in (True, False)
    ]
    return calibration_set(
        _every(index.select(np.concatenate(chosen)), every), recipe.side, report=say
    )


def _every(index: Index, every: int) -> Index:
    return index.select(np.arange(0, len(index), every))


def _spread(rows: np.ndarray, count: int) -> np.ndarray:
    """At most `count` of the rows, at equal distances."""
    return rows[:: max(1, len(rows) // count)][:count]


def watched_faces(data: Path) -> Index:
    """Return the tuning side, whose first photographs a training looks at now and then."""
    return tune_set(data, report=lambda problem: None)  # told when the validation crops were cut


def count_samples(index: Index, validation: Batch) -> dict[str, int]:
    """Return how many different samples there are; pictures give squares without end."""

    def frames(rows: np.ndarray) -> int:
        return len(set(zip(index.paths[rows], map(tuple, index.frames[rows]), strict=True)))

    drawn = index.undrawn
    return {
        "train_faces": frames(index.labels == FACE),
        "train_background_pictures": len(np.unique(index.paths[drawn])),
        "train_background_frames": frames((index.labels == BACKGROUND) & ~drawn),
        "validation_samples": len(validation.labels),
    }


def hash_samples(index: Index, validation: Batch) -> dict[str, str]:
    """Return what tells whether two trainings saw the same data, as hexadecimal SHA-256.

    Returns
    -------
    dict
        `train`: of the index's rows and the bytes of its files; `validation`: of the crops.
    """
    train = hashlib.sha256()
    for name in ("paths", "frames", "labels", "weights", "face_paths", "face_frames"):
        train.update(np.ascontiguousarray(getattr(index, name)).tobytes())
    _, rows = np.unique(index.paths, return_index=True)
    for row in rows:
        try:
            train.update(Path(index.file(row)).read_bytes())
        except OSError:  # left out of the minibatches, too
            train.update(b"unreadable")
    crops = hashlib.sha256(validation.images.tobytes())
    crops.update(validation.labels.tobytes())
    return {"train": train.hexdigest(), "validation": crops.hexdigest()}
