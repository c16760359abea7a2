"""The table that augmentation works from: which frame of which file is what, and never a pixel."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from augment.boxes import as_frames
from augment.datasets import Dataset, Record
from augment.errors import DataError

__all__ = ["BACKGROUND", "FACE", "Index", "backgrounds", "concat", "faces", "load", "make"]

FACE, BACKGROUND = 1, 0

_FORMAT = "lasagnette index 1"


@dataclass(frozen=True, eq=False)
class Index:
    """Samples, one per row.

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
        int32 ``(n,)``: 1 face, 0 background.
    source, group : numpy.ndarray
        str ``(n,)``: the data set, and what stays together in a split (fold, person, folder).
    face_paths, face_frames : numpy.ndarray
        str ``(m,)`` and float32 ``(m, 4)``: all faces of the pictures in which squares are drawn.
    """

    root: Path
    paths: np.ndarray
    frames: np.ndarray
    labels: np.ndarray
    source: np.ndarray
    group: np.ndarray
    face_paths: np.ndarray
    face_frames: np.ndarray

    def __post_init__(self) -> None:
        rows = {
            name: len(getattr(self, name))
            for name in ("paths", "frames", "labels", "source", "group")
        }
        if len(set(rows.values())) != 1:
            raise ValueError(f"Index: columns must be equally long; got {rows!r}")
        if len(self.face_paths) != len(self.face_frames):
            raise ValueError(
                f"Index: one path per face frame; got {len(self.face_paths)} paths for "
                f"{len(self.face_frames)} frames"
            )
        undrawn_faces = np.isnan(self.frames).any(axis=1) & (self.labels == FACE)
        if undrawn_faces.any():
            row = int(np.argmax(undrawn_faces))
            raise ValueError(f"Index: a face needs a frame; row {row} has none")

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def undrawn(self) -> np.ndarray:
        """bool ``(n,)``: background rows whose square is still to be drawn."""
        return np.isnan(self.frames[:, 0])

    def select(self, rows: np.ndarray) -> Index:
        """The given rows (a boolean mask or row numbers, which may repeat), in the given order."""
        return Index(
            self.root,
            self.paths[rows],
            self.frames[rows],
            self.labels[rows],
            self.source[rows],
            self.group[rows],
            self.face_paths,
            self.face_frames,
        )

    def file(self, row: int) -> str:
        """Path of a row's file as it can be opened."""
        return os.path.join(self.root, self.paths[row])

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write an HDF5 file."""
        with h5py.File(path, "w") as out:
            out.attrs["format"] = _FORMAT
            out.attrs["root"] = str(self.root)
            for name in _TEXT:
                column = getattr(self, name).astype(object)
                out.create_dataset(name, data=column, dtype=h5py.string_dtype())
            for name in _NUMBERS:
                out.create_dataset(name, data=getattr(self, name))


_TEXT = ("paths", "source", "group", "face_paths")
_NUMBERS = ("frames", "labels", "face_frames")


def make(
    root: str | Path,
    paths: Sequence[str],
    frames: object,
    label: int,
    source: str,
    group: Sequence[str],
    known_faces: Iterable[tuple[str, np.ndarray]] = (),
) -> Index:
    """An index of rows that share label and source.

    Parameters
    ----------
    root, paths, frames, group
        As in `Index`.
    label : int
        `FACE` or `BACKGROUND`.
    source : str
        The data set, or what made the rows.
    known_faces : iterable of (path, frames)
        Faces to keep drawn squares away from.
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


def _absolute(index: Index, root: Path) -> Index:
    base = str(index.root.resolve())
    columns = {name: getattr(index, name) for name in (*_TEXT, *_NUMBERS)}
    for name in ("paths", "face_paths"):
        columns[name] = np.array([os.path.join(base, path) for path in columns[name]], np.str_)
    return Index(root=root, **columns)


def load(path: str | os.PathLike[str], root: str | Path | None = None) -> Index:
    """Read an index that `Index.save` wrote.

    Parameters
    ----------
    path : str or path
        The HDF5 file.
    root : str or Path, optional
        Where the pictures lie now; by default where they lay when the index was saved.

    Raises
    ------
    DataError
        If the file is missing, damaged, or no index of this format.
    """
    try:
        with h5py.File(path, "r") as file:
            found = file.attrs.get("format")
            if found != _FORMAT:
                raise DataError(f"{os.fspath(path)}: expected {_FORMAT!r}; got {found!r}")
            columns = {name: file[name].asstr()[:].astype(np.str_) for name in _TEXT}
            columns |= {name: file[name][:] for name in _NUMBERS}
            return Index(root=Path(root or file.attrs["root"]), **columns)
    except (OSError, KeyError) as error:
        raise DataError(f"{os.fspath(path)}: cannot be read as an index ({error})") from error
