"""`lasagnette detect`: faces in photographs as JSON lines, and drawn into pictures."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scripts.computing import THREADS_OPTION, threads_limited, without_compiler
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
    without_compiler()
    folder = _writable_folder(out) if out is not None else None

    from cascade.detector import load_pretrained

    inputs = _find(photos)
    given = {"threshold": threshold, "weights": weights}
    detector = load_pretrained(
        min_face=min_face, **{name: value for name, value in given.items() if value is not None}
    )
    with (
        threads_limited(threads),
        Progress(len(inputs), "photographs", shortest=LONG) as progress,
    ):
        _say_if_slow(progress)
        report = _Report(inputs, folder, progress)
        for position, detection in detector.detect_many(report.images()):
            report.found(position, detection)
    report.say_where()
    if report.failed:
        ctx.exit(1)


def _writable_folder(name: str) -> Path:
    """Make the folder, and see that a file can be written there, before the work begins."""
    folder = Path(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise click.BadParameter(
            f"cannot write into {name!r}: {error.strerror}.", param_hint="--out"
        ) from error
    return folder


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
    """Reads the inputs, and prints one line for each in their order, whatever comes back when."""

    def __init__(
        self, inputs: dict[str, str | None], folder: Path | None, progress: Progress
    ) -> None:
        self.failed = False
        self._inputs = inputs
        self._names = list(inputs)
        self._pictures = _picture_paths(self._names, folder) if folder is not None else None
        self._drawn: list[Path] = []
        self._progress = progress
        self._images: dict[int, np.ndarray] = {}  # on their way through the detector
        self._lines: dict[int, dict[str, Any]] = {}  # waiting for an earlier one
        self._printed = 0

    def images(self) -> Iterator[tuple[int, np.ndarray]]:
        """Yield position and pixels of what can be read."""
        from augment.errors import ImageError
        from augment.images import read_image

        for position, (name, error) in enumerate(self._inputs.items()):
            if error is None:
                try:
                    self._images[position] = read_image(name)
                except ImageError as unreadable:
                    error = str(unreadable)
            if error is None:
                yield position, self._images[position]
            else:
                self._fail(error)
                self._print(position, {"file": name, "error": error})

    def found(self, position: int, detection: Detection) -> None:
        """Draw and print what was found in the photograph at `position`."""
        image = self._images.pop(position)
        if self._pictures is not None:
            self._draw(image, detection, self._pictures[position])
        faces = [
            {
                **{
                    key: round(float(value), PIXEL_DIGITS)
                    for key, value in zip(("x", "y", "width", "height"), box, strict=True)
                },
                "score": round(float(score), SCORE_DIGITS),
            }
            for box, score in zip(detection.boxes, detection.scores, strict=True)
        ]
        height, width = image.shape[:2]
        line = {"file": self._names[position], "width": width, "height": height, "faces": faces}
        self._print(position, line)

    def say_where(self) -> None:
        """Say on stderr where the pictures lie."""
        if len(self._drawn) == 1:
            self._progress.note(f"The picture with its faces framed: {self._drawn[0]}")
        elif self._drawn:
            folder = self._drawn[0].parent
            self._progress.note(f"{len(self._drawn)} pictures with their faces framed: {folder}")

    def _draw(self, image: np.ndarray, detection: Detection, path: Path) -> None:
        from cascade.draw import draw_faces

        try:
            _save(draw_faces(image, detection), path)
            self._drawn.append(path)
        except OSError as error:
            self._fail(f"{path}: the picture cannot be written ({error.strerror})")

    def _fail(self, sentence: str) -> None:
        self.failed = True
        self._progress.note(sentence)

    def _print(self, position: int, line: dict[str, Any]) -> None:
        self._lines[position] = line
        while self._printed in self._lines:
            self._progress.line(json.dumps(self._lines.pop(self._printed)))
            self._progress.advance()
            self._printed += 1


def _picture_paths(names: list[str], folder: Path) -> list[Path]:
    """Return one path in `folder` per input; none of them twice, none that is itself an input."""
    taken = {os.path.realpath(name) for name in names}
    paths = []
    for name in names:
        stem = Path(name).stem
        path, count = folder / f"{stem}.jpg", 1
        while os.path.realpath(path) in taken:
            count += 1
            path = folder / f"{stem}-{count}.jpg"
        taken.add(os.path.realpath(path))
        paths.append(path)
    return paths


def _save(image: np.ndarray, path: Path) -> None:
    """Write a JPEG under a temporary name first: what lies at `path` is always whole."""
    from PIL import Image

    draft = path.with_name(f".{path.name}.part")
    try:
        Image.fromarray(image).save(draft, "JPEG", quality=92)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
