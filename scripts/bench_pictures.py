"""The photographs that `lasagnette bench augment` works from, made in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from augment.boxes import as_frames
from augment.images import read_image
from augment.index import BACKGROUND, FACE, Index, concat, make
from augment.splits import train_set

__all__ = ["LONG_SIDE", "make_pictures"]

LONG_SIDE = 400
QUALITY = 92
TURNS = 20  # times that an epoch shows each face
FACE_SIDES = (60.0, 240.0)  # of drawn faces; nine in ten of FDDB's lie there, too


class _Picture(NamedTuple):
    image: np.ndarray  # uint8 (rows, columns, 3), RGB
    frames: np.ndarray  # (faces, 4)


def make_pictures(folder: Path, count: int, data: Path | None) -> tuple[Index, str]:
    """Write JPEGs with a long side of 400 pixels, and return the index of their faces.

    Parameters
    ----------
    folder
        Where to write.
    count
        How many pictures.
    data
        The research data: its FDDB photographs of the training side are copied, reduced or
        enlarged; None draws pictures of noise and ellipses, with one face each.

    Returns
    -------
    Index
        A row for each face, shown twenty times in an epoch, and a row for each picture, in which
        background squares are drawn.
    str
        What the pictures are, in a few words.

    Raises
    ------
    DataError
        If FDDB is not in the data folder.
    """
    if data is None:
        pictures, made_of = _drawn(count), "drawn"
    else:
        pictures, made_of = _copied(count, data), "copies of FDDB photographs"
    rows = []
    for number, (image, frames) in enumerate(pictures):
        name = f"{number:04d}.jpg"
        bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(folder / name), bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        rows.append((name, frames))
    paths = [name for name, frames in rows for _ in frames]
    boxes = np.concatenate([as_frames([]), *(frames for _, frames in rows)])
    names = [name for name, _ in rows]
    nowhere = np.full((len(rows), 4), np.nan, np.float32)
    faces = make(folder, paths, boxes, FACE, "bench", paths, weight=TURNS)
    backgrounds = make(folder, names, nowhere, BACKGROUND, "bench", names, rows)
    return concat([faces, backgrounds]), f"{len(rows)} JPEGs of {LONG_SIDE} pixels, {made_of}"


def _drawn(count: int) -> Iterator[_Picture]:
    rng = np.random.default_rng(0)
    for number in range(count):
        rows, columns = (300, LONG_SIDE) if number % 2 else (LONG_SIDE, 300)
        coarse = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        image = cv2.resize(coarse, (columns, rows), interpolation=cv2.INTER_CUBIC)
        side = np.exp(rng.uniform(*np.log(FACE_SIDES)))
        x, y = rng.uniform(0, [columns - side, rows - side])
        middle, axes = (int(x + side / 2), int(y + side / 2)), (int(side * 0.4), int(side / 2))
        cv2.ellipse(image, middle, axes, 0, 0, 360, (230, 190, 160), -1)
        grain = rng.integers(-12, 13, image.shape, dtype=np.int16)
        image = np.clip(image + grain, 0, 255).astype(np.uint8)
        yield _Picture(image, as_frames([[x, y, side, side]]))


def _copied(count: int, data: Path) -> Iterator[_Picture]:
    index = train_set(data, ("fddb",), report=lambda _: None)
    index = index.select(index.labels == FACE)
    names = np.unique(index.paths)
    for name in names[np.linspace(0, len(names) - 1, min(count, len(names))).astype(int)]:
        shown = np.flatnonzero(index.paths == name)
        image = read_image(index.file(shown[0]))
        rows, columns = image.shape[:2]
        factor = LONG_SIDE / max(rows, columns)
        size = (round(columns * factor), round(rows * factor))
        reduced = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        yield _Picture(reduced, index.frames[shown] * np.float32(factor))
