"""The options of `lasagnette detect`: what they are, which go together, and their help."""

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

__all__ = ["DetectCommand", "Settings", "with_detect_options"]

FOLDERS = ("out", "crop", "blur", "pixelate", "trace")

SECTIONS: Sections = {
    "What is searched": (
        FILES_FROM_OPTION,
        click.option(
            "--camera",
            type=click.IntRange(min=0),
            metavar="N",
            help="Search what camera N sees, 0 for the first, until Ctrl-C.",
        ),
        click.option(
            "--every",
            type=click.IntRange(min=1),
            default=1,
            show_default=True,
            metavar="K",
            help="Of a video or camera, search only every K-th frame.",
        ),
        click.option(
            "--min-face",
            type=click.FloatRange(min=1),
            default=40,
            show_default=True,
            metavar="PIXELS",
            help="Smallest face looked for; half the size takes about four times as long.",
        ),
        click.option(
            "--threshold",
            type=click.FloatRange(0, 1),
            metavar="SCORE",
            help="Leave out faces below this score, from 0 to 1: higher for fewer mistakes, lower "
            "for fewer missed faces  [default: as tuned with the nets]",
        ),
        click.option(
            "--max-faces",
            type=click.IntRange(min=1),
            metavar="N",
            help="Keep at most the N best faces of each photograph.",
        ),
        click.option(
            "--cascade",
            type=click.Path(exists=True, dir_okay=False),
            metavar="FILE",
            help="Cascade file with other nets  [default: the one that comes with lasagnette]",
        ),
    ),
    "What is printed": (
        click.option(
            "--format",
            type=click.Choice(["jsonl", "csv", "fddb"]),
            default="jsonl",
            show_default=True,
            help="jsonl: a line per photograph or frame, as above. csv: a line per face. fddb: the "
            "text that FDDB's evaluator reads. In csv and fddb, files that cannot be read are only "
            "named on stderr.",
        ),
        click.option(
            "--output",
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="FILE",
            help="Write the results there instead of to stdout, each as soon as it is known.",
        ),
        click.option(
            "--resume",
            is_flag=True,
            help="Go on where an earlier run with the same names and --output FILE ended, however "
            "it ended: what has a line there is not searched again.",
        ),
    ),
    "Pictures": (
        click.option(
            "--out",
            metavar="FOLDER",
            help="Write each photograph there with its faces framed; a video as an MP4.",
        ),
        click.option(
            "--crop",
            metavar="FOLDER",
            help="Write each face there as a picture: NAME-face1.jpg is the best one of NAME.",
        ),
        click.option(
            "--blur",
            metavar="FOLDER",
            help="Write each photograph or video there with its faces blurred beyond recognition, "
            "without EXIF data. Faces that are not found stay visible: lower --threshold and "
            "--min-face, and look through the pictures.",
        ),
        click.option("--pixelate", metavar="FOLDER", help="The same with coarse squares."),
        click.option(
            "--margin",
            type=click.FloatRange(min=0, max=5),
            default=0.3,
            show_default=True,
            metavar="PART",
            help="What --crop, --blur and --pixelate add on each side of a face, in parts of its "
            "width and height.",
        ),
        click.option(
            "--trace",
            metavar="FOLDER",
            help="Write a picture of what each stage of the cascade left over: red what fired, "
            "blue what was kept among frames of its size, green what is left at last; and the "
            "numbers of frames into funnel.jsonl.",
        ),
        click.option(
            "--truth",
            type=click.Path(exists=True, dir_okay=False),
            metavar="FILE",
            help="Known faces that --trace draws in white: CSV with file,x,y,width,height or JSON "
            "lines, the files named from FILE's folder.",
        ),
        click.option(
            "--show", is_flag=True, help="Show a video or camera in a window; q closes it."
        ),
    ),
    "Speed": (
        click.option(
            "--jobs",
            type=click.IntRange(min=1),
            default=1,
            show_default=True,
            metavar="N",
            help="Search the photographs of a folder, or the frames of a video, on N threads side "
            "by side: faster than --threads, which divides the work on each of them.",
        ),
        THREADS_OPTION,
    ),
}


DetectCommand = command_with(SECTIONS)
"""A command whose help shows its options in the sections above."""

with_detect_options = with_options(SECTIONS)
"""Add the options of all sections."""


@dataclass(frozen=True)
class Settings:
    """What was asked for; the names are those of the options."""

    files_from: str | None
    camera: int | None
    every: int
    min_face: float
    threshold: float | None
    max_faces: int | None
    cascade: str | None
    format: str
    output: Path | None
    resume: bool
    out: str | None
    crop: str | None
    blur: str | None
    pixelate: str | None
    margin: float
    trace: str | None
    truth: str | None
    show: bool
    jobs: int
    threads: int | None

    def check(self, ctx: click.Context, photos: Sequence[str]) -> None:
        """Refuse options that do not go together, before anything is read.

        Raises
        ------
        click.UsageError
            A sentence.
        """
        if not (photos or self.files_from or self.camera is not None):
            raise click.UsageError("Missing argument 'PHOTO...'.")
        if not (self.crop or self.blur or self.pixelate):
            refuse_given(ctx, ["margin"], "Without --crop, --blur or --pixelate there is no")
        if self.trace is None:
            refuse_given(ctx, ["truth"], "Only --trace draws known faces; leave out")
        if self.max_faces is not None and (self.blur or self.pixelate):
            raise click.UsageError(
                "--max-faces would leave the other faces visible in the pictures of --blur and "
                "--pixelate; leave it out."
            )
        if self.jobs > 1:
            refuse_given(ctx, ["threads"], "Each of the --jobs computes on one thread; leave out")
        if self.resume and self.output is None:
            raise click.UsageError("--resume continues the file that --output names; give both.")
        if self.resume and self.format != "jsonl":
            raise click.UsageError(
                "--resume needs --format jsonl: only there every file has a line, faces or none."
            )
        if self.resume and self.camera is not None:
            raise click.UsageError("--resume cannot continue a camera, which does not repeat.")
        if self.output and self.output.exists() and not self.resume:
            raise click.BadParameter(
                f"{str(self.output)!r} exists; continue it with --resume, or name another file.",
                param_hint="--output",
            )
        self._check_folders()

    def _check_folders(self) -> None:
        owners: dict[str, str] = {}
        for name in FOLDERS:
            folder = getattr(self, name)
            if folder is None:
                continue
            owner = owners.setdefault(os.path.realpath(folder), name)
            if owner != name:
                raise click.UsageError(
                    f"--{owner} and --{name} write pictures of the same names; give each a folder "
                    f"of its own, not both {folder!r}."
                )

    def check_sources(self, ctx: click.Context, sources: Sequence[Source]) -> None:
        """Refuse options that do not go with what there is to search.

        Raises
        ------
        click.UsageError
            A sentence.
        """
        moving = [source.name for source in sources if source.moving]
        if not moving:
            refuse_given(ctx, ["every", "show"], "Only videos and cameras have frames; leave out")
            return
        if self.format == "fddb":
            raise click.UsageError(f"--format fddb is for photographs; got {moving[0]!r}.")
        if self.resume and (self.out or self.blur or self.pixelate):
            raise click.UsageError(
                f"--resume cannot continue a video that is being written; search {moving[0]!r} "
                "alone, without --resume."
            )
        if self.show:
            from cascade.video import why_no_windows

            reason = why_no_windows()
            if reason:
                raise click.UsageError(f"--show is not possible: {reason}.")

    def folder(self, name: str) -> Path | None:
        """Make the folder of an option and see that it can be written to."""
        folder = getattr(self, name)
        return None if folder is None else writable_folder(folder, f"--{name}")

    def reads_stdin(self, photos: Sequence[str]) -> bool:
        """Whether a photograph comes on standard input.

        Raises
        ------
        click.UsageError
            If the names come there, too.
        """
        if STDIN in photos and self.files_from == STDIN:
            raise click.UsageError("Standard input holds names or a photograph, not both.")
        return STDIN in photos
