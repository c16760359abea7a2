"""The tables of `lasagnette augment preview`: what is cut, and with which numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from augment import pixels
from augment.calibration import CLASSES, SCALES, decode, encode
from augment.functional import crop_many
from augment.squares import TRIES, draw_squares
from augment.transforms import Intervals, apply, draw

__all__ = ["Sample", "table_of_changes", "table_of_classes"]

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

Cell = tuple[np.ndarray, str]
Table = list[list[Cell]]


class Sample(NamedTuple):
    """A photograph and the frame in it.

    Attributes
    ----------
    name : str
        Written below the photograph.
    image : numpy.ndarray
        uint8 ``(rows, columns, 3)``, RGB.
    frame : numpy.ndarray or None
        float32 ``(4,)``; None where squares of background are to be drawn.
    faces : numpy.ndarray
        float32 ``(m, 4)``: what these squares keep away from.
    """

    name: str
    image: np.ndarray
    frame: np.ndarray | None
    faces: np.ndarray


def table_of_changes(
    samples: Sequence[Sample], intervals: Intervals, count: int, side: int, cell: int, seed: int
) -> Table:
    """A row for each sample: its photograph, and so many draws with their numbers.

    Parameters
    ----------
    samples : sequence of Sample
        What to cut.
    intervals : Intervals
        From where the changes are drawn.
    count : int
        Draws of each sample.
    side, cell : int
        Rows and columns of a crop, and of the cell that shows it; the second is a multiple.
    seed : int
        Key of chance, with the number of the row.

    Returns
    -------
    list of list of (picture, caption)
        For `scripts.sheet.draw_sheet`.
    """
    return [
        _changes(sample, intervals, count, side, cell, np.random.default_rng((seed, number)))
        for number, sample in enumerate(samples)
    ]


def table_of_classes(face: Sample, intervals: Intervals, side: int, cell: int, seed: int) -> Table:
    """All calibration classes of a face, a row per scale; each crop with the frame decoded.

    Parameters are those of `table_of_changes`; of the intervals only the mirroring is drawn.
    """
    count = len(CLASSES)
    numbers = np.arange(count)
    mirror = draw(np.random.default_rng(seed), count, intervals).mirror
    assert face.frame is not None
    cut = encode(np.repeat(face.frame[None], count, axis=0), numbers, mirror)
    crops = crop_many(face.image, cut, side, mirror)
    whole = np.array([[0, 0, cell, cell]], np.float32)
    table: Table = []
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


def _changes(
    sample: Sample,
    intervals: Intervals,
    count: int,
    side: int,
    cell: int,
    rng: np.random.Generator,
) -> list[Cell]:
    """The photograph with the frame, and so many draws of it."""
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


def _framed(
    image: np.ndarray, frames: np.ndarray, colour: tuple[int, ...], cell: int
) -> np.ndarray:
    """The picture, shrunk to its cell, with frames drawn in it."""
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
