"""Numbers and times in words, for the terminal."""

from __future__ import annotations

import math
from datetime import datetime

__all__ = ["duration", "moment", "printable", "value_text"]

UNITS = (("d", 86_400), ("h", 3_600), ("min", 60))


def value_text(value: float) -> str:
    """Return a number with four digits that count.

    >>> value_text(0.97857), value_text(1896), value_text(float("nan"))
    ('0.9786', '1896', 'nan')
    """
    return f"{value:.4g}"


def duration(seconds: float) -> str:
    """Return a time span, in its two largest units.

    >>> duration(9), duration(135), duration(7_380), duration(180_000)
    ('9 s', '2 min 15 s', '2 h 3 min', '2 d 2 h')
    """
    if not math.isfinite(seconds):
        return "?"
    left = max(0, round(seconds))
    for number, (unit, size) in enumerate(UNITS):
        if left >= size:
            finer, part = (*UNITS, ("s", 1))[number + 1]
            rest = left % size // part
            return f"{left // size} {unit}" + (f" {rest} {finer}" if rest else "")
    return f"{left} s"


def moment(time: float) -> str:
    """Return a moment of seconds since 1970 as local date and time."""
    return datetime.fromtimestamp(time).strftime("%Y-%m-%d %H:%M:%S")


def printable(text: str) -> str:
    """Return a text without what could steer a terminal.

    >>> printable("net12\\x1b[2J")
    'net12?[2J'
    """
    return "".join(c if c.isprintable() else "?" for c in text)
