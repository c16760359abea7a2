"""The experiments of the articles, one file each, in the order in which the articles tell them."""

from __future__ import annotations

from importlib import import_module

from scripts.experiments.recipe import Experiment

__all__ = ["NAMES", "experiment"]

NAMES = (
    "net12-plain",
    "net12-augmented",
    "net48-plain",
    "net48-augmented",
    "augmentation-server",
    "calibration-small",
    "calibration-large",
    "levels",
    "stride",
    "batched-windows",
    "more-data",
    "cascade",
    "multi-resolution",
    "batch-norm",
    "inception",
    "dropout-output",
    "smileys-people",
    "smileys-runs",
    "smileys-frames",
)
"""All experiments; each is the `EXPERIMENT` of the module of that name, with underscores."""


def experiment(name: str) -> Experiment:
    """Return the description of an experiment; `name` is one of `NAMES`."""
    module = import_module(f"scripts.experiments.{name.replace('-', '_')}")
    found = module.EXPERIMENT
    assert isinstance(found, Experiment)
    return found
