"""Smileys with whole people held out."""

from __future__ import annotations

from scripts.experiments.smileys import smileys

__all__ = ["EXPERIMENT"]

EXPERIMENT = smileys(
    "people",
    "whole people",
    "Very bad results on people held out as a whole, with or without augmentation.",
)
