"""What people note about a run, in ``notes.json`` beside its log; only the monitor writes it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from monitor.files import read_json, write_json

__all__ = ["CHECKS", "read_notes", "write_notes"]

_TAGS, _TAG_LENGTH, _NOTE_LENGTH = 32, 64, 20_000
_NAME = "notes.json"


def _tags(value: Any) -> list[str]:
    if not isinstance(value, list) or len(value) > _TAGS:
        raise ValueError(f"is a list of at most {_TAGS} texts")
    for tag in value:
        if not isinstance(tag, str) or not tag.isprintable() or not 0 < len(tag) <= _TAG_LENGTH:
            raise ValueError(f"holds printable texts of 1 to {_TAG_LENGTH} characters")
    return list(dict.fromkeys(value))


def _note(value: Any) -> str:
    if not isinstance(value, str) or len(value) > _NOTE_LENGTH:
        raise ValueError(f"is a text of at most {_NOTE_LENGTH} characters")
    return value


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("is true or false")
    return value


CHECKS: dict[str, Callable[[Any], Any]] = {
    "tags": _tags,
    "note": _note,
    "star": _boolean,
    "archived": _boolean,
}
"""For each field: returns a value as it is kept, or raises a ValueError that says what it is."""


def read_notes(folder: Path) -> dict[str, Any]:
    """Return the notes about a run: `tags`, `note`, `star`, `archived`.

    What is missing or damaged is empty or false.
    """
    content = read_json(folder / _NAME)
    notes: dict[str, Any] = {"tags": [], "note": "", "star": False, "archived": False}
    for name, check in CHECKS.items():
        try:
            notes[name] = check(content[name])
        except (KeyError, TypeError, ValueError):
            continue
    return notes


def write_notes(folder: Path, changes: dict[str, Any]) -> dict[str, Any]:
    """Change some of the notes about a run, and return all of them.

    Raises
    ------
    OSError
        If they cannot be written.
    """
    notes = {**read_notes(folder), **changes}
    write_json(folder / _NAME, notes)
    return notes
