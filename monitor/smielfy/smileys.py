"""What the smileys are called, in the names of folders, drawings and texts."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["NAMES", "folder_names", "names"]

NAMES = {
    ":-)": "smile",
    ":-(": "sad",
    ":-D": "laugh",
    ";-)": "wink",
    ":-P": "tongue",
    ":-O": "surprise",
    ":-*": "kiss",
    ":-|": "neutral",
    ":-/": "skewed",
    ">:-(": "angry",
    ">_<": "squeezed",
    ":'(": "crying",
    "o_O": "brow",
    ":-X": "sealed",
    "|-)": "asleep",
    ":-E": "grimace",
    ":-!": "puffed",
}
"""Smileys have characters that no file should be named after."""

_UNKNOWN = "other"


def names(smileys: Sequence[str]) -> list[str]:
    """Return the name of each smiley; ``'other'`` for those that have none here.

    >>> names([":-)", ":-Q"])
    ['smile', 'other']
    """
    return [NAMES.get(smiley, _UNKNOWN) for smiley in smileys]


def folder_names(smileys: Sequence[str]) -> list[str]:
    """Return the name of each smiley's folder, which begins with its number.

    >>> folder_names([":-)", ":-("])
    ['00-smile', '01-sad']
    """
    return [f"{number:02d}-{name}" for number, name in enumerate(names(smileys))]
