"""`lasagnette augment preview`: see what the random changes make of samples."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from scripts.computing import without_compiler
from scripts.data import DATA_OPTION, data_folder
from scripts.files import save_picture, writable_folder
from scripts.intervals import interval_options, intervals_from

if TYPE_CHECKING:
    import numpy as np

    from augment.index import Index
    from augment.transforms import Intervals

__all__ = ["augment"]

CELL = 150  # pixels, about; crops are enlarged by whole factors
SIDE = 48
SMALLEST = 20  # pixels: shortest side of a drawn background square
LETTER = 6  # pixels: a caption's average letter
WORDS = {  # of what `Draws.describe` says, in the order in which it is done
    "rotation": "turned {:+.0f}°",
    "mirror": "mirrored",
    "blur": "blur {:.1f} px",
    "contrast": "contrast {:.2f}",
    "brightness": "light {:+.0f}",
    "noise": "noise {:.1f}",
    "grey": "grey",
    "jpeg": "JPEG {:.0f}",
}
FRAME, DRAWN = (40, 220, 60), (255, 200, 0)

Say = Callable[[str], None]
Rows = list[list[tuple["np.ndarray", str]]]


class Sample(NamedTuple):
    """A photograph and the frame in it; None where background squares are to be drawn."""

    name: str
    image: np.ndarray
    frame: np.ndarray | None
    faces: np.ndarray


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
    help="Take samples from this index, such as `lasagnette mine` writes.",
)
@click.option("--net", metavar="NAME", help="Cut crops as this net takes them.")
@click.option(
    "--side",
    type=click.IntRange(1, 1024),
    metavar="PIXELS",
    help=f"Rows and columns of a crop  [default: {SIDE}]",
)
@click.option(
    "-n",
    "--draws",
    type=click.IntRange(1, 100),
    default=8,
    show_default=True,
    metavar="N",
    help="Draws of each sample.",
)
@click.option(
    "--rows",
    type=click.IntRange(1, 1000),
    default=6,
    show_default=True,
    metavar="N",
    help="Samples, chosen at random: two faces for each background.",
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
def preview(
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
    at random places; they are neither moved nor turned.

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
    writable_folder(Path(out).parent, "--out")
    say = partial(click.echo, err=True)

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
        table = _classes(face, intervals, side, cell, seed)
    else:
        table = [
            _changes(sample, intervals, draws, side, cell, (seed, number))
            for number, sample in enumerate(samples)
        ]
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
        raise click.BadParameter(f"{error}.", param_hint="--net") from error


def _read_index(file: str | None, data: str | None, say: Say) -> Index:
    if file is not None:
        from augment import index as indexes

        return indexes.load(file, data)
    from augment.splits import train_set

    return train_set(data_folder(data), report=say)


def _of_photo(photo: str, frames: tuple[tuple[float, ...], ...]) -> list[Sample]:
    from augment.boxes import as_frames
    from augment.images import read_image

    known = as_frames(frames)
    if not (known[:, 2:] > 0).all():
        raise click.BadParameter(
            f"width and height must be positive; got {known.tolist()!r}.", param_hint="--frame"
        )
    image, name = read_image(photo), Path(photo).name
    if not len(known):
        return [Sample(name, image, None, known)]
    return [Sample(name, image, frame, known) for frame in known]


def _of_index(index: Index, count: int, seed: int, say: Say) -> list[Sample]:
    """So many samples, chosen at random: faces first, two for each background."""
    import numpy as np

    rng = np.random.default_rng(seed)
    faces, backgrounds = (
        rng.permutation(np.flatnonzero(index.labels == label)) for label in (1, 0)
    )
    shown = min(len(backgrounds), max(count // 3, count - len(faces)))
    samples: list[Sample] = []
    for rows, number in ((faces, count - shown), (backgrounds, shown)):
        readable = _readable(index, rows, say)
        samples += [sample for _, sample in zip(range(number), readable, strict=False)]
    if not samples:
        raise click.UsageError(f"none of the index's {len(index)} rows gives a picture to show.")
    return samples


def _readable(index: Index, rows: np.ndarray, say: Say) -> Iterator[Sample]:
    from augment.errors import ImageError
    from augment.images import read_image

    for row in rows:
        try:
            image = read_image(index.file(row))
        except ImageError as error:
            say(str(error))
            continue
        path = index.paths[row]
        frame = None if index.undrawn[row] else index.frames[row]
        yield Sample(Path(path).name, image, frame, index.face_frames[index.face_paths == path])


def _changes(
    sample: Sample, intervals: Intervals, count: int, side: int, cell: int, key: tuple[int, int]
) -> list[tuple[np.ndarray, str]]:
    """The photograph with the frame, and so many draws of it."""
    import numpy as np

    from augment import pixels
    from augment.functional import crop_many
    from augment.squares import TRIES, draw_squares
    from augment.transforms import apply, draw

    rng = np.random.default_rng(key)
    draws = draw(rng, count, intervals)
    if sample.frame is not None:
        cut = apply(np.repeat(sample.frame[None], count, axis=0), draws)
        shown, colour, what = sample.frame[None], FRAME, "frame {:.0f} x {:.0f}"
    else:
        sizes = np.repeat([sample.image.shape[1::-1]], count, axis=0)
        faces = np.repeat(sample.faces[None], count, axis=0)
        cut = draw_squares(rng.random((count, TRIES, 3)), sizes, faces, SMALLEST)
        shown, colour, what = cut, DRAWN, "squares at random"
        draws = draws._replace(
            shift=np.zeros((count, 2)), factor=np.ones((count, 2)), angle=np.zeros(count)
        )
    crops = crop_many(sample.image, cut, side, draws.mirror, draws.angle)
    crops = pixels.change(crops, draws)
    what = what.format(*shown[0, 2:])
    return [
        (_framed(sample.image, shown, colour, cell), f"{sample.name}\n{what}"),
        *(
            (_enlarged(crops[row], cell), _caption(draws.describe(row), cell // LETTER))
            for row in range(count)
        ),
    ]


def _classes(face: Sample, intervals: Intervals, side: int, cell: int, seed: int) -> Rows:
    """All calibration classes of a face, a row per scale; each crop with the frame decoded."""
    import numpy as np

    from augment.calibration import CLASSES, SCALES, decode, encode
    from augment.functional import crop_many
    from augment.transforms import draw

    count = len(CLASSES)
    numbers = np.arange(count)
    mirror = draw(np.random.default_rng(seed), count, intervals).mirror
    assert face.frame is not None
    cut = encode(np.repeat(face.frame[None], count, axis=0), numbers, mirror)
    crops = crop_many(face.image, cut, side, mirror)
    whole = np.array([[0, 0, cell, cell]], np.float32)
    table: Rows = []
    for row, of_scale in zip(SCALES, numbers.reshape(len(SCALES), -1), strict=True):
        original = _framed(face.image, cut[of_scale], DRAWN, cell)
        line = [(original, f"{face.name}\nscale {row:.2f}")]
        for number in of_scale:
            found = decode(whole, np.array([number]))
            scale, x, y = CLASSES[number]
            caption = f"class {number}{', mirrored' if mirror[number] else ''}\n"
            caption += f"s {scale:.2f}  x {x:+.2f}  y {y:+.2f}"
            line.append((_framed(_enlarged(crops[number], cell), found, FRAME, cell), caption))
        table.append(line)
    return table


def _framed(
    image: np.ndarray, frames: np.ndarray, colour: tuple[int, ...], cell: int
) -> np.ndarray:
    """The picture, shrunk to its cell, with frames drawn in it."""
    import numpy as np
    from PIL import Image, ImageDraw

    picture = Image.fromarray(image)
    zoom = cell / max(picture.size)
    size = [max(1, round(length * zoom)) for length in picture.size]
    picture = picture.resize((size[0], size[1]), Image.Resampling.LANCZOS)
    pen = ImageDraw.Draw(picture)
    for x, y, width, height in (frames * zoom).tolist():
        pen.rectangle((x, y, x + width - 1, y + height - 1), outline=colour)
    return np.asarray(picture)


def _enlarged(crop: np.ndarray, cell: int) -> np.ndarray:
    """A crop ``(3, side, side)`` as a picture, each pixel a square of pixels."""
    factor = cell // crop.shape[1]
    return crop.transpose(1, 2, 0).repeat(factor, axis=0).repeat(factor, axis=1)


def _caption(values: dict[str, float], letters: int) -> str:
    """What was drawn, in lines of so many letters."""
    words = []
    if "move_x" in values or "move_y" in values:
        x, y = (round(100 * values.get(name, 0)) for name in ("move_x", "move_y"))
        words.append(f"moved {x:+d} {y:+d} %")
    if "width" in values or "height" in values:
        words.append(f"size {values.get('width', 1):.2f} x {values.get('height', 1):.2f}")
    words += [text.format(values[name]) for name, text in WORDS.items() if name in values]
    lines = [""]
    for word in words or ["unchanged"]:
        longer = f"{lines[-1]}, {word}" if lines[-1] else word
        if len(longer) <= letters:
            lines[-1] = longer
        else:
            lines.append(word)
    return "\n".join(lines)
