"""`lasagnette smile`: the smileys that faces make, as letters, as lines of JSON, as pictures."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from scripts.detect_report import BROKEN_PIPE, Report, forget_output, to_stdout
from scripts.detect_sources import Source, find_sources, listed_names, standard_input
from scripts.progress import Progress
from scripts.smile_options import Settings, SmileCommand, with_smile_options
from scripts.smile_outputs import SmileText, json_line, smileys_of

if TYPE_CHECKING:
    from scripts.detect_pictures import Pictures

__all__ = ["smile"]

LONG = 4  # from so many photographs on, a progress bar is shown


@click.command(cls=SmileCommand)
@click.argument("photos", nargs=-1, metavar="PHOTO...")
@with_smile_options
@click.pass_context
def smile(ctx: click.Context, photos: tuple[str, ...], **given: Any) -> None:
    """Print the smiley that each face in each PHOTO makes, from left to right.

    A PHOTO is a file, a folder with its subfolders, a "pattern*", or - for a photograph on
    standard input; a video may stand there, too. The smileys are :-) :-( :-D ;-) :-P :-O :-* :-|
    :-/ >:-( >_< :'( o_O :-X |-) :-E :-!

    \b
    lasagnette smile me.jpg                      :-)
    lasagnette smile me.jpg us.jpg               me.jpg: :-)
                                                 us.jpg: :-D :-O
    lasagnette smile -q --copy me.jpg            for pipes, and to the clipboard
    lasagnette smile --out drawn holiday/        and pictures with the smileys drawn
    lasagnette smile --video in.mp4 --out out.mp4 --slow 4

    Of a video a line is printed whenever its smileys change, with its time. With --json every
    photograph has a line:

    \b
    {"file": ..., "width": ..., "height": ..., "faces": [{"smiley": ":-)", "class": 0,
     "score": 0.87, "x": ..., "y": ..., "width": ..., "height": ..., "face_score": ...,
     "probabilities": {":-)": 0.87, ":-(": ...}}]}

    "score" is the smiley's part of the votes of 45 squares around the face; "face_score" says how
    sure the detector is that there is one. Every frame of a video has a line with "frame" and
    "time", and its faces have a "track", the number of a face throughout the video, and "found":
    false where it is shown as it was. "smiley" and "class" there obey --hold, "probabilities" are
    the frame's own. What cannot be read gives {"file": ..., "error": ...}, the others go on, and
    the exit code is 1.
    """
    settings = Settings(**given)
    settings.check(ctx, photos)
    stdin = standard_input() if "-" in photos else None
    listed = listed_names(settings.files_from) if settings.files_from else []
    sources = _sources(settings, [*photos, *listed], stdin)
    settings.check_sources(ctx, sources)
    try:
        failed = _smile(settings, sources, names=len(sources) > 1 or not _is_named(sources, photos))
        sys.stdout.flush()
    except BrokenPipeError:
        forget_output()
        ctx.exit(BROKEN_PIPE)
    if failed:
        ctx.exit(1)


def _sources(settings: Settings, words: Sequence[str], stdin: Any) -> list[Source]:
    from scripts.smile_sources import video_sources

    videos = video_sources(settings.video)
    return [*videos, *find_sources(words, camera=settings.camera, stdin=stdin)]


def _is_named(sources: Sequence[Source], photos: Sequence[str]) -> bool:
    """Whether the user knows which file is meant: not where a folder was named."""
    return all(one.name in photos or one.moving for one in sources)


def _smile(settings: Settings, sources: Sequence[Source], *, names: bool) -> bool:
    """Look at everything and write everything; whether something failed."""
    from cascade.detector import Detector
    from cascade.smiler import Smiler
    from lasagnette.ops.kernels.pools import threads
    from scripts.detect_pictures import WindowClosed
    from scripts.smile_sources import count_frames, search_smiles

    with ExitStack() as stack:
        pictures = _pictures(settings, sources)
        detector = Detector(
            settings.cascade, threshold=settings.threshold, min_face=settings.min_face
        )
        smiler = Smiler(settings.net, detector, vote=not settings.no_vote)
        stack.enter_context(threads(settings.threads, compiled=False))
        moving = any(source.moving for source in sources)
        what = "frames" if moving else "photographs"
        progress = stack.enter_context(Progress(count_frames(sources), what, shortest=LONG))
        report = Report(
            _lines(settings, names), to_stdout(progress), pictures, progress, by_frame=True
        )
        copied: list[str] = []
        try:
            for shot, found in search_smiles(smiler, sources, settings):
                report.take(shot, found)
                if not isinstance(found, Exception):
                    copied.append(smileys_of(found))
        except WindowClosed:
            pass
        finally:
            report.close()
        if settings.copy:
            _copy("\n".join(filter(None, copied)), settings, progress)
        return report.failed


def _lines(settings: Settings, names: bool) -> Callable[..., str]:
    return json_line if settings.as_json else SmileText(names=names, quiet=settings.quiet)


def _pictures(settings: Settings, sources: Sequence[Source]) -> list[Pictures]:
    """Everything that makes pictures, as the options ask."""
    pictures: list[Pictures] = []
    target, window = settings.target(sources), settings.window()
    if target is None and not window:
        return pictures
    from cascade.draw_smiles import draw_smiles
    from scripts.detect_pictures import Altered, Window

    if target is not None:
        what = "framed and their smileys drawn"
        pictures.append(Altered(*target, draw_smiles, what, slow=settings.slow))
    if window:
        pictures.append(Window(draw_smiles))
    return pictures


def _copy(text: str, settings: Settings, progress: Progress) -> None:
    if not text:
        progress.note("Nothing is copied: there is no face.")
        return
    from scripts.smile_copy import copy_text

    how = copy_text(text)
    if not settings.quiet:
        progress.note(f"Copied to the clipboard {how}.")
