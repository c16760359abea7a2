"""`lasagnette smileys pack`: trained weights become the file that reads smileys off photographs."""

from __future__ import annotations

from functools import partial

import click

from scripts.computing import without_compiler
from scripts.data import DATA_OPTION, data_folder

__all__ = ["pack"]


@click.command()
@click.argument("weights", metavar="WEIGHTS", type=click.Path(exists=True, dir_okay=False))
@click.option("--out", required=True, metavar="FILE", help="The smile file to write.")
@DATA_OPTION
def pack(weights: str, out: str, data: str | None) -> None:
    """Make a smile file of WEIGHTS, which `lasagnette train net_smiles` wrote.

    \b
    lasagnette train net_smiles --everything --out net_smiles.h5
    lasagnette smileys pack net_smiles.h5 --out smileys.h5
    lasagnette smile --net smileys.h5 photo.jpg

    Batch normalisation is folded into the weights; and the detector is run on the frames learned
    from, to note how its squares lie on faces beside the labelled ones.
    """
    root = data_folder(data)
    without_compiler()

    from augment.smiley_splits import all_smileys, smiley_sets
    from cascade.smiles import save
    from scripts.cascade_road import folded
    from scripts.smileys_measures import measure_square

    say = partial(click.echo, err=True)
    net = folded(weights)
    settings = net.facts.get("settings", {})
    if settings.get("everything", True):
        index = all_smileys(root, say)
    else:
        index, _ = smiley_sets(root, settings["split"], say)
    say("Looking for faces ...")
    scale, right, down = measure_square(index)
    save(out, net, square=(scale, right, down))
    say(f"{out}: the detector's squares are scaled by {scale}, moved by {right} and {down}")
