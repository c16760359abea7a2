"""The texts of the labelling page, which the window shows, too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

__all__ = ["fill", "words"]

_FOLDER = Path(__file__).parent / "static" / "words"


@cache
def words(language: str) -> dict[str, str]:
    """Return the texts in one of `monitor.pages.LANGUAGES`, by their keys."""
    found: dict[str, str] = json.loads((_FOLDER / f"{language}.json").read_text(encoding="utf-8"))
    return found


def fill(text: str, values: Mapping[str, object]) -> str:
    """Put values into the places of a text.

    >>> fill("frame {frame} of 0 to {last}", {"frame": 3, "last": 9})
    'frame 3 of 0 to 9'
    """
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", str(value))
    return text
