"""The options of `lasagnette smile`: what they are, which go together, and their help."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from scripts.computing import THREADS_OPTION
from scripts.detect_sources import STDIN, Source
from scripts.files import writable_folder
from scripts.option_sections import Sections, command_with, with_options
from scripts.options import FILES_FROM_OPTION, refuse_given

__all__ = ["Settings", "SmileCommand", "with_smile_options"]

PICTURE, VIDEO = ".jpg", ".mp4"
OTHER_FILES = (".jpeg", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff")
OTHER_VIDEOS = (".mov", ".avi", ".mkv", ".webm", ".m4v")
ONLY_MOVING = ("every", "spread", "smooth", "hold", "slow")

SECTIONS: Sections = {
    "What is looked at": (
        click.option(
            "--video",
            multiple=True,
            metavar="IN",
            help="A video: MP4, MOV, AVI, MKV or WebM. May be given several times.",
        ),
        click.option(
            "--camera",
            type=click.IntRange(min=0),
            metavar="N",
            help="What camera N sees, 0 for the first, in a window; q closes it. With --json or "
            "--out also where no window can be opened, until Ctrl-C.",
        ),
        FILES_FROM_OPTION,
        click.option(
            "--min-face",
            type=click.FloatRange(min=1),
            default=40,
            show_default=True,
            metavar="PIXELS",
            help="Smallest face looked for.",
        ),
        click.option(
            "--threshold",
            type=click.FloatRange(0, 1),
            metavar="SCORE",
            help="Leave out faces that the detector is less sure of, from 0 to 1  [default: as "
            "tuned with its nets]",
        ),
        click.option(
            "--cascade",
            type=click.Path(exists=True, dir_okay=False),
            metavar="FILE",
            help="Cascade file with the nets that find faces  [default: the one that comes with "
            "lasagnette]",
        ),
    ),
    "How the smiley is chosen": (
        click.option(
            "--net",
            type=click.Path(exists=True, dir_okay=False),
            metavar="FILE",
            help="Smile file with the net that tells smileys apart  [default: the one that comes "
            "with lasagnette]",
        ),
        click.option(
            "--no-vote",
            is_flag=True,
            help="Ask the net about each face's square alone, not about 45 squares around it: "
            "faster, but where exactly the square lies then decides.",
        ),
        click.option(
            "--smooth",
            type=click.FloatRange(min=0),
            default=0,
            show_default=True,
            metavar="SECONDS",
            help="In videos, average the probabilities of a face over about so long.",
        ),
        click.option(
            "--hold",
            type=click.FloatRange(min=0),
            default=0.2,
            show_default=True,
            metavar="SECONDS",
            help="In videos, show another smiley only where it wins for so long, so that the "
            "letters do not flicker; from a camera it is shown so much later.",
        ),
    ),
    "What is printed": (
        click.option("--json", "as_json", is_flag=True, help="A line of JSON, as below."),
        click.option(
            "-q",
            "--quiet",
            is_flag=True,
            help="Nothing but the smileys, for pipes: one line per photograph, empty where there "
            "is no face or the photograph cannot be read.",
        ),
        click.option(
            "--copy",
            is_flag=True,
            help="Also copy the smileys of photographs to the clipboard.",
        ),
    ),
    "Pictures": (
        click.option(
            "--out",
            metavar="PATH",
            help="Write each photograph as a JPEG, each video as an MP4, with squares, smileys and "
            "their part of the votes drawn: into a folder, or, of one input, a file named *.jpg or "
            "*.mp4. Sound is left out.",
        ),
        click.option(
            "--slow",
            type=click.FloatRange(min=1),
            default=1,
            show_default=True,
            metavar="K",
            help="Let the video that is written run K times slower.",
        ),
    ),
    "Speed": (
        click.option(
            "--every",
            type=click.IntRange(min=1),
            default=5,
            show_default=True,
            metavar="K",
            help="Search for faces in every K-th frame of a video; between, the faces are followed "
            "by the detector's last nets alone, so that a new face may be seen K-1 frames late.",
        ),
        click.option(
            "--spread",
            type=click.IntRange(1, 45),
            default=2,
            show_default=True,
            metavar="K",
            help="In videos, ask about 45/K of a face's squares in each frame and let the last K "
            "frames' answers vote together. 1 gives every frame a whole vote of its own, takes "
            "several times as long, and sees a change of face K-1 frames earlier.",
        ),
        click.option(
            "--jobs",
            type=click.IntRange(min=1),
            default=1,
            show_default=True,
            metavar="N",
            help="Work on N threads side by side, each with photographs of its own.",
        ),
        THREADS_OPTION,
    ),
}

SmileCommand = command_with(SECTIONS)
"""A command whose help shows its options in the sections above."""

with_smile_options = with_options(SECTIONS)
"""Add the options of all sections."""


@dataclass(frozen=True)
class Settings:
    """What was asked for; the names are those of the options."""

    video: tuple[str, ...]
    camera: int | None
    files_from: str | None
    min_face: float
    threshold: float | None
    cascade: str | None
    net: str | None
    no_vote: bool
    smooth: float
    hold: float
    as_json: bool
    quiet: bool
    copy: bool
    out: str | None
    slow: float
    every: int
    spread: int
    jobs: int
    threads: int | None

    def check(self, ctx: click.Context, photos: Sequence[str]) -> None:
        """Refuse options that do not go together, before anything is read.

        Raises
        ------
        click.UsageError
            A sentence.
        """
        if not (photos or self.video or self.files_from or self.camera is not None):
            raise click.UsageError("Missing argument 'PHOTO...'.")
        if self.as_json and self.quiet:
            raise click.UsageError("--json and --quiet print different lines; give one of them.")
        if self.no_vote:
            refuse_given(ctx, ["spread"], "With --no-vote there is no vote to spread; leave out")
        if self.out is None:
            refuse_given(ctx, ["slow"], "Only a video that --out writes can be slowed; leave out")
        if self.jobs > 1:
            refuse_given(ctx, ["threads"], "Each of the --jobs computes on one thread; leave out")
        if STDIN in photos and self.files_from == STDIN:
            raise click.UsageError("Standard input holds names or a photograph, not both.")

    def check_sources(self, ctx: click.Context, sources: Sequence[Source]) -> None:
        """Refuse options that do not go with what there is to look at.

        Raises
        ------
        click.UsageError
            A sentence.
        """
        moving = [source for source in sources if source.moving]
        # A video that cannot be read is told later: it is no reason to refuse these options.
        if not moving and not self.video:
            refuse_given(ctx, ONLY_MOVING, "Only videos and cameras have frames; leave out")
        if moving and self.copy:
            raise click.UsageError(
                f"--copy copies the smileys of photographs; got {moving[0].name!r}."
            )
        if moving and len(moving) == len(sources):
            refuse_given(ctx, ["jobs"], "--jobs is for photographs; use --threads in the place of")
        if self.camera is not None and not self.window() and not (self.as_json or self.out):
            from cascade.video import why_no_windows

            raise click.UsageError(
                f"--camera cannot show a window: {why_no_windows()}. With --json or --out it goes "
                "without."
            )

    def window(self) -> bool:
        """Whether a camera's pictures are shown."""
        if self.camera is None:
            return False
        from cascade.video import why_no_windows

        return not why_no_windows()

    def target(self, sources: Sequence[Source]) -> tuple[Path, dict[Source, str]] | None:
        """Where `--out` writes: a folder that can be written to, and names without their endings.

        Raises
        ------
        click.UsageError
            If it cannot be written there.
        """
        if self.out is None:
            return None
        from scripts.detect_pictures import picture_stems

        path = Path(self.out)
        if path.is_dir() or not _names_a_file(path):
            folder = writable_folder(path, "--out")
            return folder, picture_stems(sources, folder)
        if len(sources) != 1:
            raise click.BadParameter(
                f"{self.out!r} is the name of one file, and there are {len(sources)} inputs; name "
                "a folder.",
                param_hint="--out",
            )
        (source,) = sources
        ending = VIDEO if source.moving else PICTURE
        if path.suffix.lower() != ending:
            what = "a video is written as an MP4" if source.moving else "a JPEG is written"
            raise click.BadParameter(
                f"{what}, so the name ends in {ending}; got {self.out!r}.", param_hint="--out"
            )
        if path.exists() and os.path.exists(source.name) and path.samefile(source.name):
            raise click.BadParameter(
                f"{self.out!r} is what is read; give another name.", param_hint="--out"
            )
        return writable_folder(path.parent, "--out"), {source: path.stem}


def _names_a_file(path: Path) -> bool:
    return path.suffix.lower() in (PICTURE, VIDEO, *OTHER_FILES, *OTHER_VIDEOS)
