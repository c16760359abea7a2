"""`lasagnette smileys extract`: the labelled faces of clips as pictures to learn from."""

from __future__ import annotations

from pathlib import Path

import click

from scripts.files import writable_folder
from scripts.progress import Progress

__all__ = ["extract"]


@click.command()
@click.argument("source", type=click.Path(exists=True, path_type=Path), metavar="CLIPS")
@click.option("--out", required=True, metavar="FOLDER", help="Where the faces and their list go.")
@click.option(
    "--every",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="K",
    help="Of neighbouring frames of one smiley, take every K-th.",
)
@click.option(
    "--size",
    type=click.IntRange(8, 4096),
    default=128,
    show_default=True,
    metavar="PIXELS",
    help="Side of a picture.",
)
@click.option(
    "--margin",
    type=click.FloatRange(1, 10),
    default=1.6,
    show_default=True,
    metavar="TIMES",
    help="How much larger than the face square a picture is.",
)
@click.pass_context
def extract(
    ctx: click.Context, source: Path, out: str, every: int, size: int, margin: float
) -> None:
    """Cut the labelled faces out of CLIPS: a folder of videos with frames.csv, or such a list.

    Each labelled frame gives FOLDER/CLIP/FRAME.jpg, the face square enlarged about its centre;
    beyond the frame's edge its last pixels are repeated. FOLDER/labels.csv lists them, as
    training reads it; what it holds of other clips stays.

    A clip that is missing or damaged is named and the others go on; the exit code is 1 then.
    """
    from augment.datasets import frames
    from scripts.smileys_crops import chosen_frames, cut_clip, find_videos, write_labels

    path = source / "frames.csv" if source.is_dir() else source
    found = frames.load(path)
    folder = writable_folder(out, "--out")
    for problem in found.problems:
        click.echo(problem, err=True)
    clips = {name: chosen_frames(clip, every) for name, clip in found.clips.items()}
    videos = find_videos(path.parent, set(clips))
    failed, made = bool(found.problems), 0
    with Progress(sum(map(len, clips.values())), "faces") as progress:
        for name, rows in clips.items():
            done, problems = cut_clip(
                found.clips[name],
                rows,
                videos.get(name, []),
                folder,
                size=size,
                margin=margin,
                advance=progress.advance,
            )
            write_labels(folder, found.clips[name], done, size, margin)
            made += len(done)
            failed = failed or bool(problems)
            for problem in problems:
                progress.note(problem)
    several = "1 clip" if len(clips) == 1 else f"{len(clips)} clips"
    click.echo(f"{made:,} faces of {several}: {folder}", err=True)
    if failed or not made:
        ctx.exit(1)
