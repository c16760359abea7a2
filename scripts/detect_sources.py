"""Where `lasagnette detect` takes its pictures from: files, folders, videos, cameras, a pipe."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

if TYPE_CHECKING:
    import numpy as np

    from cascade.detector import Detection, Detector
    from cascade.video import Video

    Found = tuple["Shot", Detection | Exception]

__all__ = [
    "STDIN",
    "Shot",
    "Source",
    "find_sources",
    "listed_names",
    "search",
    "search_photographs",
    "standard_input",
]

STDIN = "-"
CHUNK_BYTES, CHUNK_FRAMES = 64_000_000, 64  # of a video, searched together


@dataclass(frozen=True, eq=False)
class Source:
    """One input.

    Attributes
    ----------
    name : str
        As it stands in the results.
    error : str
        Why there is nothing to be read; empty where there is.
    data : bytes or None
        A photograph that came on standard input.
    video : bool
        Whether it is a video file.
    camera : int or None
        Number of a camera.
    """

    name: str
    error: str = ""
    data: bytes | None = None
    video: bool = False
    camera: int | None = None

    @property
    def moving(self) -> bool:
        """Whether it gives many frames."""
        return self.video or self.camera is not None

    def photograph(self) -> np.ndarray:
        """Read a photograph: uint8 RGB, upright; ImageError says why there is none."""
        from augment.errors import ImageError
        from augment.images import decode_image, read_image

        if self.error:
            raise ImageError(self.error)
        return read_image(self.name) if self.data is None else decode_image(self.data, self.name)

    def open(self) -> Video:
        """Open a video or a camera; VideoError says why it cannot be."""
        # What fails is told in a sentence; FFmpeg would write lines of its own to stderr.
        os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

        from cascade.video import open_camera, open_video

        return open_video(self.name) if self.camera is None else open_camera(self.camera)


@dataclass(eq=False)
class Shot:
    """One photograph, or one frame of a video.

    Attributes
    ----------
    source : Source
    size : (int, int)
        Rows and columns in pixels, once it has been read.
    frame : int or None
        Number of a video's frame, from 0 on.
    time : float
        Seconds since the video began.
    rate : float
        Frames per second that are searched of a video.
    pixels : uint8 array or None
        Those of a video's frame.
    repeats : int
        How often a video that is written shows it, one after another.
    """

    source: Source
    size: tuple[int, int] = (0, 0)
    frame: int | None = None
    time: float = 0
    rate: float = 0
    pixels: np.ndarray | None = None
    repeats: int = 1

    def image(self) -> np.ndarray:
        """Its pixels; a photograph is read again.

        Many photographs may be on their way through the detector, too many to keep their pixels.
        """
        return self.source.photograph() if self.pixels is None else self.pixels


def find_sources(
    words: Iterable[str], *, camera: int | None = None, stdin: BinaryIO | None = None
) -> list[Source]:
    """Sources in the order of the words, every file once.

    Parameters
    ----------
    words : iterable of str
        Files, folders, patterns, and `STDIN`.
    camera : int, optional
        Number of a camera, which comes last.
    stdin : binary file, optional
        Where a photograph is read from, if `STDIN` is among the words.
    """
    from augment.images import find_images
    from cascade.video import is_video

    sources: dict[str, Source] = {}

    def failed(argument: str, reason: str) -> None:
        sources.setdefault(argument, Source(argument, f"{argument}: {reason}"))

    for word in words:
        if word == STDIN:
            data = stdin.read() if stdin is not None else b""
            error = "" if data else f"{STDIN}: nothing came on standard input"
            sources.setdefault(STDIN, Source(STDIN, error, data))
            continue
        for path in find_images([word], report=failed):
            name = str(path)
            if name not in sources:
                sources[name] = Source(name, video=is_video(path))
    found = list(sources.values())
    if camera is not None:
        found.append(Source(f"camera {camera}", camera=camera))
    return found


def listed_names(path: str) -> list[str]:
    """Names in a file, or on standard input: one per line, or separated by NUL bytes."""
    data = standard_input().read() if path == STDIN else Path(path).read_bytes()
    names = data.split(b"\0") if b"\0" in data else data.splitlines()
    decoded = [os.fsdecode(name) for name in names if name.strip()]
    # In a list, - is a file of that name.
    return [os.path.join(os.curdir, name) if name == STDIN else name for name in decoded]


def search(
    detector: Detector,
    sources: Iterable[Source],
    *,
    every: int = 1,
    begun: dict[str, int] | None = None,
    live: bool = False,
    trace: bool = False,
    jobs: int = 1,
) -> Iterator[Found]:
    """Find the faces of all sources, in their order.

    Parameters
    ----------
    detector : Detector
    sources : iterable of Source
    every : int
        Of a video the frames whose number this divides are searched.
    begun : dict of str to int, optional
        Number of the last frame of videos that were searched in part.
    live : bool
        Search a video's frames one by one, so that each is given out at once.
    trace : bool
        As in `Detector.detect_many`.
    jobs : int
        Number of threads that read and search, a few photographs each at a time.

    Yields
    ------
    Shot, Detection or Exception
    """
    many = partial(detector.detect_many, trace=trace)
    for moving, group in groupby(sources, key=lambda source: source.moving):
        if not moving:
            yield from search_photographs(many, group, jobs)
            continue
        for source in group:
            first = (begun or {}).get(source.name, -1) + 1
            one_by_one = live or source.camera is not None
            yield from _frames(many, source, every, first, one_by_one, jobs)


def search_photographs(
    many: Callable[[Iterable[tuple[Shot, Any]]], Iterator[tuple[Shot, Any]]],
    sources: Iterable[Source],
    jobs: int = 1,
) -> Iterator[tuple[Shot, Any]]:
    """Read photographs and let a function such as `Detector.detect_many` search them.

    Parameters
    ----------
    many : callable
        From a stream of (shot, image or exception) to shots and what was found.
    sources : iterable of Source
    jobs : int
        Number of threads that read and search.

    Yields
    ------
    Shot and what was found, or an Exception
    """
    return _in_jobs(lambda part: many(_photographs(part)), sources, jobs)


def _in_jobs(function: Callable[[Any], Iterator[Found]], items: Any, jobs: int) -> Iterator[Found]:
    """What a function makes of a stream, by several threads or by this one."""
    if jobs == 1:
        return function(items)
    from cascade.parallel import in_threads

    return in_threads(function, items, jobs)


def _photographs(sources: Iterable[Source]) -> Iterator[tuple[Shot, np.ndarray | Exception]]:
    from augment.errors import ImageError

    for source in sources:
        shot = Shot(source)
        try:
            image = source.photograph()
        except ImageError as error:
            yield shot, error
        else:
            shot.size = image.shape[:2]
            yield shot, image


def _frames(
    many: Callable[[Iterable[tuple[Shot, Any]]], Iterator[Found]],
    source: Source,
    every: int,
    first: int,
    one_by_one: bool,
    jobs: int,
) -> Iterator[Found]:
    from cascade.video import VideoError

    try:
        with source.open() as video:
            shots = (
                Shot(source, image.shape[:2], number, seconds, video.rate / every, image)
                for number, seconds, image in video.frames(every=every, first=first)
            )
            for piece in _pieces(shots, 1 if one_by_one else CHUNK_FRAMES):
                photos = [(one, one.image()) for one in piece]
                yield from _in_jobs(many, photos, 1 if one_by_one else jobs)
    except VideoError as error:
        yield Shot(source), error


def _pieces(shots: Iterable[Shot], most: int) -> Iterator[list[Shot]]:
    """Frames in groups, so that results are never far behind and few frames are held."""
    from cascade.video import VideoError

    piece: list[Shot] = []
    try:
        for shot in shots:
            piece.append(shot)
            if len(piece) >= min(most, CHUNK_BYTES // shot.image().nbytes):
                yield piece
                piece = []
    except VideoError:
        if piece:
            yield piece  # what was read before the damage
        raise
    if piece:
        yield piece


def standard_input() -> BinaryIO:
    """The bytes of standard input.

    Raises
    ------
    click.UsageError
        If it is a terminal: nobody types a photograph.
    """
    stream = sys.stdin.buffer
    if stream.isatty():
        raise click.UsageError(
            "standard input is a terminal; send it a photograph or names: command | lasagnette ..."
        )
    return stream
