"""`lasagnette detect`: faces in photographs and videos as lines of text, and as pictures."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from scripts.detect_options import DetectCommand, Settings, with_detect_options
from scripts.detect_outputs import FORMATS, csv_header
from scripts.detect_report import BROKEN_PIPE, Report, forget_output, to_stdout
from scripts.detect_sources import (
    Source,
    find_sources,
    listed_names,
    search,
    standard_input,
)
from scripts.progress import Progress

if TYPE_CHECKING:
    from cascade.detector import Detection
    from scripts.detect_journal import Journal
    from scripts.detect_pictures import Pictures

__all__ = ["detect"]

LONG = 4  # from so many inputs on, a progress bar is shown


@click.command(cls=DetectCommand)
@click.argument("photos", nargs=-1, metavar="PHOTO...")
@with_detect_options
@click.pass_context
def detect(ctx: click.Context, photos: tuple[str, ...], **given: Any) -> None:
    """Find the faces in each PHOTO: a file, a folder with its subfolders, a "pattern*", or -.

    A folder gives the pictures in it. A video (MP4, MOV, AVI, MKV, WebM) is named itself or by a
    pattern. - is a photograph on standard input. Prints one line of JSON per photograph, in the
    order given:

    \b
    {"file": ..., "width": ..., "height": ...,
     "faces": [{"x": ..., "y": ..., "width": ..., "height": ..., "score": ...}]}

    in pixels of the upright picture, the best face first. Videos and cameras have a line per
    frame, with "frame", its number from 0 on, and "time" in seconds. What cannot be read gives
    {"file": ..., "error": ...} and the others go on; the exit code is 1 then.
    """
    settings = Settings(**given)
    settings.check(ctx, photos)
    stdin = standard_input() if settings.reads_stdin(photos) else None
    listed = listed_names(settings.files_from) if settings.files_from else []
    sources = find_sources([*photos, *listed], camera=settings.camera, stdin=stdin)
    settings.check_sources(ctx, sources)
    try:
        failed = _detect(settings, sources)
        sys.stdout.flush()
    except BrokenPipeError:
        forget_output()
        ctx.exit(BROKEN_PIPE)
    if failed:
        ctx.exit(1)


def _detect(settings: Settings, sources: Sequence[Source]) -> bool:
    """Search everything and write everything; whether something failed."""
    from cascade.detector import Detector
    from lasagnette.ops.kernels.pools import threads
    from scripts.detect_pictures import WindowClosed

    with ExitStack() as stack:
        pictures = _pictures(settings, sources, stack)
        detector = Detector(
            settings.cascade, threshold=settings.threshold, min_face=settings.min_face
        )
        journal = _journal(settings, stack)
        done = journal.done if journal is not None else {}
        begun = {name: frame for name, frame in done.items() if frame is not None}
        left = [one for one in sources if one.name not in done or one.name in begun]
        stack.enter_context(threads(settings.threads, compiled=False))
        progress = stack.enter_context(Progress(len(left), "photographs", shortest=LONG))
        _say_what_is_special(progress, len(sources) - len(left), settings)
        moving = any(source.moving for source in sources)
        write = journal.write if journal is not None else to_stdout(progress)
        if settings.format == "csv":
            write(csv_header(moving))
        lines = FORMATS[settings.format]
        report = Report(lambda shot, found: lines(shot, found, moving), write, pictures, progress)
        report.failed = journal is not None and journal.failed > 0
        found = search(
            detector,
            left,
            every=settings.every,
            begun=begun,
            live=settings.show,
            trace=settings.trace is not None,
            jobs=settings.jobs,
        )
        try:
            for shot, faces in found:
                report.take(shot, _best(faces, settings.max_faces))
        except WindowClosed:
            pass
        finally:
            report.close()
        return report.failed


def _best(found: Detection | Exception, most: int | None) -> Detection | Exception:
    """The best faces, where fewer than all are wanted."""
    if isinstance(found, Exception) or most is None:
        return found
    return replace(found, boxes=found.boxes[:most], scores=found.scores[:most])


def _journal(settings: Settings, stack: ExitStack) -> Journal | None:
    if settings.output is None:
        return None
    from scripts.detect_journal import Journal

    return stack.enter_context(Journal(settings.output, resume=settings.resume))


def _pictures(settings: Settings, sources: Sequence[Source], stack: ExitStack) -> list[Pictures]:
    """Everything that makes pictures, as the options ask."""
    from scripts.detect_journal import Journal
    from scripts.detect_pictures import (
        Altered,
        Crops,
        Sheets,
        Window,
        known_faces,
        picture_stems,
    )

    pictures: list[Pictures] = []
    ways = (("out", "framed"), ("blur", "blurred"), ("pixelate", "pixelated"))
    for option, what in ways:
        folder = settings.folder(option)
        if folder is not None:
            draw = _drawing(option, settings.margin)
            pictures.append(Altered(folder, picture_stems(sources, folder), draw, what))
    folder = settings.folder("crop")
    if folder is not None:
        pictures.append(Crops(folder, picture_stems(sources, folder), settings.margin))
    folder = settings.folder("trace")
    if folder is not None:
        truth = known_faces(settings.truth)
        counts = Journal(folder / "funnel.jsonl", resume=settings.resume)
        stack.enter_context(counts)
        pictures.append(Sheets(folder, picture_stems(sources, folder), counts, truth))
    if settings.show:
        from cascade.draw import draw_faces

        pictures.append(Window(draw_faces))
    return pictures


def _drawing(option: str, margin: float) -> Callable[..., Any]:
    """What makes the picture for `--out`, `--blur` or `--pixelate` of pixels and detection."""
    from cascade.draw import draw_faces
    from cascade.privacy import hide_faces

    if option == "out":
        return lambda image, found: draw_faces(image, replace(found, trace=None))
    hide = partial(hide_faces, how=option, margin=margin)
    return lambda image, found: hide(image, found.boxes)


def _say_what_is_special(progress: Progress, done: int, settings: Settings) -> None:
    from lasagnette.ops import kernels

    facts = kernels.describe()
    if facts["name"] == "numpy":
        progress.note(f"The slower NumPy kernels are used ({facts['reason']}).")
    if done:
        progress.note(f"{done} of the files are already in {settings.output}.")
