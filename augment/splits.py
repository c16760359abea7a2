"""The fixed division of the research data into train, tune and report.

========  =========================  =====================  =======================
side      FDDB folds                 LFW                    negatives
========  =========================  =====================  =======================
train     01, 02, 03, 05             nine people in ten     nine files in ten
tune      04                         one in ten             one in ten
report    06, 07, 08                 -                      -
========  =========================  =====================  =======================

Training learns from the first side; thresholds, early stopping and the choice of a checkpoint are
decided on the second; the third gives reported figures only. A photograph that stands on two sides
(LFW and FDDB share news photographs, FDDB has some twice) leaves the lower one, and files that a
``reserved.txt`` names are never used. The lists of people and files, and the background squares of
the validation set, are the files beside this module; `make_splits` makes them again.
"""

from __future__ import annotations

import csv
import hashlib
import io
import warnings
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np

from augment.boxes import iou_matrix
from augment.datasets import Dataset, fddb, lfw, negatives
from augment.fixed import fix_backgrounds
from augment.index import BACKGROUND, Index, backgrounds, concat, faces, make
from augment.squares import MAX_IOU

__all__ = [
    "BACKGROUNDS_PER_FACE",
    "FOLDS",
    "SOURCES",
    "make_splits",
    "report_set",
    "train_set",
    "tune_set",
    "validation_set",
]

SOURCES = ("fddb", "lfw", "negatives")
FOLDS = {"train": (1, 2, 3, 5), "tune": (4,), "report": (6, 7, 8)}
BACKGROUNDS_PER_FACE = 3
"""Background squares per face in the validation set."""

_SHARE = 10  # one in so many people and negatives goes to the tuning side
_RANK = {fold: rank for rank, side in enumerate(FOLDS) for fold in FOLDS[side]}
_RANKS = {side: rank for rank, side in enumerate(FOLDS)}
_LFW_FILE, _NEGATIVES_FILE = "lfw_tune_people.txt", "negatives_tune.txt"
_SQUARES_FILE = "validation_negatives.csv"
_SQUARES_SEED = 1

Report = Callable[[str], None]


def train_set(
    data: str | Path, sources: Collection[str] = SOURCES, report: Report = warnings.warn
) -> Index:
    """Faces and background pictures of the training side.

    Backgrounds are drawn in the negatives and, away from the faces, in FDDB's photographs; LFW
    gives none, because one picture in five shows a second face.

    Parameters
    ----------
    data : str or Path
        Folder with ``fddb``, ``lfw`` and ``negatives``.
    sources : collection of str
        Which of these to use.
    report : callable
        Told every problem of the data sets, one sentence each.

    Raises
    ------
    DataError
        If a data set of ``sources`` is not there.
    """
    return _side(Path(data), "train", sources, report)


def tune_set(
    data: str | Path, sources: Collection[str] = SOURCES, report: Report = warnings.warn
) -> Index:
    """Faces and background pictures of the tuning side; parameters as in `train_set`."""
    return _side(Path(data), "tune", sources, report)


def report_set(data: str | Path, report: Report = warnings.warn) -> Index:
    """Faces and background pictures of FDDB's folds 06 to 08; parameters as in `train_set`."""
    return _side(Path(data), "report", ("fddb",), report)


def validation_set(data: str | Path, report: Report = warnings.warn) -> Index:
    """The fixed set on which a detection net's accuracy is measured.

    Every face of the tuning side once, and for each face three fixed squares that overlap every
    face of their picture by an IoU under .3. Parameters as in `train_set`.
    """
    root = Path(data)
    tune = tune_set(root, report=report)
    rows = list(csv.DictReader(io.StringIO(_split_file(_SQUARES_FILE))))
    there = [row for row in rows if (root / row["file"]).is_file()]
    if len(there) < len(rows):
        report(
            f"{len(rows) - len(there)} of {len(rows)} validation squares lie in files that are not "
            f"in {str(root)!r}; they are left out"
        )
    squares = make(
        root,
        [row["file"] for row in there],
        [[float(row[name]) for name in ("x", "y", "side", "side")] for row in there],
        BACKGROUND,
        "validation",
        [row["file"] for row in there],
    )
    return concat([tune.select(~tune.undrawn), squares])


def make_splits(data: str | Path) -> dict[str, str]:
    """The text of the split files, by file name, made again from the data.

    People and files are taken by the order of their names' SHA-256, the first tenth each. Someone
    of whom any file shows a photograph of a training fold stays on the training side.
    """
    root = Path(data)
    people = {record.group for record in lfw.load(root / "lfw")}
    trained = {
        Path(file).parent.name
        for file, fold in _shared_photographs(root, warnings.warn)
        if fold in FOLDS["train"]
    }
    files = [record.path for record in negatives.load(root / "negatives")]
    texts = {
        _LFW_FILE: _lines(_first(people - trained, len(people) // _SHARE)),
        _NEGATIVES_FILE: _lines(_first(files, len(files) // _SHARE)),
    }
    tuned = {name: set(text.split()) for name, text in texts.items()}
    pool = _side(root, "tune", SOURCES, warnings.warn, tuned[_LFW_FILE], tuned[_NEGATIVES_FILE])
    texts[_SQUARES_FILE] = _draw_validation_squares(pool)
    return texts


def _side(
    root: Path,
    side: str,
    sources: Collection[str],
    report: Report,
    tune_people: Collection[str] | None = None,
    tune_files: Collection[str] | None = None,
) -> Index:
    """All rows of one side; the lists are read from the split files unless they are given."""
    unknown = set(sources) - set(SOURCES)
    if unknown or not sources:
        raise ValueError(f"sources must be some of {SOURCES!r}; got {tuple(sources)!r}")
    parts = []
    if "fddb" in sources:
        photographs = _fddb(root, side, report)
        parts += [faces(photographs, root), backgrounds(photographs, root)]
        _tell(photographs, report)
    if "lfw" in sources and side != "report":
        people = _listed(_LFW_FILE) if tune_people is None else tune_people
        parts.append(faces(_lfw(root, side, people, report), root))
    if "negatives" in sources and side != "report":
        files = _listed(_NEGATIVES_FILE) if tune_files is None else tune_files
        pictures = negatives.load(root / "negatives")
        kept = [r for r in pictures if (r.path in files) == (side == "tune")]
        parts.append(backgrounds(replace(pictures, records=kept), root))
    return concat(parts)


def _fddb(root: Path, side: str, report: Report) -> Dataset[fddb.FddbRecord]:
    folder = root / "fddb"
    photographs = fddb.load(folder, FOLDS[side])
    dropped = set(_reserved(folder))
    for row in _table(folder / "near_duplicates.csv", report):
        one, other = (row["image_a"], row["fold_a"]), (row["image_b"], row["fold_b"])
        for (image, fold), (_, other_fold) in ((one, other), (other, one)):
            if _rank(fold) < _rank(other_fold):
                dropped.add(image)
    kept = [record for record in photographs if record.name not in dropped]
    return replace(photographs, records=kept)


def _lfw(root: Path, side: str, tune_people: Collection[str], report: Report) -> Dataset:
    folder = root / "lfw"
    pictures = lfw.load(folder)
    dropped = set(_reserved(folder))
    dropped |= {
        file for file, fold in _shared_photographs(root, report) if _rank(fold) > _RANKS[side]
    }
    kept = [
        record
        for record in pictures
        if (record.group in tune_people) == (side == "tune") and record.path not in dropped
    ]
    return replace(pictures, records=kept)


def _draw_validation_squares(pool: Index) -> str:
    """CSV of whole-pixel squares, three per face of the pool, in its pictures."""
    wanted = BACKGROUNDS_PER_FACE * int(np.count_nonzero(~pool.undrawn))
    # rounding can lift an overlap over the limit, so a few more are drawn than are needed
    drawn = fix_backgrounds(pool.select(pool.undrawn), wanted + wanted // 10, seed=_SQUARES_SEED)
    squares = np.floor(drawn.frames)
    clear = [
        (iou_matrix(square[None], pool.face_frames[pool.face_paths == path]) < MAX_IOU).all()
        for path, square in zip(drawn.paths, squares, strict=True)
    ]
    kept = np.flatnonzero(clear)[:wanted]
    lines = [
        f"{drawn.paths[row]},{squares[row, 0]:.0f},{squares[row, 1]:.0f},{squares[row, 2]:.0f}"
        for row in kept
    ]
    return _lines(["file,x,y,side", *sorted(lines)])


def _first(names: Iterable[str], count: int) -> list[str]:
    """The ``count`` names whose SHA-256 come first, sorted."""
    return sorted(sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())[:count])


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _split_file(name: str) -> str:
    return (resources.files("augment") / "splits" / name).read_text(encoding="utf-8")


def _listed(name: str) -> set[str]:
    return set(_split_file(name).splitlines())


def _rank(fold: int | str) -> int:
    """0 train, 1 tune, 2 report; -1 for a fold that is on no side."""
    return _RANK.get(int(fold), -1)


def _reserved(folder: Path) -> set[str]:
    path = folder / "reserved.txt"
    if not path.is_file():
        return set()
    lines = path.read_text(encoding="utf-8").splitlines()
    return {line.split()[0] for line in lines if line.strip() and not line.startswith("#")}


def _shared_photographs(root: Path, report: Report) -> list[tuple[str, int]]:
    """LFW files that show a photograph of FDDB, with its fold."""
    rows = _table(root / "lfw" / "same_photo_as_fddb.csv", report)
    return [(row["file"], int(row["fddb_fold"])) for row in rows]


def _table(path: Path, report: Report) -> list[dict[str, str]]:
    """Rows of a CSV file of equal photographs; none if it did not come with the data."""
    if not path.is_file():
        report(f"{path}: there is no such list; photographs on two sides of the split may remain")
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _tell(dataset: Dataset, report: Report) -> None:
    for problem in dataset.problems:
        report(problem)
