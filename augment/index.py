"""The table that augmentation works from: which frame of which file is what, and never a pixel."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import h5py
import numpy as np

from augment.boxes import as_frames
from augment.datasets import Dataset, LabelledRecord, Record
from augment.errors import DataError

__all__ = [
    "BACKGROUND",
    "FACE",
    "Index",
    "backgrounds",
    "classes",
    "concat",
    "faces",
    "load",
    "make",
    "merge",
]

FACE, BACKGROUND = 1, 0

_FORMATS = ("lasagnette index 1", "lasagnette index 2")  # the first has no weights


@dataclass(frozen=True, eq=False)
class Index:
    """Samples, one per row.

    In a detection set the labels are `FACE` and `BACKGROUND`; in any other set of frames they are
    that set's class numbers, from 0 (see `classes`).

    A background row whose frame is NaN stands for "somewhere in this picture": its square is drawn
    anew each time, away from the picture's faces. A background row with a frame is a fixed square,
    such as a hard negative.

    Attributes
    ----------
    root : Path
        The folder that paths start from.
    paths : numpy.ndarray
        str ``(n,)``: the files, with forward slashes, relative to the root (or absolute).
    frames : numpy.ndarray
        float32 ``(n, 4)``: x, y, width, height in pixels; NaN where a square is to be drawn.
    labels : numpy.ndarray
        int32 ``(n,)``: the class; 1 face, 0 background. Only rows of label 0 may lack a frame.
    source, group : numpy.ndarray
        str ``(n,)``: the data set, and what stays together in a split (fold, person, folder).
    face_paths, face_frames : numpy.ndarray
        str ``(m,)`` and float32 ``(m, 4)``: all faces of the pictures in which squares are drawn.
    weights : numpy.ndarray
        float32 ``(n,)``: how often a row appears in an epoch; 2 is twice, .5 in every second one
        on average.
    """

    root: Path
    paths: np.ndarray
    frames: np.ndarray
    labels: np.ndarray
    source: np.ndarray
    group: np.ndarray
    face_paths: np.ndarray
    face_frames: np.ndarray
    weights: np.ndarray

    def __post_init__(self) -> None:
        rows = {name: len(getattr(self, name)) for name in _ROWS}
        if len(set(rows.values())) != 1:
            raise ValueError(f"Index: columns must be equally long; got {rows!r}")
        if len(self.face_paths) != len(self.face_frames):
            raise ValueError(
                f"Index: one path per face frame; got {len(self.face_paths)} paths for "
                f"{len(self.face_frames)} frames"
            )
        frameless = np.isnan(self.frames).any(axis=1) & (self.labels != BACKGROUND)
        if frameless.any():
            row = int(np.argmax(frameless))
            raise ValueError(
                f"Index: every row but a background needs a frame; row {row} of label "
                f"{int(self.labels[row])} has none"
            )
        wrong = ~(np.isfinite(self.weights) & (self.weights >= 0))
        if wrong.any():
            row = int(np.argmax(wrong))
            raise ValueError(
                f"Index: weights must be finite and not negative; row {row} has "
                f"{float(self.weights[row])!r}"
            )

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def undrawn(self) -> np.ndarray:
        """bool ``(n,)``: background rows whose square is still to be drawn."""
        return np.isnan(self.frames[:, 0])

    def select(self, rows: np.ndarray) -> Index:
        """The given rows (a boolean mask or row numbers, which may repeat), in the given order."""
        return replace(self, **{name: getattr(self, name)[rows] for name in _ROWS})

    def file(self, row: int) -> str:
        """Path of a row's file as it can be opened."""
        return os.path.join(self.root, self.paths[row])

    def save(self, file: str | os.PathLike[str] | BinaryIO) -> None:
        """Write an HDF5 file, or the same bytes into a binary file object."""
        with h5py.File(file, "w") as out:
            out.attrs["format"] = _FORMATS[-1]
            out.attrs["root"] = str(self.root)
            for name in (*_TEXT, *_NUMBERS):
                column = getattr(self, name)
                if name in _TEXT:
                    # of one length: paths resemble each other, and only such strings are packed
                    column = np.char.encode(column, "utf-8", _ODD)
                    kind = h5py.string_dtype("utf-8", max(1, column.dtype.itemsize))
                    column = column.astype(kind)
                packed = {"compression": "gzip", "shuffle": True} if len(column) else {}
                out.create_dataset(name, data=column, **packed)


_ODD = "surrogateescape"  # file names need not be UTF-8
_TEXT = ("paths", "source", "group", "face_paths")
_NUMBERS = ("frames", "labels", "face_frames", "weights")
_ROWS = ("paths", "frames", "labels", "source", "group", "weights")


def make(
    root: str | Path,
    paths: Sequence[str],
    frames: object,
    label: int,
    source: str,
    group: Sequence[str],
    known_faces: Iterable[tuple[str, np.ndarray]] = (),
    weight: float = 1.0,
) -> Index:
    """An index of rows that share label, source and weight.

    Parameters
    ----------
    root, paths, frames, group
        As in `Index`.
    label : int
        `FACE`, `BACKGROUND`, or another set's class.
    source : str
        The data set, or what made the rows.
    known_faces : iterable of (path, frames)
        Faces to keep drawn squares away from.
    weight : float
        How often each row appears in an epoch.
    """
    known = [(path, as_frames(boxes)) for path, boxes in known_faces if len(boxes)]
    return Index(
        root=Path(root),
        paths=np.array(paths, np.str_),
        frames=as_frames(frames),
        labels=np.full(len(paths), label, np.int32),
        source=np.full(len(paths), source, np.dtypes.StrDType(max(1, len(source)))),
        group=np.array(group, np.str_),
        face_paths=np.repeat(
            np.array([path for path, _ in known], np.str_), [len(boxes) for _, boxes in known]
        ),
        face_frames=np.concatenate([as_frames([]), *(boxes for _, boxes in known)]),
        weights=np.full(len(paths), weight, np.float32),
    )


def faces(dataset: Dataset, root: str | Path) -> Index:
    """One face row per box of a data set, with paths relative to ``root``."""
    rows = [
        (path, box, record.group)
        for path, record in _records(dataset, root)
        for box in record.boxes
    ]
    paths, frames, groups = zip(*rows, strict=True) if rows else ((), (), ())
    return make(root, paths, list(frames), FACE, dataset.source.key, groups)


def backgrounds(dataset: Dataset, root: str | Path) -> Index:
    """One row per picture of a data set, for squares that are drawn away from its boxes."""
    records = list(_records(dataset, root))
    return make(
        root,
        [path for path, _ in records],
        np.full((len(records), 4), np.nan, np.float32),
        BACKGROUND,
        dataset.source.key,
        [record.group for _, record in records],
        [(path, record.boxes) for path, record in records],
    )


def classes(dataset: Dataset[LabelledRecord], root: str | Path) -> Index:
    """One row per box of a data set whose records have a class, labelled with its number."""
    table = faces(dataset, root)
    labels = [record.label for record in dataset for _ in record.boxes]
    return replace(table, labels=np.array(labels, np.int32))


def _records(dataset: Dataset, root: str | Path) -> Iterator[tuple[str, Record]]:
    """Records with their paths from ``root``, absolute where they lie outside it."""
    base, prefix = os.path.abspath(dataset.root), ""
    top = os.path.abspath(root)
    if base != top:
        inside = base.startswith(top + os.sep)
        prefix = (os.path.relpath(base, top) if inside else base).replace(os.sep, "/") + "/"
    return ((prefix + record.path, record) for record in dataset)


def concat(indexes: Sequence[Index]) -> Index:
    """All rows of several indexes, in order.

    The root is the first one's; paths of an index with another root become absolute.
    """
    if not indexes:
        raise ValueError("concat needs at least one index; got none")
    root = indexes[0].root
    moved = [index if index.root == root else _absolute(index, root) for index in indexes]
    columns = {
        name: np.concatenate([getattr(index, name) for index in moved])
        for name in (*_TEXT, *_NUMBERS)
    }
    return Index(root=root, **columns)


def merge(parts: Sequence[tuple[Index, float]]) -> Index:
    """All rows of several indexes, in order, each index with its own weight.

    Parameters
    ----------
    parts : sequence of (Index, float)
        The weights of an index's rows are multiplied by its number: ``[(faces, 4), (negatives,
        1)]`` shows every face four times as often as before. Roots as in `concat`.
    """
    return concat(
        [replace(part, weights=part.weights * np.float32(weight)) for part, weight in parts]
    )


def _absolute(index: Index, root: Path) -> Index:
    base = str(index.root.resolve())
    moved = {
        name: np.array([os.path.join(base, path) for path in getattr(index, name)], np.str_)
        for name in ("paths", "face_paths")
    }
    return replace(index, root=root, **moved)


def load(file: str | os.PathLike[str] | BinaryIO, root: str | Path | None = None) -> Index:
    """Read an index that `Index.save` wrote.

    Parameters
    ----------
    file : str, path or binary file object
        The HDF5 file. In one without weights, as they once were written, every weight is 1.
    root : str or Path, optional
        Where the pictures lie now; by default where they lay when the index was saved.

    Raises
    ------
    DataError
        If the file is missing, damaged, or no index of this format.
    """
    name = os.fspath(file) if isinstance(file, str | os.PathLike) else "the index"
    try:
        with h5py.File(file, "r") as stored:
            found = stored.attrs.get("format")
            if found not in _FORMATS:
                raise DataError(f"{name}: expected one of {_FORMATS!r}; got {found!r}")
            columns = {
                column: stored[column].asstr("utf-8", _ODD)[:].astype(np.str_) for column in _TEXT
            }
            numbers = _NUMBERS if found != _FORMATS[0] else _NUMBERS[:-1]
            columns |= {column: stored[column][:] for column in numbers}
            columns.setdefault("weights", np.ones(len(columns["paths"]), np.float32))
            return Index(root=Path(root or stored.attrs["root"]), **columns)
    except (OSError, KeyError) as error:
        raise DataError(f"{name}: cannot be read as an index ({error})") from error
