"""`lasagnette runs export`: a run as CSV and as TensorBoard's event files."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import numpy as np

from monitor.runlog import Run, RunLogError
from scripts.tensorboard_write import EventFile

__all__ = ["write_csv", "write_events"]

COLUMNS = ("tag", "step", "epoch", "time", "value")


def write_csv(run: Run, tags: Sequence[str], file: IO[str]) -> int:
    """Write all points of curves as lines of tag, step, epoch, time and value; return how many.

    An epoch that was not given is empty; values may be nan and inf.
    """
    lines = csv.writer(file, lineterminator="\n")
    lines.writerow(COLUMNS)
    count = 0
    for tag in tags:
        for step, epoch, time, value in zip(
            *(column.tolist() for column in run.scalars(tag)), strict=True
        ):
            lines.writerow([tag, step, "" if math.isnan(epoch) else epoch, time, value])
            count += 1
    return count


def write_events(
    run: Run, tags: Sequence[str], folder: Path, *, pictures: bool = True
) -> tuple[Path, list[str]]:
    """Write curves, pictures, histograms and notes as an event file.

    Parameters
    ----------
    run : Run
    tags : sequence of str
        Curves to write.
    folder : Path
        Made if it is missing.
    pictures : bool
        Whether pictures are written, too.

    Returns
    -------
    path : Path
        The file.
    problems : list of str
        A sentence about each picture that could not be read.
    """
    problems = []
    info = run.info
    started = info.get("started")
    if not isinstance(started, int | float) or not math.isfinite(started):
        started = run.folder.stat().st_mtime
    with EventFile(folder, float(started), str(info.get("host", ""))) as file:
        for tag in tags:
            series = run.scalars(tag)
            for step, time, value in zip(
                series.step.tolist(), series.time.tolist(), series.value.tolist(), strict=True
            ):
                file.scalar(tag, step, time, value)
        for tag in run.histogram_tags:
            for step, time, lowest, highest, counts in zip(*run.histograms(tag), strict=True):
                if math.isfinite(lowest):
                    edges = np.linspace(lowest, highest, len(counts) + 1)
                    file.histogram(tag, int(step), float(time), edges, counts)
        for tag in run.picture_tags if pictures else ():
            for picture in run.pictures(tag):
                try:
                    encoded = run.media(picture.media).encoded
                    file.picture(tag, picture.step, picture.time, encoded, _size(encoded))
                except (RunLogError, OSError) as error:
                    problems.append(f"{tag} at step {picture.step}: {error}")
        for note in run.texts():
            file.words("notes", note.step, note.time, note.text)
    return file.path, problems


def _size(encoded: bytes) -> tuple[int, int]:
    """Return a picture's width and height in pixels."""
    from PIL import Image

    with Image.open(io.BytesIO(encoded)) as picture:
        return picture.size
