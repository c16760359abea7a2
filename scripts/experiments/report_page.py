"""The report as a page: static HTML with its own style, light or dark, for desks and phones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from html import escape

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

__all__ = ["as_page"]

WIDE = 600  # pixels; a wider plot is scrolled on a phone, not made too small to read
STYLE = """
:root {
  color-scheme: light dark;
  --paper: #fff; --ink: #1d1f21; --soft: #5c6167; --line: #dcdfe3; --card: #f5f6f7;
  --link: #0059a8; --good: #00664a; --half: #8a5200; --bad: #a8350b;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #16181b; --ink: #e4e6e8; --soft: #a2a8af; --line: #363b41; --card: #202327;
    --link: #74b9f2; --good: #4fcba4; --half: #eeb352; --bad: #ff9069;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0 auto; padding: 1rem; max-width: 58rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: break-word;
}
h1 { font-size: 1.6rem; line-height: 1.25; }
h2 { font-size: 1.25rem; line-height: 1.3; margin: 0 0 .25rem; }
a { color: var(--link); }
section { border-top: 1px solid var(--line); margin-top: 2.5rem; padding-top: 1.25rem; }
.soft, figcaption { color: var(--soft); font-size: .9rem; }
.soft { margin: 0 0 .75rem; }
.verdict {
  border: 1px solid; border-radius: 1rem; padding: .05rem .55rem; font-size: .8rem;
  font-weight: 600; white-space: nowrap; color: var(--soft);
}
.reproduced { color: var(--good); }
.partly { color: var(--half); }
.not-reproduced { color: var(--bad); }
.first { border-left: 4px solid var(--half); background: var(--card); padding: .5rem .75rem; }
dl { display: grid; grid-template-columns: 8.5rem 1fr; gap: .35rem 1rem; margin: 0 0 1rem; }
dt { color: var(--soft); }
dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: .9rem; }
th, td { padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top; overflow-wrap: normal; }
th { font-weight: 600; vertical-align: bottom; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
figure { margin: 1rem 0; }
figure .scroll { margin: 0 0 .35rem; }
img { display: block; max-width: 100%; height: auto; background: #fff; border-radius: 4px; }
.wide { min-width: 700px; }
td:first-child { min-width: 7rem; }
.index td:nth-child(2), .index td:nth-child(3) { width: 32%; }
.whole { white-space: nowrap; }
code { font-family: ui-monospace, monospace; font-size: .88em; }
pre { background: var(--card); padding: .6rem .8rem; border-radius: 4px; overflow-x: auto; }
summary { cursor: pointer; color: var(--link); }
details dl { margin-top: .75rem; font-size: .9rem; }
@media (max-width: 40rem) {
  dl { display: block; }
  dd { margin-bottom: .6rem; }
  .index thead { position: absolute; clip-path: inset(50%); }
  .index, .index tbody, .index tr, .index td:nth-child(n) { display: block; width: auto; }
  .index tr { border: 1px solid var(--line); border-radius: 6px; padding: .5rem .75rem;
    margin-bottom: .75rem; }
  .index td { border: 0; padding: .1rem 0; }
  .index td + td::before { content: attr(data-name) ": "; color: var(--soft); }
}
"""


def as_page(rows: Sequence[Row], shown: AbstractSet[str]) -> str:
    """Return the report as an HTML page without scripts.

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
    body = [
        '<h1 id="top">' + escape(TITLE) + "</h1>",
        f"<p>{escape(INTRODUCTION)}</p>",
        f"<p>{escape(count(rows))}</p>",
        _index(rows),
        *(part for row in rows for part in _section(row, shown)),
    ]
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(TITLE)}</title>",
            f"<style>{STYLE}</style>",
            "</head>",
            "<body>",
            *body,
            "</body>",
            "</html>",
            "",
        ]
    )


def _index(rows: Iterable[Row]) -> str:
    lines = []
    for row in rows:
        title, claim, ours, _, command = index_cells(row)
        first, _, last = command.rpartition(" ")
        cells = (
            f'<a href="#{row.name}">{escape(title)}</a>',
            escape(claim),
            escape(ours),
            _badge(row),
            f'<code>{escape(first)} <span class="whole">{escape(last)}</span></code>',
        )
        lines.append(
            "<tr>"
            + "".join(
                f'<td data-name="{name}">{cell}</td>'
                for name, cell in zip(HEADINGS, cells, strict=True)
            )
            + "</tr>"
        )
    heads = "".join(f'<th scope="col">{name}</th>' for name in HEADINGS)
    head, body = f"<thead><tr>{heads}</tr></thead>", "<tbody>" + "\n".join(lines) + "</tbody>"
    return _scrolled(f'<table class="index">{head}\n{body}</table>', "All experiments")


def _section(row: Row, shown: AbstractSet[str]) -> Iterable[str]:
    yield f'<section id="{row.name}">'
    yield f"<h2>{escape(row.title)} {_badge(row)}</h2>"
    yield f'<p class="soft">{escape(row.source)}</p>'
    if row.first_look:
        yield f'<p class="first">{escape(FIRST_LOOK)}</p>'
    told = {"The article says": row.claim, "Method": row.method, "Ours": row.figure}
    yield _definitions([*told.items(), ("Verdict", f"{row.verdict}: {row.because}")])
    for picture in row.plots:
        yield _figure(picture)
    for table in row.tables:
        yield _table(table)
    for picture in row.examples:
        if picture.file in shown:
            yield _figure(picture)
    if left_out := examples_left_out(row, shown):
        yield f'<p class="soft">{escape(left_out)}</p>'
    yield f"<pre><code>{escape(row.command)}</code></pre>"
    if row.facts:
        yield "<details><summary>How this row was made</summary>"
        yield _definitions(facts_lines(row))
        runs = runs_table(row)
        if runs is not None:
            yield _table(runs)
        yield "</details>"
    yield '<p class="soft"><a href="#top">All experiments</a></p>'
    yield "</section>"


def _badge(row: Row) -> str:
    kind = row.verdict.replace(" ", "-")
    return f'<span class="verdict {kind}">{escape(verdict(row))}</span>'


def _definitions(pairs: Iterable[tuple[str, str]]) -> str:
    told = (f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in pairs if text)
    return "<dl>" + "\n".join(told) + "</dl>"


def _figure(picture: Picture) -> str:
    wide = ' class="wide"' if picture.file.endswith(".svg") and picture.width > WIDE else ""
    image = (
        f'<img{wide} src="{escape(picture.file)}" alt="{escape(picture.alt)}" '
        f'width="{picture.width}" height="{picture.height}" loading="lazy">'
    )
    caption = f"<figcaption>{escape(picture.caption)}</figcaption>"
    return f"<figure>{_scrolled(image, picture.caption)}{caption}</figure>"


def _table(table: Table) -> str:
    aligned = [
        ' class="number"' if numeric(table, column) else "" for column in range(len(table.columns))
    ]
    heads = "".join(
        f'<th scope="col"{how}>{escape(name)}</th>'
        for how, name in zip(aligned, table.columns, strict=True)
    )
    rows = "\n".join(
        "<tr>"
        + "".join(f"<td{how}>{escape(cell)}</td>" for how, cell in zip(aligned, cells, strict=True))
        + "</tr>"
        for cells in table.rows
    )
    head, body = f"<thead><tr>{heads}</tr></thead>", f"<tbody>{rows}</tbody>"
    content = _scrolled(f"<table>{head}\n{body}</table>", table.caption)
    # Above, not in the table: on a phone it would be scrolled with it.
    return f"<figure><figcaption>{escape(table.caption)}</figcaption>{content}</figure>"


def _scrolled(content: str, name: str) -> str:
    """Put what may be wider than the page where the keyboard can scroll it, too."""
    return (
        f'<div class="scroll" role="group" aria-label="{escape(name)}" tabindex="0">{content}</div>'
    )
