"""The labelling window's picture: the frame with its box, the keys, the strip of labels."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from augment.datasets.smileys import SMILEYS
from monitor.labelling.words import fill, words
from scripts.smileys_label_keys import COLOURS, SMILEY_KEYS
from scripts.smileys_label_session import View

__all__ = ["draw_view"]

Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]

_HIGH, _WIDE = 720, 900  # pixels that the frame is fitted into
_PANEL, _LINE = 330, 21
_STRIP, _STATUS = 34, 60
_GROUND: Colour = (24, 29, 35)
_TEXT: Colour = (231, 236, 241)
_FAINT: Colour = (163, 176, 189)
_MARKED: Colour = (255, 176, 0)
_KEYS = (
    ("space", "play, pause"),
    ("left right", "a frame"),
    ("up down", "ten frames"),
    ("home end", "first, last"),
    ("j", "next unlabelled"),
    ("v", "a range begins here"),
    ("l", "not labelled"),
    ("u  r", "undo, redo"),
    ("4 6 8 2", "move the box"),
    ("+  -", "its size"),
    ("5", "the detector's box"),
    ("q", "end; all is saved"),
)
_TEXTS = words("en")


def draw_view(view: View, image: Picture, scale: float) -> Picture:
    """Draw what the window shows.

    Parameters
    ----------
    view : View
    image : uint8 array (rows, columns, 3)
        The frame, RGB.
    scale : float
        Pixels of the clip per pixel of the frame.

    Returns
    -------
    uint8 array (rows, columns, 3)
        RGB, of one size for all frames of a clip.
    """
    rows, columns = image.shape[:2]
    fit = min(_HIGH / rows, _WIDE / columns)
    size = max(1, round(columns * fit)), max(1, round(rows * fit))
    way = cv2.INTER_AREA if fit < 1 else cv2.INTER_LINEAR
    shown = np.asarray(cv2.resize(image, size, interpolation=way), np.uint8)
    _draw_box(shown, view, fit / scale)
    whole = np.full((_HIGH + _STRIP + _STATUS, size[0] + _PANEL, 3), _GROUND, np.uint8)
    top = (_HIGH - size[1]) // 2
    whole[top : top + size[1], : size[0]] = shown
    whole[:_HIGH, size[0] :] = _legend(view)
    _draw_strip(whole[_HIGH : _HIGH + _STRIP], view)
    _draw_status(whole[_HIGH + _STRIP :], view)
    return whole


def _draw_box(picture: Picture, view: View, scale: float) -> None:
    colour = _TEXT if view.label < 0 else _rgb(view.label)
    if view.square is not None:
        x, y, side = (value * scale for value in view.square)
        corners = (round(x), round(y)), (round(x + side), round(y + side))
        cv2.rectangle(picture, *corners, (0, 0, 0), 4, cv2.LINE_AA)
        cv2.rectangle(picture, *corners, colour, 2, cv2.LINE_AA)
    if view.label >= 0:
        smiley = SMILEYS[view.label]
        (width, height), under = cv2.getTextSize(smiley, cv2.FONT_HERSHEY_SIMPLEX, 1.6, 3)
        cv2.rectangle(picture, (0, 0), (width + 24, height + under + 20), (0, 0, 0), cv2.FILLED)
        _write(picture, smiley, 12, height + 12, colour, 1.6, 3)


def _legend(view: View) -> Picture:
    panel = np.full((_HIGH, _PANEL, 3), _GROUND, np.uint8)
    for number, (key, smiley) in enumerate(zip(SMILEY_KEYS, SMILEYS, strict=True)):
        y = _LINE * (number + 1)
        if number == view.label:
            panel[y - 16 : y + 5, 4:-4] = (60, 75, 92)
        _write(panel, key, 12, y, _MARKED)
        panel[y - 11 : y + 1, 38:50] = _rgb(number)
        _write(panel, smiley, 62, y, _TEXT, 0.55)
        _write(panel, _TEXTS[f"smiley.{number}"], 130, y, _FAINT, 0.45)
    for line, (key, text) in enumerate(_KEYS, start=len(SMILEYS) + 2):
        _write(panel, key, 12, _LINE * line, _MARKED, 0.45)
        _write(panel, text, 130, _LINE * line, _FAINT, 0.45)
    return panel


def _draw_strip(strip: Picture, view: View) -> None:
    width = strip.shape[1] - 16

    def fill_in(first: int, last: int, rows: slice, colour: Colour) -> None:
        begin = 8 + first * width // view.count
        end = max(begin + 2, 8 + (last + 1) * width // view.count)
        strip[rows, begin:end] = colour

    fill_in(0, view.count - 1, slice(6, -2), (58, 69, 80))
    for first, last, label in view.runs:
        fill_in(first, last, slice(10, -6), _rgb(label))
    if view.begin is not None:
        fill_in(min(view.begin, view.frame), max(view.begin, view.frame), slice(6, 10), _MARKED)
    place = 8 + (2 * view.frame + 1) * width // (2 * view.count)
    strip[2:, place - 2 : place + 3] = (0, 0, 0)
    strip[2:, place - 1 : place + 2] = (255, 255, 255)


def _draw_status(status: Picture, view: View) -> None:
    frame = fill(_TEXTS["frame"], {"frame": view.frame, "last": view.count - 1})
    label = _TEXTS["none"] if view.label < 0 else SMILEYS[view.label]
    _write(status, f"{frame}   {label}", 8, 22, _TEXT, 0.55)
    if view.begin is not None:
        text = fill(_TEXTS["range"], {"begin": view.begin})
        _write(status, text, 330, 22, _MARKED, 0.55)
    counts = {"labelled": view.labelled, "count": view.count}
    _write(status, fill(_TEXTS["labelled"], counts), 8, 48, _FAINT, 0.5)
    if view.said:
        text = fill(_TEXTS[f"said.{view.said}"], view.values)
        ascii_text = text.encode("ascii", "replace").decode()  # all that OpenCV's letters hold
        _write(status, ascii_text, 330, 48, _MARKED if view.said == "not_saved" else _TEXT, 0.5)


def _write(
    picture: Picture, text: str, x: int, y: int, colour: Colour, size: float = 0.5, line: int = 1
) -> None:
    cv2.putText(picture, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, size, colour, line, cv2.LINE_AA)


def _rgb(label: int) -> Colour:
    text = COLOURS[label]
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)
