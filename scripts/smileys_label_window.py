"""The labelling window: a loop that shows the view and passes keys on."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import cv2

from scripts.smileys_label_clip import ClipPictures
from scripts.smileys_label_draw import draw_view
from scripts.smileys_label_session import Session, View

__all__ = ["key_name", "show_window"]

_WAIT = 15  # milliseconds for a key
_QUIT = frozenset({"q", "escape"})

# What OpenCV's toolkits call the keys: Qt and GTK as X does, Windows, Cocoa.
_NAMES = {
    "space": (32,),
    "escape": (27,),
    "left": (65361, 0x250000, 63234),
    "up": (65362, 0x260000, 63232),
    "right": (65363, 0x270000, 63235),
    "down": (65364, 0x280000, 63233),
    "pageup": (65365, 65434, 0x210000, 63276),
    "pagedown": (65366, 65435, 0x220000, 63277),
    "home": (65360, 65429, 0x240000, 63273),
    "end": (65367, 65436, 0x230000, 63275),
    "backspace": (8, 65288),
    "delete": (65535, 0x2E0000, 63272),
    "+": (65451,),
    "-": (65453,),
    **{str(digit): (65456 + digit,) for digit in range(10)},
}
_BY_CODE = {code: name for name, codes in _NAMES.items() for code in codes}
_SHIFT = 1 << 16  # in GTK's codes
_CYRILLIC = range(0x6A3, 0x700)  # X's codes: those of KOI8-R behind a 6
_BY_PLACE = str.maketrans("йцукенгшщзфывапролдячсмить", "qwertyuiopasdfghjklzxcvbnm")


def key_name(code: int) -> str:
    """Return the name of a key of `cv2.waitKeyEx`, as sessions know it; empty for none.

    A Cyrillic letter is the Latin one on the same key.

    >>> key_name(ord("w")), key_name(65361), key_name(0x6C3), key_name(-1)
    ('w', 'left', 'w', '')
    """
    if code < 0:
        return ""
    if code in _BY_CODE:
        return _BY_CODE[code]
    plain = code & 0xFFFF
    if plain in _BY_CODE and plain > 0xFF:
        name = _BY_CODE[plain]
        arrow = name in ("left", "right", "up", "down")
        return f"shift+{name}" if arrow and code & _SHIFT else name
    if 32 < plain < 127:
        return chr(plain).lower()
    if plain in _CYRILLIC:
        return bytes([plain & 0xFF]).decode("koi8-r").lower().translate(_BY_PLACE)
    return ""


def show_window(
    session: Session,
    pictures: ClipPictures,
    title: str,
    *,
    gui: Any = cv2,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Label in a window until it is closed, or Q or the escape key is pressed.

    Parameters
    ----------
    session : Session
    pictures : ClipPictures
    title : str
        Of the window.
    gui
        What has OpenCV's functions for windows.
    clock : callable
        Returns seconds.
    """
    gui.namedWindow(title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
    shown: View | None = None
    last = clock()
    try:
        while True:
            view = session.view()
            if view != shown:
                picture = draw_view(view, pictures.image(view.frame), pictures.scale)
                if shown is None:
                    gui.resizeWindow(title, picture.shape[1], picture.shape[0])
                gui.imshow(title, picture[..., ::-1].copy())
                shown = view
            name = key_name(gui.waitKeyEx(_WAIT))
            if name in _QUIT or gui.getWindowProperty(title, cv2.WND_PROP_VISIBLE) < 1:
                return
            session.press(name)
            now = clock()
            session.tick(now - last)
            last = now
    finally:
        gui.destroyAllWindows()
