"""`lasagnette mine`: background frames that the small net takes for faces."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scripts.computing import THREADS_OPTION, without_compiler
from scripts.data import DATA_OPTION, data_folder
from scripts.files import writable_folder
from scripts.progress import Progress

if TYPE_CHECKING:
    import numpy as np

    from augment.index import Index

__all__ = ["mine"]


@click.command()
@click.argument("out", metavar="FILE", type=click.Path(dir_okay=False))
@DATA_OPTION
@click.option(
    "--weights",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="Weights of net12  [default: the pretrained ones]",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    metavar="SCORE",
    default=0.1,
    show_default=True,
    help="Take frames from this score on.",
)
@click.option(
    "--min-face",
    type=click.FloatRange(min=1),
    default=20,
    show_default=True,
    metavar="PIXELS",
    help="Smallest frame.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=100_000,
    show_default=True,
    metavar="N",
    help="Keep a random choice of so many frames.",
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Key of chance.")
@THREADS_OPTION
def mine(
    out: str,
    data: str | None,
    weights: str | None,
    threshold: float,
    min_face: float,
    limit: int,
    seed: int,
    threads: int | None,
) -> None:
    """Write FILE, an index of the background frames on which net12 fires.

    Searches the pictures of the training side that give backgrounds. net48 learns from the frames
    found with `lasagnette train net48 --hard-negatives FILE`: in the detector it sees nothing else.
    """
    root = data_folder(data)
    writable_folder(Path(out).parent, "FILE")
    without_compiler()

    import numpy as np

    from augment import index as indexes
    from augment.splits import train_set
    from cascade.detector import Detector
    from cascade.mining import mine as collect
    from cascade.sweep import Sweep
    from lasagnette import backend
    from nets.weights import load, pretrained

    say = partial(click.echo, err=True)
    loaded = load(weights or pretrained("net12"), expected="net12")
    detector = Detector(
        Sweep(loaded.layer, loaded.scaling),
        [],
        [threshold],
        size_overlaps=[0.7],
        min_face=min_face,
    )
    index = train_set(root, report=say)
    pictures = index.select(index.undrawn)
    with backend.threads(threads, compiled=False), Progress(len(pictures), "pictures") as bar:
        found = collect(detector, _photos(pictures, bar), limit, np.random.default_rng(seed))
    for key, error in found.failed:
        say(f"{key}: {error}")
    paths = [str(key) for key in found.keys]
    mined = indexes.make(root, paths, found.frames, indexes.BACKGROUND, "mined", paths)
    mined.save(out)
    click.echo(json.dumps({"file": out, "frames": len(mined), "of": found.seen}))


def _photos(
    pictures: Index, bar: Progress
) -> Iterator[tuple[str, np.ndarray | Exception, np.ndarray]]:
    """Yield each picture with its known faces."""
    from augment.errors import ImageError
    from augment.images import read_image

    for row in range(len(pictures)):
        path = pictures.paths[row]
        image: np.ndarray | Exception
        try:
            image = read_image(pictures.file(row))
        except ImageError as error:
            image = error
        yield path, image, pictures.face_frames[pictures.face_paths == path]
        bar.advance()
