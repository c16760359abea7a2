"""The report as Markdown, as GitHub shows it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet

from scripts.experiments.recipe import Table
from scripts.experiments.report_facts import (
    FIRST_LOOK,
    HEADINGS,
    INTRODUCTION,
    TITLE,
    count,
    examples_left_out,
    facts_lines,
    index_cells,
    numeric,
    runs_table,
    verdict,
)
from scripts.experiments.report_rows import Picture, Row

__all__ = ["as_markdown", "index", "plain"]


def as_markdown(rows: Sequence[Row], shown: AbstractSet[str]) -> str:
    """Return the report as Markdown.

    Parameters
    ----------
    rows : sequence of Row
        All experiments.
    shown : set of str
        Files of the drawn examples that are shown.

    Returns
    -------
    str
        With the index table first, and a section for each experiment.
    """
    parts = [f"# {TITLE}", plain(INTRODUCTION), count(rows), index(rows, linked=True)]
    for row in rows:
        parts += _section(row, shown)
    return "\n\n".join(parts) + "\n"


def index(rows: Iterable[Row], *, linked: bool = False) -> str:
    """Return the index table, its first column linked to the sections on request."""
    lines = [_line(HEADINGS), _line(["---"] * len(HEADINGS))]
    for row in rows:
        title, claim, ours, found, command = index_cells(row)
        first = f"[{plain(title)}](#{row.name})" if linked else plain(title)
        lines.append(_line([first, plain(claim), plain(ours), found, f"`{command}`"]))
    return "\n".join(lines)


def plain(text: str) -> str:
    r"""Escape what Markdown would not take as it stands, and put everything on one line.

    Examples
    --------
    >>> plain("net12_cal | *")
    'net12_cal \\| \\*'
    """
    text = re.sub(r"([\\`*<>\[\]|~$#]|&(?=#?\w+;))", r"\\\1", " ".join(text.split()))
    return re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", text)  # within a word it is none


def _section(row: Row, shown: AbstractSet[str]) -> Iterable[str]:
    yield f'<a id="{row.name}"></a>'
    yield f"## {plain(row.title)}: {verdict(row)}"
    if row.first_look:
        yield f"**{FIRST_LOOK}**"
    told = {"Source": row.source, "The article says": row.claim, "Method": row.method}
    told |= {"Ours": row.figure, f"Verdict: {row.verdict}": row.because}
    yield "\n".join(f"- **{what}.** {plain(text)}" for what, text in told.items() if text)
    for picture in row.plots:
        yield from _picture(picture)
    for table in row.tables:
        yield f"**{plain(table.caption)}**"
        yield _table(table)
    for picture in row.examples:
        if picture.file in shown:
            yield from _picture(picture)
    if left_out := examples_left_out(row, shown):
        yield left_out
    yield f"```sh\n{row.command}\n```"
    if row.facts:
        yield "<details><summary>How this row was made</summary>"
        yield "\n".join(f"- {plain(name)}: {plain(text)}" for name, text in facts_lines(row))
        runs = runs_table(row)
        if runs is not None:
            yield _table(runs)
        yield "</details>"


def _picture(picture: Picture) -> Iterable[str]:
    yield f"![{plain(picture.alt)}]({picture.file})"
    yield f"*{plain(picture.caption)}*"


def _table(table: Table) -> str:
    rules = ["---:" if numeric(table, column) else "---" for column in range(len(table.columns))]
    rows = [[plain(cell) for cell in cells] for cells in (table.columns, *table.rows)]
    return "\n".join(map(_line, [rows[0], rules, *rows[1:]]))


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
