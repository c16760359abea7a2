"""Cutting labelled faces out of clips, and the list of what was cut."""

from __future__ import annotations

import csv
import io
import os
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from augment.datasets.frames import UNLABELLED, Clip
from augment.datasets.smileys import COLUMNS, SMILEYS
from augment.errors import DataError
from augment.functional import crop
from cascade.video import VideoError, is_video, open_video

__all__ = ["chosen_frames", "cut_clip", "find_videos", "write_labels"]

_QUALITY = 90


def find_videos(folder: Path, names: set[str]) -> dict[str, list[Path]]:
    """The videos in a folder whose names without ending are clips'."""
    found: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(folder.iterdir()):
        if path.stem in names and is_video(path):
            found[path.stem].append(path)
    return dict(found)


def chosen_frames(clip: Clip, every: int) -> NDArray[np.intp]:
    """The clip's rows that are cut out.

    Parameters
    ----------
    clip : Clip
    every : int
        Of a run of neighbouring frames with one label the first and every so many-th from it on,
        so that a short run is not lost.

    Returns
    -------
    intp array (n,)
        Rows with a label, rising.
    """
    rows = np.flatnonzero(clip.labels != UNLABELLED)
    if not len(rows):
        return rows
    labels, frames = clip.labels[rows], clip.frames[rows]
    begins = np.r_[True, (np.diff(labels) != 0) | (np.diff(frames) != 1)]
    first = frames[begins][np.cumsum(begins) - 1]  # of the run that each frame is in
    return rows[(frames - first) % every == 0]


def cut_clip(
    clip: Clip,
    rows: NDArray[np.intp],
    videos: list[Path],
    folder: Path,
    *,
    size: int,
    margin: float,
    advance: Callable[[], None],
) -> tuple[list[int], list[str]]:
    """Cut the faces of one clip and write them as ``CLIP/00000.jpg``.

    Parameters
    ----------
    clip : Clip
    rows : int array (n,)
        Which of its rows.
    videos : list of Path
        What there is under the clip's name; it has to be one.
    folder : Path
        Where the clip's folder is made.
    size : int
        Rows and columns of a picture.
    margin : float
        How much larger than the face square it is.
    advance : callable
        Called after each face, cut or not.

    Returns
    -------
    done : list of int
        The rows whose picture is written.
    problems : list of str
        Sentences about what is missing.
    """
    known = np.isfinite(clip.squares[rows]).all(axis=1)
    problems = []
    if not known.all():
        problems.append(
            f"{clip.name}: labelled frames without a face square: {int((~known).sum())}, the first "
            f"is frame {int(clip.frames[rows[~known][0]])}; open the clip with `lasagnette smileys "
            "label` once more to have them found, or set them there with the key 5"
        )
    wanted = {int(clip.frames[row]): int(row) for row in rows[known]}
    done: list[int] = []
    try:
        if wanted:
            _cut(clip, wanted, _only(clip.name, videos), folder, size, margin, done, advance)
    except (VideoError, DataError) as error:
        problems.append(f"{error}; {len(done)} of {len(wanted)} faces cut out")
    except OSError as error:
        problems.append(
            f"{clip.name}: a picture cannot be written ({error.strerror}); "
            f"{len(done)} of {len(wanted)} faces cut out"
        )
    for _ in range(len(rows) - len(done)):
        advance()
    return done, problems


def _only(name: str, videos: list[Path]) -> Path:
    if len(videos) == 1:
        return videos[0]
    if videos:
        raise DataError(f"{name}: several videos have this name: {', '.join(map(str, videos))}")
    raise DataError(f"{name}: there is no video of this name beside the list")


def _cut(
    clip: Clip,
    wanted: dict[int, int],
    video: Path,
    folder: Path,
    size: int,
    margin: float,
    done: list[int],
    advance: Callable[[], None],
) -> None:
    """Cut the wanted frames' faces, rows by frame, and note in `done` what is written."""
    last = max(wanted)
    with open_video(video) as opened:
        for number, _, pixels in opened.frames(first=min(wanted)):
            row = wanted.get(number)
            if row is not None:
                x, y, side = clip.squares[row].tolist()
                more = side * (margin - 1) / 2
                frame = np.array([x - more, y - more, side * margin, side * margin], np.float32)
                _save(crop(pixels, frame, size), folder / _file(clip.name, number))
                done.append(row)
                advance()
            if number == last:
                return
    raise DataError(f"{video}: it ends before frame {last}, which is labelled")


def _save(picture: NDArray[np.uint8], path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    draft = path.with_name(f".{path.name}.part")
    try:
        Image.fromarray(picture).save(draft, "JPEG", quality=_QUALITY)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def write_labels(folder: Path, clip: Clip, rows: list[int], size: int, margin: float) -> None:
    """Write a clip's lines into ``labels.csv``, in the place of those that it has there.

    Parameters
    ----------
    folder : Path
        With the clip's folder.
    clip : Clip
    rows : list of int
        Its rows that have a picture; where there is none, the list stays as it is.
    size, margin
        As in `cut_clip`.

    Raises
    ------
    DataError
        If the file that is there is no such list.
    OSError
        If it cannot be written.
    """
    if not rows:
        return
    path = folder / "labels.csv"
    lines = _other_lines(path, clip.name)
    side = size / margin
    corner = (size - side) / 2
    for row in rows:
        frame, label = int(clip.frames[row]), int(clip.labels[row])
        file = _file(clip.name, frame).as_posix()
        square = [f"{value:.6g}" for value in (corner, corner, side)]
        lines.append([file, clip.name, str(frame), str(label), SMILEYS[label], *square])
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([COLUMNS, *lines])
    draft = path.with_name(f".{path.name}.part")
    try:
        draft.write_text(out.getvalue(), encoding="utf-8", newline="")
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _other_lines(path: Path, name: str) -> list[list[str]]:
    """The list's lines about other clips."""
    if not path.exists():
        return []
    with open(path, encoding="utf-8-sig", newline="") as file:
        header, *lines = [*csv.reader(file)] or [[]]
    if tuple(header) != COLUMNS:
        raise DataError(f"{path}: not a list {','.join(COLUMNS)}; name another folder by --out")
    return [line for line in lines if len(line) > 1 and line[1] != name]


def _file(name: str, frame: int) -> Path:
    return Path(name, f"{frame:05d}.jpg")
