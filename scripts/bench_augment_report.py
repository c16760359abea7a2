"""What `lasagnette bench augment` found: tables, verdicts and JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scripts.bench_machine import console, machine_line, new_table
from scripts.bench_part import Part

__all__ = ["as_dict", "print_part", "print_verdicts"]


def as_dict(facts: Mapping[str, Any], parts: Mapping[str, Part]) -> dict[str, Any]:
    """Return everything that was measured, ready for JSON."""
    return {
        "machine": dict(facts),
        "parts": {
            name: {
                "verdicts": [
                    {
                        "what": verdict.what,
                        "value": verdict.value,
                        "goal": verdict.goal,
                        "reached": verdict.reached,
                    }
                    for verdict in part.verdicts
                ],
                **part.numbers,
            }
            for name, part in parts.items()
        },
    }


def print_part(part: Part) -> None:
    """Write a part's table and notes to stdout."""
    table = new_table(part.title)
    for place, heading in enumerate(part.headings):
        table.add_column(heading, justify="left" if place < part.texts else "right")
    for row in part.rows:
        table.add_row(*row)
    out = console()
    out.print(table)
    for note in part.notes:
        out.print(note, soft_wrap=True, markup=False)
    out.print()


def print_verdicts(facts: Mapping[str, Any], parts: Mapping[str, Part]) -> None:
    """Write to stdout which goals were reached, and with what."""
    out = console()
    for part in parts.values():
        for verdict in part.verdicts:
            out.print(str(verdict), soft_wrap=True, markup=False)
    out.print(f"{machine_line(dict(facts))}; {facts['pictures']}.", soft_wrap=True)
