"""`lasagnette runs show`: a run in the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from monitor.runlog import Run
from scripts.bench_machine import console, new_table
from scripts.runs_braille import draw
from scripts.runs_curves import Curve, Panel
from scripts.runs_find import updated
from scripts.runs_words import duration, moment, printable, value_text

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["print_run"]

ROWS = 10  # letters of a panel
STYLES = ("bright_blue", "yellow", "green", "magenta", "cyan", "red")
LABEL = 10  # letters of a number beside a panel
MOST_TAGS = 8  # of a kind, named in a line


def print_run(
    name: str, run: Run, about: dict[str, Any], drawn: Sequence[Panel], *, along: str, log: bool
) -> None:
    """Write what a run is, its curves and their ends to stdout.

    Where the terminal has no colours, every curve is drawn by itself.

    Parameters
    ----------
    name : str
    run : Run
    about : dict
        Of `monitor.summary.summarise`.
    drawn : sequence of Panel
    along : str
        What the panels' x is; see `scripts.runs_curves.AXES`.
    log : bool
        Draw upwards in powers of ten.
    """
    out = console()
    for line in _head(name, run.folder, about):
        out.print(printable(line), markup=False, soft_wrap=True)
    for panel in drawn:
        groups = [panel.curves] if _colours(out) else [[curve] for curve in panel.curves]
        for curves in groups:
            out.print()
            _print_curves(out, curves, along, log)
    out.print()
    out.print(_table(run))
    for line in _foot(run, about):
        out.print(printable(line), markup=False, soft_wrap=True)


def _colours(out: Console) -> bool:
    return out.is_terminal and not out.no_color


def _head(name: str, folder: Path, about: dict[str, Any]) -> Iterator[str]:
    yield f"{name}: {about['status']}"
    started = about["started"]
    if started is not None:
        end = updated(folder)
        length = "" if end is None else f", {duration(end - started)} long"
        yield f"started {moment(started)}{length}"
    place = "no steps yet" if about["step"] is None else f"step {about['step']:,}"
    if about["epoch"] is not None:
        place += f", epoch {about['epoch']:.4g}"
    if about["eta"] is not None:
        place += f", {duration(about['eta'])} left"
    yield place
    best = about["best"]
    if best is not None:
        yield f"best {best['tag']} {value_text(best['value'])} at step {best['step']:,}"


def _foot(run: Run, about: dict[str, Any]) -> Iterator[str]:
    for kind, tags in (("pictures", run.picture_tags), ("histograms", run.histogram_tags)):
        if tags:
            more = f" and {len(tags) - MOST_TAGS} more" if len(tags) > MOST_TAGS else ""
            yield f"{kind}: {', '.join(tags[:MOST_TAGS])}{more}"
    for problem in about["problems"]:
        yield f"damage: {problem}"


def _print_curves(out: Console, curves: Sequence[Curve], along: str, log: bool) -> None:
    from rich.text import Text

    title = Text()
    for number, curve in enumerate(curves):
        title.append("  " if number else " " * (LABEL + 2))
        title.append(f"⣿ {printable(curve.tag)}", STYLES[number % len(STYLES)])
        if curve.lost:
            title.append(f" ({curve.lost:,} points not finite)")
    out.print(title, soft_wrap=True)
    lines = [
        (curve.x, np.log10(shown) if log else shown)
        for curve in curves
        for shown in [curve.y if curve.smooth is None else curve.smooth]
    ]
    columns = max(20, out.width - LABEL - 3)
    drawing = draw(lines, columns, ROWS)
    labels = _labels(*drawing.y, log)
    for row, cells in enumerate(drawing.cells):
        line = Text(f"{labels.get(row, ''):>{LABEL}} │")
        for letter, owner in cells:
            line.append(letter, STYLES[owner % len(STYLES)] if owner >= 0 else "")
        out.print(line, soft_wrap=True)
    left, right = (_along(x, along) for x in drawing.x)
    gap = max(1, columns - len(left) - len(right))
    out.print(Text(" " * (LABEL + 2) + left + " " * gap + right), soft_wrap=True)


def _labels(lowest: float, highest: float, log: bool) -> dict[int, str]:
    def text(value: float) -> str:
        return value_text(10.0**value if log else value)

    return {
        0: text(highest),
        ROWS // 2: text(highest + (lowest - highest) * (ROWS // 2 + 0.5) / ROWS),
        ROWS - 1: text(lowest),
    }


def _along(x: float, along: str) -> str:
    return duration(x) if along == "time" else f"{along} {x:,.6g}"


def _table(run: Run) -> Any:
    table = new_table("")
    for heading in ("curve", "points", "last", "lowest", "at step", "highest", "at step"):
        table.add_column(heading, justify="left" if heading == "curve" else "right")
    table.columns[0].overflow = "fold"
    from rich.text import Text

    for tag in run.tags:
        series = run.scalars(tag)
        row: list[Any] = [Text(printable(tag)), f"{len(series.value):,}"]
        row.append(value_text(series.value[-1]) if len(series.value) else "")
        finite = np.flatnonzero(np.isfinite(series.value))
        for pick in (np.argmin, np.argmax):
            if finite.size:
                where = finite[pick(series.value[finite])]
                row += [value_text(series.value[where]), f"{series.step[where]:,}"]
            else:
                row += ["", ""]
        table.add_row(*row)
    return table
