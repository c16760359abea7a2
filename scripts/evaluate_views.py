"""The photographs of FDDB in easier and harder views, and their annotations with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from augment.datasets.fddb import FddbRecord
    from cascade.evaluation import Annotation

__all__ = ["MEDIAN_FACE", "VIEWS", "View", "annotation", "make_view", "photographs"]

VIEWS = ("all", "crowded", "small")
MEDIAN_FACE = 40.0  # pixels, in the small view
CROWD = 2  # faces from which a photograph is crowded


@dataclass(frozen=True)
class View:
    """Some photographs, all resized by the same factor.

    Attributes
    ----------
    name : {'all', 'crowded', 'small'}
    records : list of FddbRecord
        As they stand in the lists; `annotation` gives their faces in the view.
    scale : float
        Sides of the photographs as they are seen, in units of the files'.
    """

    name: str
    records: list[FddbRecord]
    scale: float = 1.0


def make_view(name: str, records: Sequence[FddbRecord]) -> View:
    """Choose and scale photographs.

    Parameters
    ----------
    name : {'all', 'crowded', 'small'}
        All as they are; those with two or more annotated faces; or all, resized by the one factor
        that makes the median face 40 pixels large. A face's size is the side of the square of its
        ellipse's area, the median that of all faces of `records`.
    records : sequence of FddbRecord

    Returns
    -------
    View

    Raises
    ------
    ValueError
        If there is no such view, or no face for the median.
    """
    import numpy as np

    if name == "all":
        return View(name, list(records))
    if name == "crowded":
        return View(name, [record for record in records if len(record.ellipses) >= CROWD])
    if name != "small":
        raise ValueError(f"make_view: the view must be one of {VIEWS!r}; got {name!r}")
    axes = np.concatenate([np.empty((0, 2)), *(record.ellipses[:, :2] for record in records)])
    if not len(axes):
        raise ValueError("make_view: the small view needs at least one annotated face")
    return View(name, list(records), float(MEDIAN_FACE / np.median(np.sqrt(np.pi * axes.prod(1)))))


def annotation(record: FddbRecord, size: tuple[int, int], scale: float) -> Annotation:
    """The faces of a photograph in a view.

    Parameters
    ----------
    record : FddbRecord
    size : tuple of int
        Width and height of the file's picture in pixels.
    scale : float
        That of the view.

    Returns
    -------
    Annotation
    """
    from cascade.evaluation import Annotation

    ellipses = record.ellipses.copy()
    ellipses[:, [0, 1, 3, 4]] *= scale
    width, height = (_scaled(side, scale) for side in size)
    return Annotation(ellipses, height, width)


def photographs(
    root: Path, records: Sequence[FddbRecord], scale: float
) -> Iterator[tuple[str, np.ndarray | Exception]]:
    """Read photographs as a view shows them.

    Parameters
    ----------
    root : path
        FDDB's folder.
    records : sequence of FddbRecord
    scale : float

    Yields
    ------
    name, uint8 array (rows, columns, 3) or ImageError
    """
    from augment.errors import ImageError
    from augment.images import read_image

    for record in records:
        image: np.ndarray | Exception
        try:
            image = read_image(root / record.path)
        except ImageError as error:
            image = error
        else:
            image = _resized(image, scale)
        yield record.name, image


def _resized(image: np.ndarray, scale: float) -> np.ndarray:
    import cv2

    if scale == 1:
        return image
    rows, columns = image.shape[:2]
    size = _scaled(columns, scale), _scaled(rows, scale)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(image, size, interpolation=how)


def _scaled(side: int, scale: float) -> int:
    return max(1, round(side * scale))
