"""What the readers of one's own annotations share: a box is checked against its picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from augment.boxes import as_frames, centres, to_squares
from augment.datasets.base import Record

__all__ = ["boxes_inside", "record"]


def record(
    name: str, size: tuple[int, int], rows: list[list[float]], where: str, problems: list[str]
) -> Record:
    """The record of a picture with boxes, as squares of the same area and centre.

    Parameters
    ----------
    name : str
        The picture, which is its own group.
    size : tuple of int
        Its width and height in pixels.
    rows : list of [x, y, width, height]
        Boxes in pixels of the upright picture.
    where : str
        Annotation file, as it is named in messages.
    problems : list of str
        Told every box that is empty or has its centre outside the picture; it is left out.
    """
    with np.errstate(over="ignore"):
        boxes = as_frames(rows)
    boxes = boxes_inside(boxes, size, f"{where}: {name!r}", problems)
    return Record(Path(name).as_posix(), to_squares(boxes), name)


def boxes_inside(
    boxes: np.ndarray, size: tuple[int, int], where: str, problems: list[str]
) -> np.ndarray:
    """Boxes with an area whose centre lies in the picture; the others cost a sentence each."""
    with np.errstate(invalid="ignore", over="ignore"):
        middle = centres(boxes)
        good = (boxes[:, 2:] > 0).all(axis=1) & ((middle >= 0) & (middle < size)).all(axis=1)
    problems.extend(
        f"{where} is {size[0]} x {size[1]} pixels and the box {box.tolist()!r} lies outside or is "
        "empty; it is left out"
        for box in boxes[~good]
    )
    return boxes[good]
