"""`lasagnette runs`: the runs of a folder as a table."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from monitor.folders import find_runs
from monitor.runlog import open_run
from monitor.summary import summarise
from scripts.bench_machine import console, new_table
from scripts.runs_find import updated
from scripts.runs_words import duration, printable, value_text

__all__ = ["print_list"]

STYLES = {"running": "green", "stalled": "yellow", "crashed": "red", "finished": ""}
TOGETHER = 4  # runs of dead writers are read by processes that mostly start


class _Row(NamedTuple):
    name: str
    updated: float
    about: dict[str, Any]


def print_list(folder: Path) -> int:
    """Write the runs below a folder to stdout, the latest first; return how many there are."""
    found = find_runs(folder)
    with ThreadPoolExecutor(TOGETHER) as pool:
        rows = list(pool.map(lambda one: _read(*one), found))
    rows.sort(key=lambda row: row.updated, reverse=True)
    out = console()
    if rows:
        out.print(_table(rows))
    for row in rows:
        for problem in row.about["problems"]:
            out.print(printable(f"{row.name}: {problem}"), markup=False, soft_wrap=True)
    return len(rows)


def _read(name: str, folder: Path) -> _Row:
    return _Row(name, updated(folder) or 0.0, summarise(open_run(folder)))


def _table(rows: list[_Row]) -> Any:
    from rich.text import Text

    tags = {row.about["best"]["tag"] for row in rows if row.about["best"]}
    table = new_table(f"best and last {printable(*tags)}" if len(tags) == 1 else "")
    for heading in ("run", "status", "best", "at step", "last", "step", "age"):
        words = heading in ("run", "status")
        table.add_column(heading, justify="left" if words else "right", overflow="fold")
    if len(tags) > 1:
        table.add_column("of", overflow="ellipsis", no_wrap=True)
    for row in rows:
        about, best = row.about, row.about["best"] or {}
        tag = best.get("tag", "")
        table.add_row(
            Text(printable(row.name)),
            Text(_status(about), STYLES[about["status"]]),
            _number(best.get("value")),
            _count(best.get("step")),
            _number(about["last"].get(tag)),
            _count(about["step"]),
            duration(time.time() - row.updated) if row.updated else "",
            *([Text(printable(tag))] if len(tags) > 1 else []),
        )
    return table


def _status(about: dict[str, Any]) -> str:
    left = about["eta"]
    return about["status"] + ("" if left is None else f", {duration(left)} left")


def _number(value: float | None) -> str:
    return "" if value is None else value_text(value)


def _count(step: int | None) -> str:
    return "" if step is None else f"{step:,}"
