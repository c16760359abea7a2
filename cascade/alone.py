"""One net on every window: the detector of "Brotherhood of data", before there was a cascade.

Every window is cut and shown to the net, whatever the net is made of; `cascade.sweep` is the fast
road for the first net of a cascade. Frames are filtered in two stages, as in the article: inside
each window size, then among all sizes.
"""

import numpy as np
from numpy.typing import NDArray

from augment.functional import Levels, crop_many
from cascade.bundle import Net
from cascade.detector import Detection, Trace
from cascade.nms import filter_frames
from cascade.stages import Step
from cascade.windows import pyramid, windows_of_level

__all__ = ["detect_alone"]

_BATCH = 256  # windows that lie in memory at once


def detect_alone(
    net: Net,
    image: NDArray[np.uint8],
    *,
    threshold: float = 0.5,
    overlap: float = 0.3,
    min_face: float = 40,
    factor: float = 1.42,
    stride: float = 4,
) -> Detection:
    """Find what a single net takes for faces.

    Parameters
    ----------
    net : Net
        Tells faces from background.
    image : uint8 array (rows, columns, 3)
        RGB.
    threshold : float
        Smallest face probability of a window that fires.
    overlap : float
        Intersection over union above which a frame yields to a better one.
    min_face, factor : float
        Smallest window in pixels, and ratio of neighbouring window sizes.
    stride : float
        Step of the windows, in twelfths of their side.

    Returns
    -------
    Detection
        With its trace: what fired, what was left in each size, and what at last.
    """
    photo = Levels(image)
    rows, columns = image.shape[:2]
    levels = pyramid(rows, columns, side=net.side, min_face=min_face, factor=factor)
    step = max(1, round(stride * net.side / 12))
    of_levels = [windows_of_level(level, step) for level in levels]
    windows = np.concatenate([np.empty((0, 4), np.float32), *of_levels])
    sizes = np.repeat(np.arange(len(levels)), [len(frames) for frames in of_levels])
    scores = np.concatenate(
        [np.empty(0, np.float32)]
        + [
            net.faces(crop_many(photo, windows[first : first + _BATCH], net.side))
            for first in range(0, len(windows), _BATCH)
        ]
    )
    fired = scores >= threshold
    frames, scores, sizes = windows[fired], scores[fired], sizes[fired]
    steps = [Step(net.name, frames, scores)]
    kept = filter_frames(frames, scores, overlap, groups=sizes)
    frames, scores = frames[kept], scores[kept]
    steps.append(Step(f"{net.name} in size", frames, scores))
    kept = filter_frames(frames, scores, overlap)
    frames, scores = frames[kept], scores[kept]
    steps.append(Step("at last", frames, scores))
    return Detection(frames, scores, Trace(len(windows), steps))
