"""`lasagnette augment preview`: see what the random changes make of samples."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scripts.computing import without_compiler
from scripts.data import DATA_OPTION, data_folder
from scripts.files import save_picture, writable_picture
from scripts.intervals import interval_options, intervals_from
from scripts.options import refuse_given

if TYPE_CHECKING:
    import numpy as np

    from augment.index import Index
    from scripts.augment_sheet import Sample

__all__ = ["augment"]

CELL = 150  # pixels, about; crops are enlarged by whole factors
SIDE = 48
GEOMETRY = ("move", "scale", "stretch", "rotation")  # what calibration crops are spared
SPARE = 20  # rows that may be damaged before fewer are shown

Say = Callable[[str], None]


@click.group()
def augment() -> None:
    """Look at the samples that nets are trained on."""


@augment.command()
@click.argument("photo", required=False, type=click.Path(exists=True, dir_okay=False))
@click.option(
    "--frame",
    "frames",
    type=(float, float, float, float),
    multiple=True,
    metavar="X Y WIDTH HEIGHT",
    help="A face in PHOTO, in pixels; may be given several times.",
)
@DATA_OPTION
@click.option(
    "--index",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="Take samples from this index, such as `lasagnette cascade mine` writes.",
)
@click.option("--net", metavar="NAME", help="Cut crops as this net takes them.")
@click.option(
    "--side",
    type=click.IntRange(1, 256),
    metavar="PIXELS",
    help=f"Rows and columns of a crop  [default: {SIDE}]",
)
@click.option(
    "-n",
    "--draws",
    type=click.IntRange(1, 50),
    default=8,
    show_default=True,
    metavar="N",
    help="Draws of each sample.",
)
@click.option(
    "--rows",
    type=click.IntRange(1, 50),
    default=6,
    show_default=True,
    metavar="N",
    help="Samples, chosen at random: two frames for each picture to draw background squares in.",
)
@interval_options
@click.option(
    "--calibration",
    is_flag=True,
    help="Show the 45 calibration classes of one face instead; these are only mirrored.",
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Key of chance.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False),
    default="augment-preview.jpg",
    show_default=True,
    metavar="FILE",
    help="The contact sheet, a JPEG.",
)
@click.pass_context
def preview(
    ctx: click.Context,
    photo: str | None,
    frames: tuple[tuple[float, ...], ...],
    data: str | None,
    index: str | None,
    net: str | None,
    side: int | None,
    draws: int,
    rows: int,
    calibration: bool,
    seed: int,
    out: str,
    **given: Any,
) -> None:
    """Write a contact sheet of samples, each beside N random draws of it with their numbers.

    The samples are those of PHOTO, else of --index, else of the training side of the research
    data. In a PHOTO without --frame, and in pictures without faces, squares of background are drawn
    at random places, and these are neither moved nor turned.

    \b
    lasagnette augment preview photo.jpg --frame 210 130 96 96
    lasagnette augment preview --rotation 15 --brightness 40 --noise 8 --jpeg 40
    lasagnette augment preview --calibration
    """
    if frames and photo is None:
        raise click.UsageError("--frame belongs to a PHOTO; name one.")
    if net is not None and side is not None:
        raise click.UsageError("--net settles the side of a crop; leave out --side.")
    intervals = intervals_from(given)
    side = side or (SIDE if net is None else _side_of(net))
    if calibration:
        refuse_given(ctx, GEOMETRY, "--calibration cuts its own squares; leave out")
    writable_picture(out, "--out", [photo] if photo else [])
    say = partial(click.echo, err=True)

    from scripts.augment_sheet import table_of_changes, table_of_classes
    from scripts.sheet import draw_sheet

    if photo is not None:
        samples = _of_photo(photo, frames)
    else:
        samples = _of_index(_read_index(index, data, say), 1 if calibration else rows, seed, say)
    cell = side * max(1, round(CELL / side))
    if calibration:
        face = next((sample for sample in samples if sample.frame is not None), None)
        if face is None:
            raise click.UsageError("--calibration needs a face; name one with --frame.")
        table = table_of_classes(face, intervals, side, cell, seed)
    else:
        table = table_of_changes(samples, intervals, draws, side, cell, seed)
    title = f"Samples of {side} x {side} pixels, as drawn with seed {seed}"
    if calibration:
        title = f"Calibration classes of {side} x {side} pixels, and the faces they decode to"
    save_picture(draw_sheet(table, title=title, cell=cell), Path(out))
    click.echo(json.dumps({"file": out, "samples": [sample.name for sample in samples]}))


def _side_of(net: str) -> int:
    without_compiler()
    from nets import registry

    try:
        return int(registry.spec(net).side)
    except ValueError as error:
        raise click.BadParameter(f"{error}".rstrip("?.") + ".", param_hint="--net") from error


def _read_index(file: str | None, data: str | None, say: Say) -> Index:
    if file is not None:
        from augment import index as indexes

        return indexes.load(file, data)
    from augment.splits import train_set

    return train_set(data_folder(data), report=say)


def _of_photo(photo: str, frames: tuple[tuple[float, ...], ...]) -> list[Sample]:
    import numpy as np

    from augment.boxes import as_frames, centres
    from augment.images import read_image
    from scripts.augment_sheet import Sample

    known = as_frames(frames)
    if not (np.isfinite(known).all() and (known[:, 2:] > 0).all()):
        raise click.BadParameter(
            f"frames are finite, with positive width and height; got {frames!r}.",
            param_hint="--frame",
        )
    image, name = read_image(photo), Path(photo).name
    middle, size = centres(known), (image.shape[1], image.shape[0])
    if not ((middle >= 0) & (middle < size)).all():
        raise click.BadParameter(
            f"the centre of a frame lies outside of the {size[0]} x {size[1]} pixels of {name!r}; "
            f"got {frames!r}.",
            param_hint="--frame",
        )
    if not len(known):
        return [Sample(name, image, None, known)]
    return [Sample(name, image, frame, known) for frame in known]


def _of_index(index: Index, count: int, seed: int, say: Say) -> list[Sample]:
    """So many samples, chosen at random: two frames for each picture to draw squares in."""
    import numpy as np

    rng = np.random.default_rng(seed)
    framed, undrawn = (
        rng.permutation(np.flatnonzero(rows)) for rows in (~index.undrawn, index.undrawn)
    )
    squares = min(len(undrawn), max(count // 3, count - len(framed)))
    samples: list[Sample] = []
    for rows, number in ((framed, count - squares), (undrawn, squares)):
        readable = _readable(index, rows[: number + SPARE], say)
        samples += [sample for _, sample in zip(range(number), readable, strict=False)]
    if not samples:
        raise click.UsageError(
            f"no picture to show: the index has {len(index)} rows, and those tried cannot be read."
        )
    return samples


def _readable(index: Index, rows: np.ndarray, say: Say) -> Iterator[Sample]:
    from augment.errors import ImageError
    from augment.images import read_image
    from scripts.augment_sheet import Sample

    for row in rows:
        try:
            image = read_image(index.file(row))
        except ImageError as error:
            say(str(error))
            continue
        path = index.paths[row]
        frame = None if index.undrawn[row] else index.frames[row]
        yield Sample(Path(path).name, image, frame, index.face_frames[index.face_paths == path])
