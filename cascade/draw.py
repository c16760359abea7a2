"""Annotated pictures in the articles' colours.

Red: every frame that the last net fired on. Blue: those left after filtering inside each window
size. Green: those left at last. White: where the faces are, if that is known.
"""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from cascade.detector import Detection, Trace
from cascade.stages import Step

__all__ = ["COLOURS", "draw_faces", "draw_frames", "draw_score", "stages_of"]

COLOURS = {
    "fired": (230, 40, 40),
    "in size": (40, 90, 240),
    "at last": (40, 200, 60),
    "truth": (255, 255, 255),
}
"""RGB of each kind of frame, in the order in which they are drawn."""

_SHIFT = 4  # OpenCV draws at sixteenths of a pixel


def stages_of(trace: Trace) -> Iterator[tuple[Step, Step]]:
    """The steps of each stage that fired: what its net left, and what the filtering left of that.

    Yields
    ------
    fired, kept : Step
    """
    fired: dict[str, Step] = {}
    for step in trace.steps:
        name = step.stage.removesuffix(" in size")
        if name != step.stage and name in fired:
            yield fired.pop(name), step
        else:
            fired[name] = step


def draw_faces(
    image: NDArray[np.uint8], detection: Detection, truth: ArrayLike | None = None
) -> NDArray[np.uint8]:
    """Draw what was found in a photograph.

    Parameters
    ----------
    image : uint8 array (rows, columns, 3)
        RGB; it is left as it is.
    detection : Detection
        With a trace, the frames of the last stage are drawn, too.
    truth : float array (n, 4), optional
        The faces' frames.

    Returns
    -------
    uint8 array (rows, columns, 3)
        RGB, lines as thick as suits the picture's size, the score above each face.
    """
    picture = np.ascontiguousarray(image).copy()
    line = max(1, round(min(picture.shape[:2]) / 300))
    if detection.trace is not None:
        for fired, kept in list(stages_of(detection.trace))[-1:]:
            draw_frames(picture, fired.frames, COLOURS["fired"], line)
            draw_frames(picture, kept.frames, COLOURS["in size"], line)
    draw_frames(picture, detection.boxes, COLOURS["at last"], 2 * line)
    if truth is not None:
        draw_frames(picture, truth, COLOURS["truth"], line)
    for box, score in zip(detection.boxes, detection.scores, strict=True):
        draw_score(picture, box, score, line)
    return picture


def draw_frames(
    picture: NDArray[np.uint8], frames: ArrayLike, colour: tuple[int, int, int], line: int
) -> None:
    """Draw frames into a picture itself.

    Parameters
    ----------
    picture : uint8 array (rows, columns, 3)
        Contiguous.
    frames : float array (n, 4)
        x, y, width, height in pixels, to sixteenths of one; outside the picture they are cut off.
    colour : (red, green, blue)
    line : int
        Thickness in pixels.
    """
    frames = np.asarray(frames, np.float64).reshape(-1, 4)
    corners = np.concatenate([frames[:, :2], frames[:, :2] + frames[:, 2:]], axis=1)
    for x0, y0, x1, y1 in np.rint(corners * 2**_SHIFT).astype(int).tolist():
        cv2.rectangle(picture, (x0, y0), (x1, y1), colour, line, cv2.LINE_AA, _SHIFT)


def draw_score(picture: NDArray[np.uint8], box: ArrayLike, score: float, line: int) -> None:
    """Write a score on a box's upper edge, or below it where the picture ends.

    Parameters
    ----------
    picture : uint8 array (rows, columns, 3)
        Contiguous; it is drawn into.
    box : float array (4,)
        x, y, width, height in pixels.
    score : float
    line : int
        Thickness of the letters' lines in pixels; their size goes with it.
    """
    text, size = f"{score:.2f}", 0.45 * line
    (width, height), under = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, line)
    x, y = (int(v) for v in np.asarray(box)[:2])
    x = max(0, min(x, picture.shape[1] - width))
    y = max(y, height + under)
    cv2.rectangle(picture, (x, y - height - under), (x + width, y), COLOURS["at last"], cv2.FILLED)
    cv2.putText(
        picture,
        text,
        (x, y - under + line // 2),
        cv2.FONT_HERSHEY_SIMPLEX,
        size,
        (0, 0, 0),
        line,
        cv2.LINE_AA,
    )
