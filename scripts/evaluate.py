"""`lasagnette evaluate`: nets on held-out crops, the detector on FDDB and on face-free pictures."""

from __future__ import annotations

import click

from scripts.evaluate_backgrounds import backgrounds
from scripts.evaluate_crops import crops
from scripts.evaluate_fddb import fddb
from scripts.evaluate_photos import photos

__all__ = ["evaluate"]


@click.group()
def evaluate() -> None:
    """Measure a net on held-out crops, or the detector on FDDB and on face-free pictures.

    \b
    lasagnette evaluate crops net12
    lasagnette evaluate fddb --folds 06,07,08 --out roc
    lasagnette evaluate backgrounds
    """


for command in (crops, fddb, photos, backgrounds):
    evaluate.add_command(command)
