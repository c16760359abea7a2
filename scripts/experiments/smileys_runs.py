"""Smileys with whole runs of neighbouring frames held out."""

from __future__ import annotations

from scripts.experiments.smileys import smileys

__all__ = ["EXPERIMENT"]

EXPERIMENT = smileys(
    "runs",
    "whole runs of frames",
    "Not measured there: the article held out whole people or single frames. The reproduction "
    "holds if the people learnt are known at other moments.",
)
