"""What `lasagnette smile` looks at, and the smileys in it."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from scripts.detect_sources import Shot, Source, search_photographs

if TYPE_CHECKING:
    from cascade.smile_video import TrackedSmile
    from cascade.smiler import Smiler
    from cascade.video import Video
    from scripts.smile_options import Settings

__all__ = ["count_frames", "search_smiles", "slow_down", "video_sources"]

SLOWEST = 10.0
"""Frames per second below which the frames of a slowed video are repeated: some players skip or
stutter where there are fewer."""


def video_sources(names: Iterable[str]) -> list[Source]:
    """Sources of files that have to be videos; what is none fails in its turn."""
    from cascade.video import is_video

    sources = []
    for name in dict.fromkeys(names):
        if is_video(name):
            sources.append(Source(name, video=True))
        else:
            reason = "not a video (MP4, MOV, AVI, MKV or WebM)"
            if not os.path.exists(name):
                reason = "there is no such file"
            sources.append(Source(name, error=f"{name}: {reason}"))
    return sources


def count_frames(sources: Sequence[Source]) -> int:
    """Photographs, and frames that the videos announce; 0 with a camera, which has no end."""
    from cascade.video import VideoError

    total = 0
    for source in sources:
        if source.camera is not None:
            return 0
        count: int | None = None
        if source.video:
            try:
                with source.open() as video:
                    count = video.count
            except VideoError:
                pass  # told when its turn comes
        total += count or 1
    return total


def search_smiles(
    smiler: Smiler, sources: Iterable[Source], settings: Settings
) -> Iterator[tuple[Shot, Any]]:
    """The smileys of all sources, in their order.

    Yields
    ------
    Shot, list of Smile or Exception
    """
    for moving, group in groupby(sources, key=lambda source: source.moving):
        if moving:
            for source in group:
                yield from _frames(smiler, source, settings)
        else:
            yield from search_photographs(smiler.smile_many, group, settings.jobs)


def slow_down(rate: float, slow: float) -> tuple[float, int]:
    """How a video is written so that it runs slower.

    Parameters
    ----------
    rate : float
        Its frames per second.
    slow : float
        How many times slower.

    Returns
    -------
    rate : float
        Frames per second of what is written.
    repeats : int
        How often each frame is written; more than once where there would be fewer than `SLOWEST`
        per second.
    """
    if slow <= 1:
        return rate, 1
    repeats = max(1, math.ceil(SLOWEST * slow / rate))
    return rate / slow * repeats, repeats


def _frames(smiler: Smiler, source: Source, settings: Settings) -> Iterator[tuple[Shot, Any]]:
    from cascade.smile_video import in_hindsight
    from cascade.video import VideoError

    try:
        with source.open() as video:
            frames = _stepped(smiler, source, video, settings)
            if source.video:
                yield from in_hindsight(frames, settings.hold)
            else:
                yield from ((shot, smiles) for shot, _, smiles in frames)
    except VideoError as error:
        yield Shot(source), error


def _stepped(
    smiler: Smiler, source: Source, video: Video, settings: Settings
) -> Iterator[tuple[Shot, float, list[TrackedSmile]]]:
    from cascade.smile_video import SmileVideo

    rate, repeats = slow_down(video.rate, settings.slow)
    states = SmileVideo(
        smiler,
        every=settings.every,
        spread=settings.spread,
        smooth=settings.smooth,
        hold=settings.hold,
    )
    for number, seconds, image in video.frames():
        shot = Shot(source, image.shape[:2], number, seconds, rate, image, repeats)
        yield shot, seconds, states.step(seconds, image)
