"""What a list of frames says of one clip, as arrays with a row for each of its frames."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from augment.datasets import frames
from augment.datasets.frames import UNLABELLED, Clip, is_clip_name
from augment.errors import DataError
from scripts.errors import RunError
from scripts.smileys_label_tape import Labels, Squares

__all__ = ["known", "saver"]


def known(path: Path, name: str, count: int) -> tuple[Labels, Squares, list[str]]:
    """Read what is known of a clip.

    Parameters
    ----------
    path : Path
        The list; it need not exist.
    name : str
        The clip.
    count : int
        Number of its frames.

    Returns
    -------
    labels : int32 array (count,)
    squares : float32 array (count, 3)
        NaN where unknown.
    problems : list of str
        What was passed over in the list.

    Raises
    ------
    RunError
        If the list has more frames of the clip than the video has, or the name cannot stand in it.
    DataError
        If the file is no such list.
    """
    if not is_clip_name(name):
        raise RunError(f"a clip cannot be called {name!r}: rename the video")
    labels = np.full(count, UNLABELLED, np.int32)
    squares = np.full((count, 3), np.nan, np.float32)
    if not path.exists():
        return labels, squares, []
    found = frames.load(path)
    clip = found.clips.get(name)
    if clip is not None:
        last = int(clip.frames[-1])
        if last >= count:
            raise RunError(
                f"{path} has frame {last} of {name!r}, and the video has {count}: it is another "
                "video of that name, or damaged; give --frames another list, or rename the video"
            )
        labels[clip.frames] = clip.labels
        squares[clip.frames] = clip.squares
    return labels, squares, found.problems


def saver(path: Path, name: str) -> Callable[[Labels, Squares], None]:
    """Return what writes a clip's labels and squares into the list."""

    def save(labels: Labels, squares: Squares) -> None:
        numbers = np.arange(len(labels), dtype=np.int32)
        try:
            frames.save(path, Clip(name, numbers, labels, squares))
        except OSError as error:
            raise DataError(f"{path}: {error.strerror}") from error

    return save
