"""Smileys with whole people held out."""

from __future__ import annotations

from scripts.experiments.smileys import smileys

__all__ = ["EXPERIMENT"]

EXPERIMENT = smileys("people", "whole people", "Bad results: the net does not know new people.")
