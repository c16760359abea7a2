"""A search for hard negatives that survives its interruption."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from augment import index as indexes
from augment.errors import ImageError
from augment.images import read_image
from augment.index import Index
from cascade.bundle import Cascade
from cascade.detector import Detector
from cascade.mining import mine
from cascade.reservoir import Reservoir
from scripts.progress import Progress

__all__ = ["search"]

SAVE_SECONDS = 30.0
BATCH = 256


def search(
    cascade: Cascade,
    pictures: Index,
    out: Path,
    *,
    depth: int,
    min_faces: tuple[float, ...],
    limit: int,
    seed: int,
    suspect: float = 1.0,
    say: Callable[[str], None],
) -> tuple[Index, int]:
    """Search pictures for windows without a face that a cascade lets through.

    Meanwhile the frames found so far lie in ``out`` with the ending ``.part``; a search that is
    begun again with the same arguments goes on from there.

    Parameters
    ----------
    cascade
        Its first `depth` stages decide.
    pictures
        An index with one row per picture.
    out
        The index to write.
    depth
        Number of stages.
    min_faces
        Smallest windows of the searches, pixels; the pictures are searched once for each.
    limit
        Most frames of each band.
    seed
        Key of the choice.
    suspect
        As in `cascade.mining.mine`.
    say
        Takes one line for the terminal.

    Returns
    -------
    Index, int
        The frames, each a background row with its band as group; and how many fired in all.
    """
    part = out.with_name(out.name + ".part")
    found = Reservoir.load(part, limit, seed)
    saved = time.monotonic()
    with Progress(len(pictures) * len(min_faces), "pictures") as bar:
        bar.advance(found.searched)
        for number, smallest in enumerate(min_faces):
            first = max(0, found.searched - number * len(pictures))
            if first >= len(pictures):
                continue
            detector = Detector(cascade, min_face=smallest, batch_size=BATCH)
            photos = _photos(pictures, first, number * len(pictures))
            for _ in mine(
                detector,
                photos,
                found,
                depth=depth,
                suspect=suspect,
                failed=lambda at, error: bar.note(f"{pictures.paths[at % len(pictures)]}: {error}"),
            ):
                bar.advance()
                if time.monotonic() - saved > SAVE_SECONDS:
                    found.save(part)
                    saved = time.monotonic()
    order = np.lexsort((-found.scores, found.photos))
    names = pictures.paths[found.photos[order] % len(pictures)]
    index = indexes.make(
        pictures.root,
        names.tolist(),
        found.frames[order],
        indexes.BACKGROUND,
        "mined",
        [f"band {band}" for band in found.bands[order]],
    )
    draft = out.with_name(out.name + ".new")
    index.save(draft)
    draft.replace(out)
    part.unlink(missing_ok=True)
    if not len(index):
        say(f"{out}: no window fired; the net trains without hard negatives")
    return index, found.seen


def _photos(pictures: Index, first: int, base: int) -> Iterator[tuple[int, Any, np.ndarray]]:
    """Yield each picture, numbered, with its known faces."""
    for row in range(first, len(pictures)):
        image: np.ndarray | Exception
        try:
            image = read_image(pictures.file(row))
        except ImageError as error:
            image = error
        faces = pictures.face_frames[pictures.face_paths == pictures.paths[row]]
        yield base + row, image, faces
