"""`lasagnette smileys evaluate`: how well a net tells the smileys that it did not learn from."""

from __future__ import annotations

import csv
import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scripts.computing import THREADS_OPTION, without_compiler
from scripts.data import DATA_OPTION, data_folder

if TYPE_CHECKING:
    from scripts.smileys_measures import Told

__all__ = ["evaluate"]

DIGITS = 4


@click.command()
@click.argument("weights", metavar="WEIGHTS", type=click.Path(exists=True, dir_okay=False))
@click.option(
    "--split",
    type=click.Choice(["frames", "runs", "people"]),
    help="Measure on what this division holds out  [default: the one that WEIGHTS learned by]",
)
@click.option(
    "--confusion",
    metavar="FILE",
    help="Write who was taken for whom by the vote as CSV: a row for each smiley.",
)
@DATA_OPTION
@THREADS_OPTION
def evaluate(
    weights: str, split: str | None, confusion: str | None, data: str | None, threads: int | None
) -> None:
    """Print how well WEIGHTS, which `lasagnette train net_smiles` wrote, tell held-out smileys.

    \b
    lasagnette smileys evaluate runs/people/last.h5 --confusion people.csv

    As JSON: accuracy and macro F1 of the most frequent class, of the most similar learnt frame
    (16 x 16 grey pixels), and of the net: on the labelled squares, on the squares that the detector
    finds, and by the vote of their 45 neighbours.
    """
    root = data_folder(data)
    without_compiler()

    from augment.smiley_splits import smiley_sets
    from lasagnette.ops.kernels.pools import threads as limited
    from scripts.cascade_road import folded
    from scripts.smileys_measures import (
        as_smile_net,
        baselines,
        find_faces,
        measure_square,
        told_alone,
        told_by_vote,
    )

    say = partial(click.echo, err=True)
    net = folded(weights)
    settings = net.facts.get("settings", {})
    if settings.get("everything"):
        raise click.BadParameter(
            f"{weights} learned from all smileys; no figure can be given of it.",
            param_hint="WEIGHTS",
        )
    learned = settings.get("split")
    chosen: Any = split or learned
    if chosen is None:
        raise click.UsageError(f"{weights} does not say what was held out; give --split.")
    if learned not in (None, chosen):
        say(f"{weights} learned by the division {learned}: what {chosen} holds out, it may know.")
    learnt, held = smiley_sets(root, chosen, say)
    if not len(held):
        raise click.UsageError(f"No {chosen} can be held out of the few frames of {root}.")
    with limited(threads, compiled=False):
        told = baselines(learnt, held)
        say("Looking for the faces ...")
        smiles = as_smile_net(net, measure_square(learnt))
        told["labelled square"] = told_alone(smiles, held)
        there = find_faces(held)
        say(f"45 squares on each of {len(there.rows)} faces ...")
        told |= told_by_vote(smiles, held, there)
    if confusion is not None:
        _write_confusion(confusion, told["vote of 45"])
    result: dict[str, Any] = {
        "net": net.name,
        "split": chosen,
        "frames": len(held),
        "faces_found": len(there.rows),
    }
    for name, one in told.items():
        result[name] = {
            "accuracy": round(one.accuracy, DIGITS),
            "macro_f1": round(one.macro_f1, DIGITS),
        }
    click.echo(json.dumps(result))


def _write_confusion(path: str, told: Told) -> None:
    from augment.datasets.smileys import SMILEYS

    with Path(path).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["smiley", *SMILEYS])
        for smiley, row in zip(SMILEYS, told.confusion.tolist(), strict=True):
            writer.writerow([smiley, *row])
