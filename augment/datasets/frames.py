"""Labelled clips: a smiley and a face square for the frames of videos, in one list.

What ``lasagnette smileys label`` writes. Every frame of every clip has a line::

    clip,frame,label,x,y,side
    d0,0,7,104.6,126.6,319.4
    d0,1,-1,,,

``clip`` is the video's name without its ending, ``frame`` counts from 0, ``label`` is a place in
`augment.datasets.smileys.SMILEYS` or -1 for a frame that has none. ``x,y,side`` is the face square
in pixels of the clip; the three are empty where nobody has looked for a face yet.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from augment.datasets.smileys import SMILEYS
from augment.errors import DataError

__all__ = ["COLUMNS", "UNLABELLED", "Clip", "Frames", "is_clip_name", "load", "locked", "save"]

COLUMNS = ("clip", "frame", "label", "x", "y", "side")
UNLABELLED = -1
"""The label of a frame that has none."""

_HEADER = ",".join(COLUMNS)
_MOST_FRAMES = 10_000_000  # days of video: a larger number is damage
_FARTHEST = 1e6  # pixels


@dataclass(frozen=True)
class Clip:
    """The frames of one video.

    Attributes
    ----------
    name : str
        The video's name without its ending.
    frames : numpy.ndarray
        int32 ``(n,)``: their numbers, rising.
    labels : numpy.ndarray
        int32 ``(n,)``: the smiley's number, or `UNLABELLED`.
    squares : numpy.ndarray
        float32 ``(n, 3)``: x, y, side of the face in pixels of the clip; NaN where unknown.
    """

    name: str
    frames: np.ndarray
    labels: np.ndarray
    squares: np.ndarray


@dataclass(frozen=True)
class Frames:
    """A list of clips.

    Attributes
    ----------
    path : Path
        The file.
    clips : dict of str to Clip
        By name, in the order of the file.
    problems : list of str
        One sentence per line that was passed over.
    """

    path: Path
    clips: dict[str, Clip]
    problems: list[str]


def is_clip_name(name: str) -> bool:
    """Whether a clip may be called so: the name of a file, without a folder, in one line.

    >>> is_clip_name("d0"), is_clip_name("../d0"), is_clip_name(".."), is_clip_name("")
    (True, False, False, False)
    """
    parts = "/" in name or "\\" in name or name in (".", "..")
    return bool(name) and name.isprintable() and not parts and name == name.strip()


def load(path: str | os.PathLike[str]) -> Frames:
    """Read a list.

    Parameters
    ----------
    path : path-like
        The file, usually called ``frames.csv``.

    Returns
    -------
    Frames
        Damaged lines are named in ``problems`` and passed over; of two lines for one frame the
        later counts.

    Raises
    ------
    DataError
        If the file cannot be read or has another header.
    """
    lines = _lines(Path(path))
    if lines is None:
        raise DataError(f"{os.fspath(path)}: there is no such list of frames")
    rows: dict[str, dict[int, tuple[float, ...]]] = {}
    problems = []
    for number, line in enumerate(lines[1:], start=2):
        found = _parse(line)
        where = f"{os.fspath(path)}, line {number}"
        if found is None:
            if line.strip():
                problems.append(f"{where}: damaged, passed over: {_shown(line)!r}")
            continue
        clip, frame, *values = found
        of_clip = rows.setdefault(clip, {})
        if frame in of_clip:
            problems.append(f"{where}: frame {frame} of {clip!r} once more; this line counts")
        of_clip[frame] = tuple(values)
    clips = {name: _clip(name, of_clip) for name, of_clip in rows.items()}
    return Frames(Path(path), clips, problems)


def save(path: str | os.PathLike[str], clip: Clip) -> None:
    """Write one clip into a list, which is made if there is none.

    The file is written under a temporary name and then renamed, so that it is whole whenever the
    process is killed. The lines of other clips stay as they are, byte for byte, and so do this
    clip's damaged ones.

    Parameters
    ----------
    path : path-like
        The file.
    clip : Clip
        Its squares are rounded to a tenth of a pixel.

    Raises
    ------
    DataError
        If there is a file that is no such list, or the clip's name is none.
    OSError
        If it cannot be written.
    """
    if not is_clip_name(clip.name):
        raise DataError(
            f"{clip.name!r} cannot stand in a list of frames: a clip's name is one line without "
            "slashes, not empty and without spaces around it; rename the video"
        )
    path = Path(path).resolve()  # a link stays one
    lines = _lines(path)
    end = "\r" if lines is not None and lines[0].endswith("\r") else ""  # as CSV has it by rights
    new = [line + end for line in _text(clip)]
    begin = f"{_quoted(clip.name)},"
    kept, place = [_HEADER + end], 0
    for line in (lines or [])[1:]:
        if line.startswith(begin) and _parse(line) is not None:
            place = place or len(kept)
        else:
            kept.append(line)
    place = place or len(kept)
    text = "\n".join([*kept[:place], *new, *kept[place:]]) + "\n"
    draft = path.with_name(f".{path.name}.part")  # one name: a killed process leaves but one
    try:
        draft.write_bytes(text.encode("utf-8", "surrogateescape"))
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def locked(path: str | os.PathLike[str]) -> Iterator[None]:
    """Keep a list for this process alone, so that nobody's labels are written over.

    The lock ends with the process, however that ends. Where the system has no such locks, nothing
    is kept.

    Raises
    ------
    DataError
        If another process has the list, or its folder cannot be written into.
    """
    try:
        import fcntl
    except ImportError:  # not on Windows
        yield
        return
    place = Path(path).resolve()
    try:
        lock = open(place.with_name(f".{place.name}.lock"), "ab")  # noqa: SIM115
    except OSError as error:
        raise DataError(
            f"{os.fspath(path)}: the list cannot be written ({error.strerror}); name another one"
        ) from error
    with lock as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataError(
                f"{os.fspath(path)}: another process is labelling into this list; end it, or name "
                "another list"
            ) from error
        yield


def _lines(path: Path) -> list[str] | None:
    """The file's lines without their ends, the header among them; None if there is no file.

    What is no UTF-8 is kept as it is, to be written again.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig", "surrogateescape")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; expected: a list {_HEADER}") from error
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    if not lines or lines[0].rstrip("\r") != _HEADER:
        header = _shown(lines[0]) if lines else ""
        raise DataError(f"{path}: the first line must be {_HEADER!r}; got {header!r}")
    return lines


def _parse(line: str) -> tuple[str, int, int, float, float, float] | None:
    """Clip, frame, label, x, y, side of a line, or None if it is damaged."""
    try:
        (row,) = csv.reader([line.rstrip("\r")], strict=True)
        clip, frame_text, label_text, *words = row
        frame, label = int(frame_text), int(label_text)
        x, y, side = (float(word) for word in words) if any(words) else (np.nan,) * len(words)
    except (ValueError, csv.Error):
        return None
    if not is_clip_name(clip) or not 0 <= frame < _MOST_FRAMES:
        return None
    if not UNLABELLED <= label < len(SMILEYS):
        return None
    known = abs(x) < _FARTHEST and abs(y) < _FARTHEST and 0 < side < _FARTHEST
    return (clip, frame, label, x, y, side) if known or not any(words) else None


def _clip(name: str, rows: dict[int, tuple[float, ...]]) -> Clip:
    frames = np.array(sorted(rows), np.int32)
    values = np.array([rows[frame] for frame in frames.tolist()], np.float64)
    return Clip(name, frames, values[:, 0].astype(np.int32), values[:, 1:].astype(np.float32))


def _text(clip: Clip) -> list[str]:
    """The clip's lines."""
    name, known = _quoted(clip.name), np.isfinite(clip.squares).all(axis=1).tolist()
    rows = zip(clip.frames.tolist(), clip.labels.tolist(), clip.squares.tolist(), strict=True)
    return [
        f"{name},{frame},{label}," + (f"{x:.1f},{y:.1f},{max(side, 0.1):.1f}" if there else ",,")
        for (frame, label, (x, y, side)), there in zip(rows, known, strict=True)
    ]


def _quoted(name: str) -> str:
    """The name as CSV writes it."""
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow([name])
    return out.getvalue()


def _shown(line: str) -> str:
    """A line for a message: not endless, and without bytes that no terminal takes."""
    return line[:120].encode("utf-8", "replace").decode()
