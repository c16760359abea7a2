"""The smiley frames that net_smiles is trained from, and those that its epochs are measured on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from augment.emotions import emotion_set
from augment.fixed import changed_set, fixed_set
from augment.index import Index, concat
from augment.recipe import Recipe
from augment.samples import Batch
from augment.smiley_splits import Split, all_smileys, balanced, smiley_sets

__all__ = ["CHANGES", "count_smileys", "smiley_crops", "smiley_indexes"]

CHANGES: dict[str, Any] = {
    **{"move": 0.17, "scale": (0.8, 1.25), "stretch": 1.15, "rotation": 15.0},
    **{"brightness": 40.0, "contrast": 1.6, "grey": 0.2, "blur": 1.0, "noise": 6.0},
    "unchanged": 0.3,
}
"""Random changes of a smiley net's samples, wider than those of detection and of light and colour,
too: fifteen people were filmed in fifteen lights. So wide that a net learns slowly what the frames
themselves look like, unless some samples are spared. Mirroring changes no label: a wink is a wink
with either eye, and a mouth is skewed to either side in one class."""


def smiley_indexes(
    data: Path,
    split: Split,
    *,
    emotions: float,
    everything: bool,
    epoch_samples: int | None,
    say: Callable[[str], None],
) -> tuple[Index, Index]:
    """Return what is learnt from, every smiley equally often, and the held-out frames.

    Parameters
    ----------
    data
        Folder of smileys/, and of lfw/ for emotions.
    split
        What is held out.
    emotions
        Share of the samples that are LFW's faces with their emotions, below 1.
    everything
        Whether to learn from the held-out frames, too.
    epoch_samples
        About how many samples an epoch has; None for as many as there are frames.
    say
        Takes one line for the terminal.

    Raises
    ------
    DataError
        If the data set is missing.
    """
    learnt, held = smiley_sets(data, split, say)
    if not len(held):
        say(f"No {split} can be held out of these few frames: the epochs are not measured.")
    index = balanced(all_smileys(data, say) if everything else learnt)
    if epoch_samples is not None:
        index = _shown(index, epoch_samples)
    if emotions:
        total = float(index.weights.sum())
        people = _shown(emotion_set(data, say), total * emotions)
        index = concat([_shown(index, total * (1 - emotions)), people])
    return index, held


def _shown(index: Index, samples: float) -> Index:
    """The same rows, of which an epoch shows so many."""
    factor = samples / index.weights.sum(dtype=np.float64)
    return replace(index, weights=(index.weights * factor).astype(np.float32))


def smiley_crops(
    held: Index, recipe: Recipe, say: Callable[[str], None], *, changed: int | None = None
) -> Batch:
    """Return crops of held-out frames.

    Parameters
    ----------
    held
        Frames.
    recipe
        The net's side and intervals.
    say
        Takes one line for the terminal.
    changed
        Change the crops at random, by the recipe's intervals; the key of chance.
    """
    if changed is None or recipe.intervals is None:
        return fixed_set(held, recipe.side, report=say)
    return changed_set(held, recipe.side, recipe.intervals, changed, report=say)


def count_smileys(index: Index, validation: Batch) -> dict[str, int]:
    """Return how many frames and people are learnt from, and how many frames are held out."""
    ours = index.source == "smileys"
    counts = {
        "train_frames": int(ours.sum()),
        "train_people": len(set(index.group[ours].tolist())),
        "emotion_pictures": int((~ours).sum()),
        "validation_frames": len(validation.labels),
    }
    return {name: count for name, count in counts.items() if count}
