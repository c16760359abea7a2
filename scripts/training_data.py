"""The index that a detection net is trained from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from augment import index as indexes
from augment.fixed import fix_backgrounds
from augment.index import BACKGROUND, FACE, Index
from augment.samples import Batch
from augment.splits import train_set
from scripts.errors import RunError

__all__ = ["count_samples", "training_index"]


def training_index(
    data: Path,
    *,
    hard_negatives: str | None,
    fddb_repeats: int,
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
        An index of background frames that are shown as often as all other squares together.
    fddb_repeats
        How often an epoch shows each face of FDDB.
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
    index = train_set(data, report=say)
    faces = index.labels == FACE
    if not faces.any():
        raise RunError(f"{data}: the training side has no face")
    repeated = faces & (index.source == "fddb")
    weights = np.where(repeated, index.weights * fddb_repeats, index.weights)
    index = replace(index, weights=weights.astype(np.float32))
    if fixed is not None:
        wanted = round(np.count_nonzero(faces) * fixed)
        index = fix_backgrounds(index, wanted, seed=seed, report=say)
    if hard_negatives is not None:
        hard = indexes.load(hard_negatives, data)
        if (hard.labels != BACKGROUND).any():
            raise RunError(f"{hard_negatives}: holds faces, not only background frames")
        if not len(hard):
            raise RunError(f"{hard_negatives}: holds no frame; mine more pictures")
        weight = np.count_nonzero(index.labels == BACKGROUND) / len(hard)
        index = indexes.merge([(index, 1.0), (hard, weight)])
    return index


def count_samples(index: Index, validation: Batch) -> dict[str, int]:
    """Return how many different samples there are; pictures give squares without end."""

    def frames(rows: np.ndarray) -> int:
        return len(set(zip(index.paths[rows], map(tuple, index.frames[rows]), strict=True)))

    drawn = index.undrawn
    return {
        "train_faces": frames(index.labels == FACE),
        "train_background_pictures": len(np.unique(index.paths[drawn])),
        "train_background_frames": frames((index.labels == BACKGROUND) & ~drawn),
        "validation_faces": int(np.count_nonzero(validation.labels == FACE)),
        "validation_backgrounds": int(np.count_nonzero(validation.labels == BACKGROUND)),
    }
