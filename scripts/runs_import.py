"""`lasagnette runs import`: TensorBoard's event files as runs of ours."""

from __future__ import annotations

import math
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from monitor.folders import DEPTH
from scripts.errors import RunError
from scripts.runs_rows import RunRows, fitting_tag
from scripts.tensorboard_read import (
    Histogram,
    LeftOut,
    Picture,
    Restart,
    Scalar,
    Words,
    read_events,
)

__all__ = ["Imported", "event_folders", "import_run"]

OWN = "events"  # name of a run beside those in its subfolders
UNKNOWN_PICTURES = "pictures that are neither PNG nor JPEG"


class Imported(NamedTuple):
    """What became of a folder of event files.

    Attributes
    ----------
    counts : dict
        Points, pictures, histograms and texts of the run.
    left_out : dict
        By kind: how many things had no place in it.
    problems : list of str
        A sentence about each damage.
    """

    counts: dict[str, int]
    left_out: dict[str, int]
    problems: list[str]


def event_folders(source: Path, name: str | None = None) -> dict[str, list[Path]]:
    """Return the event files below a folder, by the name of the run that they make.

    A file stands for itself. A folder with event files whose subfolders hold some, too, gets a
    name beside theirs, because a run's folder holds one run. Hidden folders are passed over.

    Parameters
    ----------
    source : Path
    name : str, optional
        What the names begin with; by default the name of the folder.

    Raises
    ------
    RunError
        If there are none.
    """
    place = source.resolve()
    root = Path(name or (place.parent if place.is_file() else place).name.lstrip(".") or OWN)
    if source.is_file():
        return {_name(root): [source]}
    found: dict[Path, list[Path]] = {}
    for folder, below, names in os.walk(source):
        below[:] = sorted(one for one in below if not one.startswith("."))
        if events := sorted(Path(folder, one) for one in names if "tfevents" in one):
            found[Path(folder).relative_to(source)] = events
    if not found:
        raise RunError(
            f"{source}: holds no event files of TensorBoard; their names have tfevents in them"
        )
    outer = {parent for folder in found for parent in folder.parents}
    return {
        _name(root / folder / (OWN if folder in outer else "")): files
        for folder, files in found.items()
    }


def _name(path: Path) -> str:
    """Return a name that is no deeper than runs are looked for."""
    parts = path.parts
    return "/".join([*parts[: DEPTH - 1], "-".join(parts[DEPTH - 1 :])]).rstrip("/")


def import_run(
    files: list[Path], folder: Path, advance: Callable[[int], None] = lambda _: None
) -> Imported:
    """Make a run from event files that one training wrote.

    Times stay as they were. Where the training went on from an earlier step and said so, what it
    had written from there on is superseded.

    Parameters
    ----------
    files : list of Path
        In the order in which they were begun.
    folder : Path
        Where the run will be; it appears when it is complete.
    advance : callable
        Called now and then with the number of bytes read since.

    Raises
    ------
    RunError
        If there is something at `folder`, or nothing in the files to make a run from.
    """
    if folder.exists():
        raise RunError(f"{folder}: exists; delete it, or give --name")
    counts: Counter[str] = Counter()
    left_out: Counter[str] = Counter()
    problems: list[str] = []
    draft = folder.with_name(f".{folder.name[:100]}.{os.getpid()}.part")
    about = {"from": str(files[0].resolve().parent), "files": [file.name for file in files]}
    try:
        with RunRows(draft, {"imported": about}) as rows:
            for file in files:
                for what in _take(file, rows, problems, advance):
                    (counts if what in RunRows.KINDS else left_out)[what] += 1
        if not counts:
            raise RunError(
                f"{about['from']}: its event files hold no curves, pictures, histograms or texts"
            )
        folder.parent.mkdir(parents=True, exist_ok=True)
        os.rename(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return Imported(dict(counts), dict(left_out), problems)


def _take(
    file: Path, rows: RunRows, problems: list[str], advance: Callable[[int], None]
) -> Iterator[str]:
    """Put what a file holds into a run; yield the kind of each thing, or why it is left out."""
    written = file.stat().st_mtime
    for entry in read_events(file, problems, advance):
        if isinstance(entry, LeftOut):
            yield entry.what
            continue
        if entry.step < 0:
            yield "entries with a negative step"
            continue
        if isinstance(entry, Restart):
            rows.resume(entry.step)
            continue
        time = entry.time if math.isfinite(entry.time) and entry.time > 0 else written
        tag = fitting_tag(entry.tag)
        if isinstance(entry, Scalar):
            rows.scalar(tag, entry.step, time, entry.value)
            yield "points"
        elif isinstance(entry, Picture):
            fits = rows.picture(tag, entry.step, time, entry.encoded)
            yield "pictures" if fits else UNKNOWN_PICTURES
        elif isinstance(entry, Histogram):
            rows.histogram(tag, entry.step, time, entry.edges, entry.counts)
            yield "histograms"
        elif isinstance(entry, Words):
            rows.words(entry.step, time, f"{tag}: {entry.text}")
            yield "texts"
