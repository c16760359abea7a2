"""`lasagnette evaluate photos`: FDDB's photographs as a view shows them, for other detectors."""

from __future__ import annotations

import json
from pathlib import Path

import click

from scripts.data import CHECKOUT, DATA_OPTION, data_folder
from scripts.evaluate_options import FOLDS_OPTION
from scripts.evaluate_views import VIEWS, make_view, photographs
from scripts.files import writable_folder
from scripts.progress import Progress

__all__ = ["photos"]


@click.command()
@click.argument("out", metavar="FOLDER", type=click.Path(file_okay=False))
@click.option(
    "--view", type=click.Choice(VIEWS), default="all", show_default=True, help="As in `fddb`."
)
@FOLDS_OPTION
@DATA_OPTION
@click.pass_context
def photos(ctx: click.Context, out: str, view: str, folds: list[int], data: str | None) -> None:
    """Write the photographs of a view into FOLDER, losslessly, as other detectors need them.

    They keep FDDB's names, with the ending .png: 2002/07/19/big/img_18.png. What a detector finds
    there is evaluated with `fddb --view VIEW --results FILE`. The photographs may not be passed on,
    and a checkout of this project is no place for them.
    """
    root = data_folder(data) / "fddb"
    if Path(out).resolve().is_relative_to(CHECKOUT) and (CHECKOUT / "setup.py").is_file():
        raise click.BadParameter(
            f"{out!r} lies in the project's own folder; photographs must stay outside.",
            param_hint="FOLDER",
        )
    folder = writable_folder(out, "FOLDER")

    from PIL import Image

    from augment.datasets import fddb as reader

    records = reader.load(root, folds).records
    chosen = make_view(view, records)
    failed = 0
    with Progress(len(chosen.records), "photographs") as progress:
        for name, image in photographs(root, chosen.records, chosen.scale):
            progress.advance()
            if isinstance(image, Exception):
                progress.note(f"{name}: left out ({image})")
                failed += 1
                continue
            path = folder / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path, compress_level=1)
    written = len(chosen.records) - failed
    click.echo(json.dumps({"view": view, "photographs": written, "scale": chosen.scale}))
    if failed:
        ctx.exit(1)
