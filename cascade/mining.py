"""Hard negatives: what a cascade takes for a face where there is none (Li et al., section 3.4).

A net of a later stage sees only what the stages before it let through. Its background samples are
therefore the windows of photographs without faces on which these stages fire.
"""

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from augment.boxes import as_frames, iou_matrix
from augment.squares import MAX_IOU
from cascade.detector import Detector

__all__ = ["HardNegatives", "mine"]


@dataclass(frozen=True)
class HardNegatives:
    """Frames of background on which a cascade fires.

    Attributes
    ----------
    keys : list
        Each frame's photograph.
    frames : float32 array (n, 4)
        x, y, width, height in pixels, photograph by photograph.
    scores : float32 array (n,)
        Face probability by the last net that fired.
    seen : int
        Number of such frames in all photographs; n is smaller where the limit was reached.
    failed : list of (key, Exception)
        Photographs that could not be searched.
    """

    keys: list[Hashable]
    frames: NDArray[np.float32]
    scores: NDArray[np.float32]
    seen: int
    failed: list[tuple[Hashable, Exception]]


def mine(
    detector: Detector,
    photos: Iterable[tuple[Hashable, NDArray[np.uint8] | Exception, NDArray[np.float32]]],
    limit: int,
    rng: np.random.Generator,
    *,
    depth: int = 1,
) -> HardNegatives:
    """Collect false alarms, a random choice of bounded size from all there are.

    Parameters
    ----------
    detector : Detector
    photos : iterable of (key, image, faces)
        `faces` (k, 4) are the photograph's known faces; empty where there are none. A frame
        counts as background if it overlaps each of them by less than .3 (intersection over
        union). Photographs with faces that are not annotated do not belong here.
    limit : int
        Largest number of frames; each frame that fires has the same chance.
    rng : numpy.random.Generator
    depth : int
        Number of nets a frame must pass: 1 gives samples for the second net.

    Returns
    -------
    HardNegatives

    Raises
    ------
    ValueError
        If `limit` is below 1.
    """
    if limit < 1:
        raise ValueError(f"mine: limit must be at least 1; got {limit!r}")
    keys: list[Hashable] = []
    faces_of: dict[int, NDArray[np.float32]] = {}

    def numbered() -> Iterator[tuple[int, NDArray[np.uint8] | Exception]]:
        for number, (key, image, faces) in enumerate(photos):
            keys.append(key)
            faces_of[number] = as_frames(faces)
            yield number, image

    failed: list[tuple[Hashable, Exception]] = []
    seen = 0
    # Every frame draws a lot; the lowest lots stay. Columns: lot, photograph, score, frame.
    chosen = np.empty((0, 7))
    for item in detector.candidates(numbered(), depth=depth):
        faces = faces_of.pop(item.key)
        if item.error is not None:
            failed.append((keys[item.key], item.error))
            continue
        alone = iou_matrix(item.frames, faces).max(axis=1, initial=0) < MAX_IOU
        frames, scores = item.frames[alone], item.scores[alone]
        seen += len(frames)
        lots = rng.random(len(frames))
        rows = np.column_stack([lots, np.full(len(frames), item.key), scores, frames])
        chosen = np.concatenate([chosen, rows])
        if len(chosen) > limit:
            chosen = chosen[np.argpartition(chosen[:, 0], limit - 1)[:limit]]
    chosen = chosen[np.lexsort((-chosen[:, 2], chosen[:, 1]))]
    return HardNegatives(
        [keys[int(number)] for number in chosen[:, 1]],
        chosen[:, 3:].astype(np.float32),
        chosen[:, 2].astype(np.float32),
        seen,
        failed,
    )
