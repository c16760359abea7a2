"""The pictures that `lasagnette detect` makes: faces framed, cut out or hidden, stages' sheets."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from scripts.files import save_picture

if TYPE_CHECKING:
    import numpy as np

    from cascade.detector import Detection
    from cascade.video import VideoWriter
    from scripts.detect_journal import Journal
    from scripts.detect_sources import Shot, Source

__all__ = [
    "Altered",
    "Crops",
    "Pictures",
    "Sheets",
    "Window",
    "WindowClosed",
    "known_faces",
    "picture_stems",
]

ENDINGS = (".jpg", ".mp4")
TITLE = "lasagnette"
QUIT = (ord("q"), 27)  # and the escape key


class Pictures(Protocol):
    """Something that makes a picture of what was found."""

    def take(self, shot: Shot, found: Detection) -> None:
        """Make it; OSError, ImageError or VideoError says why it cannot be."""

    def close(self) -> None:
        """Complete what is open."""

    def summary(self) -> str:
        """Where the pictures lie, in a sentence; empty where there is none."""


class Altered:
    """Every photograph and video once more, of the same size, with something done to its faces.

    What a camera sees becomes a video that plays as fast as it happened, however many of the
    frames could be searched.

    Parameters
    ----------
    folder : Path
    stems : dict
        From `picture_stems`.
    draw : callable
        Makes the picture of pixels and what was found.
    what : str
        What was done to the faces, for the summary.
    slow : float
        How many times slower the videos run; their shots' ``rate`` and ``repeats`` have it in them.
    """

    def __init__(
        self,
        folder: Path,
        stems: dict[Source, str],
        draw: Callable[[np.ndarray, Any], np.ndarray],
        what: str,
        *,
        slow: float = 1,
    ) -> None:
        self._folder, self._stems, self._draw, self._what = folder, stems, draw, what
        self._slow = slow
        self._made: list[Path] = []
        self._video: tuple[Source, VideoWriter] | None = None
        self._begun, self._written = 0.0, 0  # of the video: its first shot's time, frames

    def take(self, shot: Shot, found: Any) -> None:
        """Write the picture, or add a frame to the video."""
        if self._video is not None and self._video[0] is not shot.source:
            self.close()
        picture = self._draw(shot.image(), found)
        stem = self._stems[shot.source]
        if shot.frame is None:
            path = self._folder / f"{stem}.jpg"
            save_picture(picture, path)
            self._made.append(path)
        else:
            writer = self._writer(shot, stem)
            times = 1 if shot.source.camera is None else self._pace(shot)
            for _ in range(times * shot.repeats):
                writer.write(picture)
            self._written += times

    def close(self) -> None:
        """Complete the video that is being written."""
        if self._video is not None:
            _, writer = self._video
            self._video = None
            writer.close()

    def summary(self) -> str:
        """Where the pictures lie."""
        if not self._made:
            return ""
        kinds = sorted({"video" if path.suffix == ".mp4" else "picture" for path in self._made})
        if len(self._made) == 1:
            return f"The {kinds[0]} with its faces {self._what}: {self._made[0]}"
        several = " and ".join(f"{kind}s" for kind in kinds)
        return f"{len(self._made)} {several} with their faces {self._what}: {self._folder}"

    def _writer(self, shot: Shot, stem: str) -> VideoWriter:
        from cascade.video import VideoWriter

        if self._video is None:
            writer = VideoWriter(self._folder / f"{stem}.mp4", shot.rate)
            self._video = shot.source, writer
            self._begun, self._written = shot.time, 0
            self._made.append(writer.path)
        return self._video[1]

    def _pace(self, shot: Shot) -> int:
        from cascade.video import keep_pace

        rate = shot.rate * self._slow / shot.repeats
        return keep_pace(shot.time - self._begun, rate, self._written)


class Crops:
    """Every face as a picture of its own: STEM-face1.jpg is the best one of its photograph."""

    def __init__(self, folder: Path, stems: dict[Source, str], margin: float) -> None:
        self._folder, self._stems, self._margin = folder, stems, margin
        self._count = 0

    def take(self, shot: Shot, found: Detection) -> None:
        """Write the faces."""
        from cascade.privacy import crop_faces

        if not len(found.boxes):
            return
        faces = crop_faces(shot.image(), found.boxes, self._margin)
        for number, face in enumerate(faces, start=1):
            stem = _with_frame(self._stems[shot.source], shot)
            save_picture(face, self._folder / f"{stem}-face{number}.jpg")
            self._count += 1

    def close(self) -> None:
        """Nothing is open."""

    def summary(self) -> str:
        """Where the faces lie."""
        faces = "1 face" if self._count == 1 else f"{self._count} faces"
        return f"{faces} cut out: {self._folder}" if self._count else ""


def known_faces(list_file: str | None) -> dict[str, np.ndarray]:
    """Read a list of boxes: the faces' frames by their file's real path.

    Raises
    ------
    DataError
        If the list cannot be read.
    """
    if list_file is None:
        return {}
    from augment.datasets import boxes

    listed = boxes.load(list_file)
    return {
        os.path.realpath(os.path.join(listed.root, record.path)): record.boxes for record in listed
    }


class Sheets:
    """A sheet of the cascade's stages per photograph, and the numbers of frames as JSON lines.

    Parameters
    ----------
    folder : Path
    stems : dict
        From `picture_stems`.
    counts : Journal
        Where the numbers go.
    truth : dict
        From `known_faces`.
    """

    def __init__(
        self,
        folder: Path,
        stems: dict[Source, str],
        counts: Journal,
        truth: dict[str, np.ndarray],
    ) -> None:
        self._folder, self._stems, self._counts = folder, stems, counts
        self._truth = truth
        self._count = 0

    def take(self, shot: Shot, found: Detection) -> None:
        """Write the sheet and the line."""
        from cascade.draw_stages import draw_stages
        from scripts.detect_outputs import funnel_line

        stem = _with_frame(self._stems[shot.source], shot)
        known = self._truth.get(os.path.realpath(shot.source.name))
        sheet = draw_stages(shot.image(), found, known)
        save_picture(sheet, self._folder / f"{stem}.jpg")
        if not _is_done(self._counts.done, shot):
            self._counts.write(funnel_line(shot, found))
        self._count += 1

    def close(self) -> None:
        """Nothing is open."""

    def summary(self) -> str:
        """Where the sheets lie."""
        if not self._count:
            return ""
        return f"{self._count} pictures of the stages, and {self._counts.path.name}: {self._folder}"


class WindowClosed(Exception):
    """The user has closed the window or pressed q."""


class Window:
    """Shows each frame as soon as it has been searched.

    Parameters
    ----------
    draw : callable
        Makes the picture of pixels and what was found.
    """

    def __init__(self, draw: Callable[[np.ndarray, Any], np.ndarray]) -> None:
        self._draw = draw

    def take(self, shot: Shot, found: Any) -> None:
        """Show it.

        Raises
        ------
        WindowClosed
            If the user has had enough.
        """
        import cv2

        cv2.imshow(TITLE, cv2.cvtColor(self._draw(shot.image(), found), cv2.COLOR_RGB2BGR))
        pressed = cv2.waitKey(1) & 0xFF
        if pressed in QUIT or cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) < 1:
            raise WindowClosed

    def close(self) -> None:
        """Take the window from the screen."""
        import cv2

        cv2.destroyAllWindows()

    def summary(self) -> str:
        """Nothing is written."""
        return ""


def picture_stems(sources: Sequence[Source], folder: Path) -> dict[Source, str]:
    """Names, without their endings, of the sources' pictures in a folder.

    None is given twice, and none is that of a file that is read.
    """
    taken = {os.path.realpath(source.name) for source in sources}
    stems = {}
    for source in (source for source in sources if not source.error):
        if source.data is not None:
            stem = "stdin"
        elif source.camera is not None:
            stem = f"camera-{source.camera}"
        else:
            stem = Path(source.name).stem
        name, count = stem, 1
        while taken & {os.path.realpath(folder / (name + ending)) for ending in ENDINGS}:
            count += 1
            name = f"{stem}-{count}"
        taken |= {os.path.realpath(folder / (name + ending)) for ending in ENDINGS}
        stems[source] = name
    return stems


def _with_frame(stem: str, shot: Shot) -> str:
    return stem if shot.frame is None else f"{stem}-{shot.frame:06d}"


def _is_done(done: dict[str, int | None], shot: Shot) -> bool:
    if shot.source.name not in done:
        return False
    last = done[shot.source.name]
    return last is None or shot.frame is None or shot.frame <= last
