"""`lasagnette detect`: faces in photographs as JSON lines, and drawn into pictures."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scripts.computing import THREADS_OPTION, without_compiler
from scripts.files import save_picture, writable_folder
from scripts.progress import Progress

if TYPE_CHECKING:
    import numpy as np

    from cascade.detector import Detection

__all__ = ["detect"]

PIXEL_DIGITS, SCORE_DIGITS = 2, 4
LONG = 4  # from so many photographs on, a progress bar is shown


@click.command()
@click.argument("photos", nargs=-1, required=True, metavar="PHOTO...")
@click.option(
    "--out", metavar="FOLDER", help="Also write each photograph there with its faces framed."
)
@click.option(
    "--min-face",
    type=click.FloatRange(min=1),
    default=40,
    show_default=True,
    metavar="PIXELS",
    help="Smallest face looked for; half the size takes about four times as long.",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    metavar="SCORE",
    help="Leave out faces below this score, from 0 to 1  [default: as tuned with the weights]",
)
@click.option(
    "--weights",
    type=click.Path(exists=True, file_okay=False),
    metavar="FOLDER",
    help="Folder of net12.h5 and net48.h5  [default: the pretrained ones]",
)
@THREADS_OPTION
@click.pass_context
def detect(
    ctx: click.Context,
    photos: tuple[str, ...],
    out: str | None,
    min_face: float,
    threshold: float | None,
    weights: str | None,
    threads: int | None,
) -> None:
    """Find the faces in each PHOTO: a file, a folder with its subfolders, or a "pattern*".

    Prints one line of JSON per photograph, in the order given:

    \b
    {"file": ..., "width": ..., "height": ...,
     "faces": [{"x": ..., "y": ..., "width": ..., "height": ..., "score": ...}]}

    in pixels of the upright picture, the best face first. A file that cannot be read gives
    {"file": ..., "error": ...} and the others go on; the exit code is 1 then.
    """
    folder = writable_folder(out, "--out") if out is not None else None
    without_compiler()

    from cascade.detector import load_pretrained
    from lasagnette import backend

    inputs = _find(photos)
    detector = load_pretrained(weights=weights, threshold=threshold, min_face=min_face)
    with (
        backend.threads(threads, compiled=False),
        Progress(len(inputs), "photographs", shortest=LONG) as progress,
    ):
        _say_if_slow(progress)
        report = _Report(inputs, folder, progress)
        for name, found in detector.detect_many(report.images()):
            report.take(name, found)
    report.say_where()
    if report.failed:
        ctx.exit(1)


def _find(photos: Iterable[str]) -> dict[str, str | None]:
    """Map each input to None, or to why it gives no photograph; in the order of the arguments."""
    from augment.images import find_images

    inputs: dict[str, str | None] = {}

    def failed(argument: str, reason: str) -> None:
        inputs.setdefault(argument, f"{argument}: {reason}")

    for photo in photos:
        for path in find_images([photo], report=failed):
            inputs.setdefault(str(path), None)
    return inputs


def _say_if_slow(progress: Progress) -> None:
    from lasagnette.ops import kernels

    facts = kernels.describe()
    if facts["name"] == "numpy":
        progress.note(f"The slower NumPy kernels are used ({facts['reason']}).")


class _Report:
    """Reads the inputs, and prints and draws what the detector makes of them."""

    def __init__(
        self, inputs: dict[str, str | None], folder: Path | None, progress: Progress
    ) -> None:
        self.failed = False
        self._inputs = inputs
        self._pictures = _picture_paths(inputs, folder) if folder is not None else {}
        self._drawn: list[Path] = []
        self._progress = progress
        self._sizes: dict[str, tuple[int, int]] = {}  # rows, columns of what is being searched

    def images(self) -> Iterator[tuple[str, np.ndarray | Exception]]:
        """Yield each input's pixels, or why there are none."""
        from augment.errors import ImageError
        from augment.images import read_image

        for name, error in self._inputs.items():
            try:
                if error is not None:
                    raise ImageError(error)
                image = read_image(name)
            except ImageError as unreadable:
                yield name, unreadable
            else:
                self._sizes[name] = image.shape[:2]
                yield name, image

    def take(self, name: str, found: Detection | Exception) -> None:
        """Print the line of an input, and draw its picture."""
        if isinstance(found, Exception):
            sentence = str(found) if name in str(found) else f"{name}: {found}"
            line: dict[str, Any] = {"file": name, "error": sentence}
            self._fail(sentence)
        else:
            rows, columns = self._sizes.pop(name)
            line = {"file": name, "width": columns, "height": rows, "faces": _faces(found)}
            if name in self._pictures:
                self._draw(name, found, self._pictures[name])
        self._progress.line(json.dumps(line))
        self._progress.advance()

    def say_where(self) -> None:
        """Say on stderr where the pictures lie."""
        if len(self._drawn) == 1:
            self._progress.note(f"The picture with its faces framed: {self._drawn[0]}")
        elif self._drawn:
            folder = self._drawn[0].parent
            self._progress.note(f"{len(self._drawn)} pictures with their faces framed: {folder}")

    def _draw(self, name: str, detection: Detection, path: Path) -> None:
        from augment.errors import ImageError
        from augment.images import read_image
        from cascade.draw import draw_faces

        try:
            # Read again: many photographs may be on their way, too many to keep their pixels.
            save_picture(draw_faces(read_image(name), detection), path)
            self._drawn.append(path)
        except (ImageError, OSError) as error:
            self._fail(f"{path}: the picture cannot be written ({error})")

    def _fail(self, sentence: str) -> None:
        self.failed = True
        self._progress.note(sentence)


def _faces(detection: Detection) -> list[dict[str, float]]:
    return [
        {
            "x": round(x, PIXEL_DIGITS),
            "y": round(y, PIXEL_DIGITS),
            "width": round(width, PIXEL_DIGITS),
            "height": round(height, PIXEL_DIGITS),
            "score": round(score, SCORE_DIGITS),
        }
        for (x, y, width, height), score in zip(
            detection.boxes.tolist(), detection.scores.tolist(), strict=True
        )
    ]


def _picture_paths(inputs: dict[str, str | None], folder: Path) -> dict[str, Path]:
    """Give each photograph a path in `folder`: none twice, none that is itself an input."""
    taken = {os.path.realpath(name) for name in inputs}
    paths = {}
    for name in (name for name, error in inputs.items() if error is None):
        stem = Path(name).stem
        path, count = folder / f"{stem}.jpg", 1
        while os.path.realpath(path) in taken:
            count += 1
            path = folder / f"{stem}-{count}.jpg"
        taken.add(os.path.realpath(path))
        paths[name] = path
    return paths
