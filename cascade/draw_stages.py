"""The whole road of a photograph in one picture: a panel for every stage of the cascade.

As in the articles: red is what a stage's net fired on, blue what the filtering inside each window
size left of it, green what is left at last, white where the faces are, if that is known.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFont

from cascade.detector import Detection
from cascade.draw import COLOURS, draw_frames, draw_score, stages_of
from cascade.stages import Step

__all__ = ["draw_stages"]

_PAPER, _INK = (34, 34, 34), (235, 235, 235)
_GAP, _TEXT = 12, 17  # pixels around panels; font size in pixels
_LEADING = 1.35  # distance of two lines, in font sizes
_NARROWEST = 300  # room for the titles of a narrow photograph
_SHAPE = 1.5  # width over height that the sheet comes near to
_CROWD = 150  # so many frames are drawn opaque; more would hide the photograph

Legend = list[tuple[str, str]]


def draw_stages(
    image: NDArray[np.uint8],
    detection: Detection,
    truth: ArrayLike | None = None,
    *,
    side: int = 640,
) -> NDArray[np.uint8]:
    """Draw what every stage of the cascade made of a photograph.

    Parameters
    ----------
    image : uint8 array (rows, columns, 3)
        RGB; it is left as it is.
    detection : Detection
        With its trace.
    truth : float array (n, 4), optional
        The faces' frames, pixels of the photograph.
    side : int
        Longer side of each panel in pixels, to which the photograph is shrunk or enlarged.

    Returns
    -------
    uint8 array (rows, columns, 3)
        RGB: one panel per stage and one for the faces left at last, with the numbers of frames
        above each.

    Raises
    ------
    ValueError
        If the detection has no trace.
    """
    trace = detection.trace
    if trace is None:
        raise ValueError("draw_stages needs a detection with its trace: detect(image, trace=True)")
    zoom = side / max(image.shape[:2])
    size = [max(1, round(length * zoom)) for length in (image.shape[1], image.shape[0])]
    how = cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC
    photo = np.asarray(cv2.resize(np.ascontiguousarray(image), size, interpolation=how), np.uint8)
    known = None if truth is None else np.asarray(truth, np.float64).reshape(-1, 4) * zoom
    panels: list[tuple[NDArray[np.uint8], str, Legend]] = []
    seen, of = trace.windows, "windows"
    for fired, kept in stages_of(trace):
        picture = _crowd(photo, fired.frames * zoom, "fired", 1)
        picture = _crowd(picture, kept.frames * zoom, "in size", 2 if len(kept.frames) < 30 else 1)
        legend = [
            ("fired", f"{len(fired.frames)} fired"),
            ("in size", f"{len(kept.frames)} left in their sizes"),
        ]
        panels.append((_with_truth(picture, known), f"{fired.stage}: {seen} {of}", legend))
        seen, of = len(kept.frames), "frames"
    last = trace.steps[-1] if trace.steps else Step("at last", detection.boxes, detection.scores)
    picture = photo.copy()
    draw_frames(picture, last.frames * zoom, COLOURS["at last"], 3)
    for frame, score in zip(last.frames * zoom, last.scores, strict=True):
        draw_score(picture, frame, float(score), 1)
    legend = [("at last", f"{len(last.frames)} left at last")]
    if known is not None:
        legend.append(("truth", f"{len(known)} true"))
    panels.append((_with_truth(picture, known), f"at last: {seen} {of}", legend))
    return _sheet(panels)


def _crowd(picture, frames, kind: str, line: int) -> NDArray[np.uint8]:
    """The picture with frames over it, the more transparent the more there are."""
    drawn = picture.copy()
    draw_frames(drawn, frames, COLOURS[kind], line)
    opacity = min(1, max(0.4, _CROWD / max(1, len(frames))))
    return np.asarray(cv2.addWeighted(drawn, opacity, picture, 1 - opacity, 0), np.uint8)


def _with_truth(picture, truth):
    if truth is not None:
        draw_frames(picture, truth, COLOURS["truth"], 1)
    return picture


def _sheet(panels: list[tuple[NDArray[np.uint8], str, Legend]]) -> NDArray[np.uint8]:
    """Panels of one size in a grid, their titles above them."""
    rows, columns = panels[0][0].shape[:2]
    font = ImageFont.load_default(_TEXT)
    line = round(_TEXT * _LEADING)
    width, height = max(columns, _NARROWEST) + _GAP, rows + 2 * line + 2 * _GAP

    def oddness(across: int) -> float:
        down = math.ceil(len(panels) / across)
        empty = across * down - len(panels)
        return abs(math.log(across * width / (down * height * _SHAPE))) + empty

    across = min(range(1, len(panels) + 1), key=oddness)
    down = math.ceil(len(panels) / across)
    sheet = Image.new("RGB", (across * width + _GAP, down * height), _PAPER)
    pen = ImageDraw.Draw(sheet)
    for number, (picture, title, legend) in enumerate(panels):
        x = _GAP + number % across * width
        y = _GAP // 2 + number // across * height
        pen.text((x, y), title, _INK, font)
        place = x
        for kind, words in legend:
            top = y + line + _TEXT // 4
            pen.rectangle(
                (place, top, place + _TEXT - 5, top + _TEXT - 5), COLOURS[kind], outline=_INK
            )
            pen.text((place + _TEXT, y + line), words, _INK, font)
            place += _TEXT + round(font.getlength(words)) + 2 * _GAP
        sheet.paste(Image.fromarray(picture), (x, y + 2 * line + _GAP // 2))
    return np.asarray(sheet)
