"""`lasagnette smileys label`: give the frames of a clip smileys, in a window or in a browser."""

from __future__ import annotations

import os
import secrets
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scripts.errors import RunError
from scripts.progress import Progress

if TYPE_CHECKING:
    from scripts.smileys_label_boxes import FaceSquares
    from scripts.smileys_label_clip import ClipPictures
    from scripts.smileys_label_session import Session

__all__ = ["label"]


@click.command()
@click.argument("video", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--frames",
    "list_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The list of labels  [default: frames.csv beside the video]",
)
@click.option("--web", is_flag=True, help="Label in the browser; for machines without a screen.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8266,
    show_default=True,
    help="Port of --web; 0 takes any free one.",
)
@click.option("--open/--no-open", "open_", default=False, help="Open the page of --web.")
def label(video: Path, list_file: Path | None, web: bool, port: int, open_: bool) -> None:
    """Label VIDEO: a key gives the frame shown its smiley, and the next frame follows.

    \b
    space             play, pause        v          a range begins here
    left, right       a frame            w, s, ...  label the frame or the range
    up, down, pages   ten frames         l          not labelled
    j                 next unlabelled    u, r       undo, redo
    4 6 8 2, + -, 5   move, resize, reset the box around the face

    All keys stand beside the picture. Every key saves; started again, it goes on behind the last
    labelled frame. The list has a line per frame, clip,frame,label,x,y,side, and serves all clips
    of a folder. Boxes are the detector's best face, smoothed over neighbouring frames.

    --web serves to this machine alone, and only to who knows the address that it prints. From
    another one, say, `ssh -L 8266:localhost:8266 HOST` and open the printed address there.
    """
    from cascade.video import why_no_windows
    from scripts.smileys_label_boxes import search_labelled

    reason = "" if web else why_no_windows()
    if reason:
        raise RunError(f"No window can be opened: {reason}. Use --web to label in a browser.")
    path = video.parent / "frames.csv" if list_file is None else list_file
    with ExitStack() as stack:
        session, pictures, faces = _begin(video, path, stack)
        if web:
            _serve(session, pictures, video.stem, port, open_)
        else:
            from scripts.smileys_label_window import show_window

            # OpenCV's Qt complains of fonts that it does not bring and that nothing here uses.
            os.environ.setdefault("QT_LOGGING_RULES", "default.warning=false")
            show_window(session, pictures, f"{video.name} - lasagnette")
        with Progress(len(session.labelled_unsearched()), "boxes of labelled frames") as progress:
            search_labelled(session, faces, progress.advance)
    view = session.view()
    click.echo(f"{path}: {view.labelled} of {view.count} frames of {video.stem} labelled", err=True)


def _begin(video: Path, path: Path, stack: ExitStack) -> tuple[Session, ClipPictures, FaceSquares]:
    """Read the clip and what is labelled of it; faces are looked for in the background."""
    from augment.datasets.frames import locked
    from cascade.video import open_video
    from scripts.smileys_label_boxes import FaceSquares, best_face, search_in_background
    from scripts.smileys_label_clip import clip_pictures
    from scripts.smileys_label_list import known, saver
    from scripts.smileys_label_session import Session

    stack.enter_context(locked(path))
    with open_video(video) as opened:
        count = opened.count or 1
    with Progress(count, "reading the clip", shortest=500) as progress:
        pictures = stack.enter_context(clip_pictures(video, progress.advance))
    if pictures.damage:
        click.echo(f"{pictures.damage}; those can be labelled.", err=True)
    labels, squares, problems = known(path, video.stem, len(pictures))
    for problem in problems:
        click.echo(problem, err=True)
    faces = FaceSquares(len(pictures), best_face(pictures.image, pictures.scale))
    save = saver(path, video.stem)
    save(labels, squares)  # better told now than after an hour's work that it cannot be written
    session = Session(
        labels, squares, size=pictures.size, rate=pictures.rate, save=save, find=faces.square
    )
    stack.callback(search_in_background(session, faces))
    return session, pictures, faces


def _serve(session: Session, pictures: ClipPictures, name: str, port: int, open_: bool) -> None:
    from augment.datasets.smileys import SMILEYS
    from monitor.labelling import Command, Smiley, create_app, serve
    from scripts.smileys_label_keys import COLOURS, COMMANDS, SMILEY_KEYS

    token = secrets.token_urlsafe(24)
    app = create_app(
        session,
        pictures.jpeg,
        name=name,
        count=len(pictures),
        size=pictures.size,
        smileys=[
            Smiley(key, smiley, colour)
            for key, smiley, colour in zip(SMILEY_KEYS, SMILEYS, COLOURS, strict=True)
        ],
        commands=[Command(key, command) for key, command in COMMANDS.items()],
        token=token,
    )
    serve(app, token=token, port=port, open_browser=open_, say=click.echo)
