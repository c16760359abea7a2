"""A part of a benchmark: what it found, and how sides take turns for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Protocol

from scripts.progress import Progress

__all__ = ["SETTLING", "Part", "Rated", "Verdict", "medians", "number", "take_turns"]

SETTLING = 0.3
"""Seconds at the beginning of a turn in which what was made ahead is used up."""


@dataclass(frozen=True)
class Verdict:
    """Whether a goal was reached.

    Attributes
    ----------
    what
        What was measured.
    value, goal
        The number and its bound.
    most
        Whether the goal is the largest good value; else it is the smallest.
    unit
        Follows the numbers.
    """

    what: str
    value: float
    goal: float
    most: bool = False
    unit: str = ""

    @property
    def reached(self) -> bool:
        """Whether the value is on the good side of the goal."""
        return self.value <= self.goal if self.most else self.value >= self.goal

    def __str__(self) -> str:
        found, bound = ("reached" if self.reached else "missed"), ("most" if self.most else "least")
        return (
            f"{found}: {self.what}: {number(self.value)}{self.unit} "
            f"(goal: at {bound} {number(self.goal)}{self.unit})"
        )


@dataclass(frozen=True)
class Part:
    """What a part found.

    Attributes
    ----------
    title
        Heading of the table, with the unit of its numbers.
    headings, rows
        The table.
    verdicts
        The goals.
    notes
        Sentences: what was measured, and what the numbers depend on.
    texts
        How many columns are text; those after them are numbers.
    numbers
        Everything that was measured, as JSON can hold it.
    """

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    verdicts: Sequence[Verdict] = ()
    notes: Sequence[str] = ()
    texts: int = 1
    numbers: Mapping[str, Any] = field(default_factory=dict)


class Rated(Protocol):
    """A side that makes samples.

    Attributes
    ----------
    name : str
        What the table calls it.
    """

    name: str

    def rate(self, seconds: float) -> float:
        """Samples per second, over so long; what was made before does not count."""


def take_turns(
    sides: Sequence[Rated], rounds: int, seconds: float, progress: Progress
) -> dict[str, list[float]]:
    """Samples per second by side, one number per round.

    The sides take turns, so that a slow minute of the machine falls on none alone.
    """
    rates: dict[str, list[float]] = {side.name: [] for side in sides}
    for _ in range(rounds):
        for side in sides:
            progress.advance(0, side.name)
            rates[side.name].append(side.rate(seconds))
            progress.advance()
    return rates


def medians(rates: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """The median of every side's rounds."""
    return {name: median(values) for name, values in rates.items()}


def number(value: float) -> str:
    """A number with thousands set apart, or three digits."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
