"""What the benchmarks of parts share: options, the report as it grows, and its JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import IO, Any

import click

from scripts.bench_machine import console, load_average, machine, machine_line, new_table
from scripts.bench_part import Part

__all__ = ["JSON_OPTION", "Report", "open_json", "part_option"]

JSON_OPTION = click.option(
    "--json",
    "json_path",
    type=click.Path(dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="Write every number and the machine's facts; - prints them in place of the tables.",
)


def part_option(parts: Sequence[str]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the option that chooses among a benchmark's parts, as `chosen`."""
    return click.option(
        "--part",
        "chosen",
        multiple=True,
        type=click.Choice(parts),
        default=parts,
        help="What to measure; may be given several times  [default: everything]",
    )


def open_json(path: str | None) -> IO[str] | None:
    """Open the file of `JSON_OPTION`, None without one.

    To be called first: a mistyped path shall not cost the minutes that measuring takes.
    """
    return click.open_file(path, "w", encoding="utf-8") if path else None


class Report:
    """The parts of a benchmark as they are measured, and their goals at the end.

    Parameters
    ----------
    json_path : str or None
        Where everything is written, '-' for stdout in place of the tables.
    **facts
        What the numbers depend on, beside the machine; ``pictures`` is printed.
    """

    def __init__(self, json_path: str | None, **facts: Any) -> None:
        self._file, self._prints = open_json(json_path), json_path != "-"
        self.facts = {**machine(), "load_before": load_average(), **facts}
        self.parts: dict[str, Part] = {}

    def take(self, name: str, part: Part) -> None:
        """Keep a part, and print its table and notes."""
        self.parts[name] = part
        if not self._prints:
            return
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

    def finish(self) -> None:
        """Print which goals were reached, and with what; write the JSON."""
        self.facts["load_after"] = load_average()
        if self._prints:
            out = console()
            for part in self.parts.values():
                for verdict in part.verdicts:
                    out.print(str(verdict), soft_wrap=True, markup=False)
            last = [machine_line(self.facts), self.facts.get("pictures")]
            out.print("; ".join(filter(None, last)) + ".", soft_wrap=True)
        if self._file is not None:
            with self._file:
                self._file.write(json.dumps(self._as_dict(), indent=2) + "\n")

    def _as_dict(self) -> dict[str, Any]:
        return {
            "machine": self.facts,
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
                for name, part in self.parts.items()
            },
        }
