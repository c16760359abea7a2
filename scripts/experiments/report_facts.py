"""What the page and the Markdown of the report say alike: facts, pictures left out, counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, get_args

from scripts.experiments.recipe import Table, Verdict
from scripts.experiments.report_rows import Row

__all__ = [
    "FIRST_LOOK",
    "HEADINGS",
    "INTRODUCTION",
    "TITLE",
    "count",
    "examples_left_out",
    "facts_lines",
    "index_cells",
    "numeric",
    "runs_table",
    "verdict",
]

TITLE = "The experiments of the articles, made again"
INTRODUCTION = (
    'What the articles "Deep learning in the garage" report, and what this project finds when it '
    "does the same. Every experiment is made by one command. Its verdict and the reasons for it "
    "are worked out from the measured numbers, and what departs from the article stands under "
    '"method". "Not yet" means that it has not been run, or could not be.'
)
FIRST_LOOK = (
    "First look only: made with --quick, on few samples. These figures say that the experiment "
    "runs, not what it shows."
)
HEADINGS = ("experiment", "article says", "ours", "verdict", "command")
NAMES = {  # of the facts, in this order
    "command": "command",
    "made": "made",
    "seconds": "duration",
    "seeds": "seeds",
    "machine": "machine",
    "versions": "versions",
    "data": "data",
    "note": "note",
    "notes": "notes",
}
ELSEWHERE = {"quick", "runs"}  # told in other places


def count(rows: Sequence[Row]) -> str:
    """Return how many experiments have which verdict, as a sentence."""
    verdicts = [row.verdict for row in rows]
    parts = [f"{verdicts.count(one)} {one}" for one in get_args(Verdict) if one in verdicts]
    looks = sum(row.first_look for row in rows)
    first = f" Of these, {looks} {'is a first look' if looks == 1 else 'are first looks'} only."
    return f"{len(rows)} experiments: {', '.join(parts)}.{first if looks else ''}"


def index_cells(row: Row) -> tuple[str, str, str, str, str]:
    """Return the row's cells in the index table, under `HEADINGS`."""
    ours = row.because if row.verdict == "not yet" else row.figure
    return row.title, row.claim, ours, verdict(row), row.command


def verdict(row: Row) -> str:
    """Return the row's verdict, marked where it rests on a first look only."""
    return f"{row.verdict} (first look)" if row.first_look else row.verdict


def examples_left_out(row: Row, shown: AbstractSet[str]) -> str:
    """Return the sentence for drawn examples that are not shown, empty where all are."""
    if all(picture.file in shown for picture in row.examples):
        return ""
    return "Drawn examples are in local reports only, because they show research photographs."


def facts_lines(row: Row) -> list[tuple[str, str]]:
    """Return names and values of the facts, those first whose names are known."""
    keys = [key for key in NAMES if key in row.facts]
    keys += [key for key in row.facts if key not in NAMES and key not in ELSEWHERE]
    lines = []
    for key in keys:
        value = row.facts[key]
        if key == "seconds" and isinstance(value, int | float):
            value = _duration(value)
        elif key == "notes" and isinstance(value, list):
            value = " ".join(map(_text, value))  # sentences
        if value not in (None, "", [], {}):
            lines.append((NAMES.get(key, key), _text(value)))
    return lines


def runs_table(row: Row) -> Table | None:
    """Return the trainings behind the row as a table; None where there is none."""
    runs = row.facts.get("runs")
    if not isinstance(runs, list) or not runs or not all(isinstance(run, dict) for run in runs):
        return None
    columns = tuple(dict.fromkeys(key for run in runs for key in run))

    def cell(run: Mapping[str, Any], key: str) -> str:
        value = run.get(key)
        if key == "seconds" and isinstance(value, int | float):
            return _duration(value)
        if key == "samples" and isinstance(value, int):
            return f"{value:,}"
        return _text(value)

    names = tuple("duration" if key == "seconds" else key for key in columns)
    return Table("Trainings", names, tuple(tuple(cell(run, k) for k in columns) for run in runs))


def numeric(table: Table, column: int) -> bool:
    """Tell whether a column holds numbers: digits, and no letters."""
    text = "".join(row[column] for row in table.rows if column < len(row))
    return any(letter.isdigit() for letter in text) and not any(map(str.isalpha, text))


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_text(one)}" for key, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value))
    return "" if value is None else str(value)


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.3g} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02} min"
