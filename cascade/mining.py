"""Hard negatives: what a cascade takes for a face where there is none (Li et al., section 3.4).

A net of a later stage sees only what the stages before it let through. Its background samples are
therefore the windows of photographs without faces on which these stages fire, and windows of
photographs with faces that overlap them little. The latter are kept apart in bands of their largest
overlap with a face, so that the many windows far from any face do not crowd out the parts of faces.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from augment.boxes import as_frames, iou_matrix
from augment.squares import MAX_IOU
from cascade.detector import Detector
from cascade.reservoir import Reservoir

__all__ = ["BANDS", "mine"]

BANDS = (0.0, 0.1, 0.2, MAX_IOU)
"""Borders of the bands of intersection over union; band 0 is for photographs without faces."""

Photo = tuple[int, NDArray[np.uint8] | Exception, NDArray[np.float32]]


def mine(
    detector: Detector,
    photos: Iterable[Photo],
    reservoir: Reservoir,
    *,
    depth: int = 1,
    suspect: float = 1.0,
    failed: Callable[[int, Exception], None] | None = None,
) -> Iterator[int]:
    """Collect false alarms in a reservoir.

    Parameters
    ----------
    detector : Detector
    photos : iterable of (number, image, faces)
        `faces` (k, 4) are the photograph's known faces; empty where there are none. A frame
        counts as background if it overlaps each of them by less than .3 (intersection over
        union). Photographs with faces that are not annotated do not belong here.
    reservoir : Reservoir
        Its bands: 0 for photographs without faces, then those of `BANDS`.
    depth : int
        Number of stages a frame must pass: 1 gives samples for the second stage's net.
    suspect : float
        In photographs with faces, frames that score more than this are left out: a good net is
        right about faces that were not annotated.
    failed : callable, optional
        Told of photographs that could not be searched.

    Yields
    ------
    int
        The number of each photograph when its frames are in the reservoir.
    """
    faces_of: dict[Hashable, NDArray[np.float32]] = {}

    def images() -> Iterator[tuple[int, NDArray[np.uint8] | Exception]]:
        for number, image, faces in photos:
            faces_of[number] = as_frames(faces)
            yield number, image

    for item in detector.candidates(images(), depth=depth):
        faces = faces_of.pop(item.key)
        if item.error is not None and failed is not None:
            failed(item.key, item.error)
        if len(faces):
            worst = iou_matrix(item.frames, faces).max(axis=1, initial=0)
            bands = np.digitize(worst, BANDS[1:]) + 1
        else:
            bands = np.zeros(len(item.frames), np.intp)
        kept = (bands < len(BANDS)) & ((bands == 0) | (item.scores <= suspect))
        reservoir.add(item.key, bands[kept], item.frames[kept], item.scores[kept])
        yield item.key
