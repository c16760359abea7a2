"""Smileys with random frames held out."""

from __future__ import annotations

from scripts.experiments.smileys import smileys

__all__ = ["EXPERIMENT"]

EXPERIMENT = smileys(
    "frames",
    "random frames",
    "Good results on frames beside those learnt, once the data were augmented; without, terrible.",
)
