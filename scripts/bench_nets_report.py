"""What `lasagnette bench nets` measured, as a table and as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import Any

from scripts.bench_machine import console, machine_line, new_table, versions_line

__all__ = ["SIDES", "Case", "as_dict", "print_table"]

SIDES = {"lasagnette": "lasagnette", "torch": "PyTorch", "numpy": "NumPy kernels"}
"""What is timed, and how the report calls it."""


@dataclass(frozen=True)
class Case:
    """One pass of one net.

    Attributes
    ----------
    net, kind
        Name of the net; "forward" or "training".
    batch
        Images in a batch.
    threads
        Of our side and PyTorch's; the NumPy kernels have one.
    rounds
        Milliseconds of a pass by side: one median per round.
    """

    net: str
    kind: str
    batch: int
    threads: int
    rounds: dict[str, list[float]]

    def milliseconds(self, side: str) -> float | None:
        """Return the median over the rounds, None where `side` was not timed."""
        return median(self.rounds[side]) if side in self.rounds else None

    @property
    def ratio(self) -> float | None:
        """Our time divided by PyTorch's."""
        ours, theirs = self.milliseconds("lasagnette"), self.milliseconds("torch")
        return None if ours is None or theirs is None else ours / theirs


def as_dict(facts: dict[str, Any], sides: dict[str, Any], cases: list[Case]) -> dict[str, Any]:
    """Return everything that was measured, ready for JSON."""
    return {
        "machine": facts,
        "sides": sides,
        "cases": [
            {
                "net": case.net,
                "pass": case.kind,
                "batch": case.batch,
                "threads": case.threads,
                "ms": {side: case.milliseconds(side) for side in case.rounds},
                "ratio": case.ratio,
                "rounds": case.rounds,
            }
            for case in cases
        ],
    }


def print_table(facts: dict[str, Any], sides: dict[str, Any], cases: list[Case]) -> None:
    """Write medians and ratios to stdout, and below them what they were measured with."""
    table = new_table("Milliseconds per batch")
    for heading in ("net", "pass"):
        table.add_column(heading, no_wrap=True)
    shown = [side for side in SIDES if side in sides]
    headings = ["ours", *(SIDES[side] for side in shown[1:])]
    if "torch" in shown:
        headings.insert(2, "ratio")
    for heading in ("batch", "threads", *headings):
        table.add_column(heading, justify="right")
    for case in cases:
        numbers = [_number(case.milliseconds(side)) for side in shown]
        if case.ratio is not None:
            numbers.insert(2, f"{case.ratio:.2f}")
        table.add_row(case.net, case.kind, str(case.batch), str(case.threads), *numbers)
    out = console()
    out.print(table)
    out.print(f"{machine_line(facts)}; medians, rounds: {facts['rounds']}.", soft_wrap=True)
    for side in shown:
        out.print(f"{SIDES[side]}: {_sentence(sides[side])}", soft_wrap=True, markup=False)


def _number(milliseconds: float | None) -> str:
    return "" if milliseconds is None else f"{milliseconds:.{2 if milliseconds < 100 else 1}f}"


def _sentence(facts: dict[str, Any]) -> str:
    """Put the facts of a side into a line."""
    compiled = f"backend {facts['backend']}, " if "backend" in facts else ""
    return f"{compiled}{facts['instructions']}, {facts['device']}; " + versions_line(
        facts["versions"]
    )
