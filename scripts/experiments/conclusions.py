"""What the conclusions of several experiments have in common: tables, curves, comparisons."""

from __future__ import annotations

import numpy as np

from scripts.experiments.recipe import Plot, Table
from scripts.experiments.results import Results, mean_and_spread, percent

__all__ = [
    "better",
    "curves",
    "detection_table",
    "jumps",
    "mean",
    "overfit",
    "points",
    "said",
    "samples_to",
]


def mean(results: Results, measure: str, variant: str) -> float:
    """Return the mean of a measure over the seeds."""
    return float(results.measure(measure, variant).mean())


def said(results: Results, measure: str, variant: str) -> str:
    """Write a measure's mean and spread over the seeds as a percentage."""
    return mean_and_spread(results.measure(measure, variant))


def points(difference: float) -> str:
    """Write a difference of two shares as percentage points, with its sign."""
    return f"{100 * difference:+.2f} points"


def better(results: Results, measure: str, one: str, other: str) -> bool:
    """Tell whether `one` is better than `other` with every seed, and there are at least three."""
    first, second = results.measure(measure, one), results.measure(measure, other)
    seeds = min(len(first), len(second))
    return seeds >= 3 and bool((first[:seeds] > second[:seeds]).all())


def detection_table(results: Results) -> Table:
    """Return the measures of detection nets on the whole fixed validation sets."""
    return results.table(
        "Last weights on the fixed validation crops (every face of the tuning side once, three "
        "squares without a face for each): mean ± standard deviation over the seeds. Whoever calls "
        f"everything background has {percent(0.75, 0)}.",
        {
            "clean/accuracy": "accuracy",
            "clean/balanced_accuracy": "balanced",
            "clean/precision": "precision",
            "clean/recall": "recall",
            "augmented/accuracy": "accuracy, augmented set",
            "fddb/recall": "recall of FDDB's faces",
            "dead/logits": "both outputs 0",
        },
    )


def curves(results: Results, caption: str, low: float = 0.7) -> Plot:
    """Return losses and accuracies of training (dashed) and validation."""
    return Plot(
        "curves",
        caption
        + " Solid: validation, dashed: training, with dropout on; bands: lowest and highest of the "
        "seeds. The first epoch is cut off, as in the articles.",
        (
            results.panel("loss", "valid/loss", beside="train/loss", low=0, skip=1),
            results.panel(
                "accuracy", "valid/accuracy", beside="train/accuracy", low=low, high=1, skip=1
            ),
        ),
    )


def jumps(results: Results, variant: str, tag: str = "valid/accuracy") -> float:
    """Return the largest fall of a curve from one epoch to the next, after a quarter of them.

    The mean over the seeds.
    """
    _, values = results.curve(tag, variant)
    late = values[:, values.shape[1] // 4 :]
    falls = -np.diff(late, axis=1)
    return float(falls.max(axis=1, initial=0).mean())


def overfit(results: Results, variant: str) -> float:
    """Return by how much the validation loss ends above its lowest value, the seeds' mean."""
    _, values = results.curve("valid/loss", variant)
    return float((values[:, -1] - values.min(axis=1)).mean())


def samples_to(results: Results, variant: str, share: float, bottom: float) -> np.ndarray:
    """Return after how many samples a variant has gone a share of its way, one for each seed.

    The way leads from `bottom` to its own last validation accuracy, and the curve of the epochs
    is read by linear interpolation. One that does not lead upwards takes all samples.
    """
    x, values = results.curve("valid/accuracy", variant)
    x = np.concatenate([[0], x])
    reached = []
    for curve in values:
        goal = bottom + share * (curve[-1] - bottom)
        way = np.maximum.accumulate(np.concatenate([[bottom], curve]))
        reached.append(float(np.interp(goal, way, x) if curve[-1] > bottom else x[-1]))
    return np.array(reached)
