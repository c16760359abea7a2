"""What every key does while a clip is labelled, in the window and in the browser alike."""

from __future__ import annotations

from augment.datasets.smileys import SMILEYS

__all__ = ["ALIASES", "COLOURS", "COMMANDS", "SMILEY_KEYS", "meaning"]

SMILEY_KEYS = "sfdwpoknmazcbxeti"
"""The key of each class: smile, frown, :-D, wink, :-P, :-O, kiss, neutral, mouth, angry, squeezed,
crying, brow, :-X, eyes shut, teeth, and i, which is ! upside down."""

COMMANDS = {
    "space": "play",
    "left": "back",
    "right": "on",
    "up": "back_ten",
    "down": "on_ten",
    "home": "first",
    "end": "last",
    "j": "unlabelled",
    "v": "mark",
    "l": "clear",
    "u": "undo",
    "r": "redo",
    "4": "box_left",
    "6": "box_right",
    "8": "box_up",
    "2": "box_down",
    "+": "box_larger",
    "-": "box_smaller",
    "5": "box_again",
}
"""The other keys, and the name of what each does."""

ALIASES = {
    "pageup": "up",
    "pagedown": "down",
    "shift+left": "up",
    "shift+right": "down",
    "shift+up": "up",
    "shift+down": "down",
    "backspace": "l",
    "delete": "l",
    "=": "+",
    "_": "-",
}
"""Keys that do the same as another."""

COLOURS = (
    *("#e6194b", "#3cb44b", "#ffe119", "#4363d8", "#f58231", "#911eb4", "#46f0f0", "#f032e6"),
    *("#bcf60c", "#fabebe", "#008080", "#e6beff", "#9a6324", "#fffac8", "#800000", "#aaffc3"),
    "#808000",
)
"""The colour of each class in the strip, as the web writes it."""

_MEANINGS: dict[str, int | str] = {
    **{key: number for number, key in enumerate(SMILEY_KEYS)},
    **COMMANDS,
}
assert len(SMILEY_KEYS) == len(SMILEYS) == len(COLOURS)
assert len(_MEANINGS) == len(SMILEYS) + len(COMMANDS)


def meaning(key: str) -> int | str | None:
    """Return a class's number or a command's name; None for a key that does nothing.

    >>> meaning("w"), meaning("pageup"), meaning("~")
    (3, 'back_ten', None)
    """
    return _MEANINGS.get(ALIASES.get(key, key))
