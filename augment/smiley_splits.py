"""The three fixed divisions of the smiley frames into learnt and held-out ones.

==========  ==============================================================================
frames      one frame in five, at random, as in "The return of smileys": its neighbours,
            which look almost the same, are learnt
runs        whole runs of neighbouring frames: other moments of the same people
people      whole people, which the article found too hard for twenty of them
==========  ==============================================================================

The list of the held-out frames is ``splits/smileys.csv`` beside this module: a line per file that
is held out in one of them, and in which. `make_smiley_splits` makes it again. Frames that were
added to these are learnt. Of frames of one's own, of which the list names none, a fifth is held out
by the same order.
"""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from augment.datasets import smileys
from augment.datasets.smileys import SmileyRecord
from augment.index import Index, classes

__all__ = ["Split", "all_smileys", "balanced", "make_smiley_splits", "smiley_sets"]

Split = Literal["frames", "runs", "people"]
"""What is held out."""

_FILE = "smileys.csv"
_SHARE = 0.2  # of the frames of every class
_MOST = 0.5  # of a class that whole runs may take
_PEOPLE = (0.15, 0.3)  # of all frames
_ENOUGH = 0.1  # of a class must be held out to say something about it
_REST = 0.4  # and so much of it must be left to learn from

Report = Callable[[str], None]
Unit = Callable[[SmileyRecord], str]

_UNIT: dict[Split, Unit] = {
    "frames": lambda record: record.path,
    "runs": lambda record: record.group,
}


def all_smileys(data: str | Path, report: Report = warnings.warn) -> Index:
    """Every labelled frame, by person and frame; ``labels`` are places in `SMILEYS`.

    Parameters
    ----------
    data : str or Path
        Folder with ``smileys``, or itself such a folder, with a ``labels.csv``.
    report : callable
        Told every problem of the data set, one sentence each.

    Raises
    ------
    DataError
        If the data set is not there.
    """
    frames = smileys.load(_folder(data))
    for problem in frames.problems:
        report(problem)
    return classes(frames, data)


def _folder(data: str | Path) -> Path:
    own = (Path(data) / "labels.csv").is_file()
    return Path(data) if own else Path(data) / "smileys"


def smiley_sets(
    data: str | Path, split: Split, report: Report = warnings.warn
) -> tuple[Index, Index]:
    """The learnt and the held-out frames of one division.

    Nothing is held out where a fifth cannot be: of one person, or of one run of each smiley.

    Parameters
    ----------
    data : str or Path
        As of `all_smileys`.
    split : {'frames', 'runs', 'people'}
    report : callable
        Told every problem of the data set, one sentence each.

    Raises
    ------
    DataError
        If the data set is not there.
    ValueError
        If there is no such division.
    """
    if split not in get_args(Split):
        raise ValueError(f"smiley_sets: split must be one of {get_args(Split)!r}; got {split!r}")
    index = all_smileys(data, report)
    text = (resources.files("augment") / "splits" / _FILE).read_text(encoding="utf-8")
    listed = {row["file"]: row["held_out"].split() for row in csv.DictReader(io.StringIO(text))}
    paths = [path.removeprefix("smileys/") for path in index.paths.tolist()]
    if listed.keys().isdisjoint(paths):
        held = set(_own_held(_folder(data), split))
    else:
        held = {file for file, splits in listed.items() if split in splits}
    out = np.array([path in held for path in paths], bool)
    return index.select(~out), index.select(out)


def _own_held(folder: Path, split: Split) -> list[str]:
    """About a fifth of frames that the list does not know."""
    frames = list(smileys.load(folder, "run"))
    if split == "people":
        return _a_fifth(frames, lambda record: record.person)
    return _by_class(frames, _UNIT[split])


def balanced(index: Index) -> Index:
    """The same rows, weighted so that every class that has any appears equally often.

    An epoch has as many samples as before.
    """
    counts = np.bincount(index.labels)
    there = np.count_nonzero(counts)
    weights = len(index) / (there * counts[index.labels])
    return replace(index, weights=weights.astype(np.float32))


def make_smiley_splits(data: str | Path) -> str:
    """The text of the list of held-out frames, made again from the data.

    Frames and runs are taken by the order of their names' SHA-256. Of all choices of people with
    between 15 and 30 % of the frames, the one is taken that tells of most classes (a tenth of a
    class held out, two fifths left to learn from), and of these the one with most people.
    """
    frames = list(smileys.load(_folder(data), "run"))
    held: dict[str, list[str]] = {record.path: [] for record in frames}
    chosen = {split: _by_class(frames, unit) for split, unit in _UNIT.items()}
    chosen["people"] = _people(frames)
    for split, paths in chosen.items():
        for path in paths:
            held[path].append(split)
    lines = [f"{path},{' '.join(splits)}\n" for path, splits in held.items() if splits]
    return "".join(["file,held_out\n", *lines])


def _by_class(frames: list[SmileyRecord], unit: Unit) -> list[str]:
    """About a fifth of every class, in whole units."""
    labels = sorted({record.label for record in frames})
    return [
        path
        for label in labels
        for path in _a_fifth([record for record in frames if record.label == label], unit)
    ]


def _a_fifth(frames: list[SmileyRecord], unit: Unit) -> list[str]:
    """Paths of about a fifth of frames, in whole units, at most half of them."""
    held: list[str] = []
    units: defaultdict[str, list[str]] = defaultdict(list)
    for record in frames:
        units[unit(record)].append(record.path)
    for name in _shuffled(units):
        if len(held) >= _SHARE * len(frames):
            break
        if len(held) + len(units[name]) <= _MOST * len(frames):
            held += units[name]
    return held


def _people(frames: list[SmileyRecord]) -> list[str]:
    people = _shuffled({record.person for record in frames})
    counts = Counter((record.person, record.label) for record in frames)
    labels = sorted({record.label for record in frames})
    table = np.array([[counts[person, label] for label in labels] for person in people])

    def worth(chosen: tuple[int, ...]) -> tuple[int, int, int]:
        out = table[list(chosen)].sum(axis=0)
        all_ = table.sum(axis=0)
        told = (out >= _ENOUGH * all_) & (out <= (1 - _REST) * all_)
        low, high = (share * table.sum() for share in _PEOPLE)
        return int(low <= out.sum() <= high), int(told.sum()), len(chosen)

    choices = (
        chosen
        for size in range(1, len(people))
        for chosen in itertools.combinations(range(len(people)), size)
    )
    best = {people[number] for number in max(choices, key=worth)}
    return [record.path for record in frames if record.person in best]


def _shuffled(names: Iterable[str]) -> list[str]:
    return sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())
