"""The report on all experiments: a page and a Markdown file beside the rows and pictures."""

from __future__ import annotations

from pathlib import Path

from scripts.experiments.report_markdown import as_markdown, index
from scripts.experiments.report_page import as_page
from scripts.experiments.report_rows import keep, read_rows, write_text

__all__ = ["index_table", "keep", "publish"]


def publish(folder: Path, *, examples: bool = True) -> None:
    """Write ``index.html`` and ``README.md`` from the rows that are there.

    Parameters
    ----------
    folder : Path
        Made where it is not there.
    examples : bool
        Show the drawn examples, where they are; a report that is passed on leaves them out.

    Raises
    ------
    RunError
        If a row is damaged or foreign, or misses a plot.
    """
    rows = read_rows(folder)
    shown = {
        picture.file
        for row in rows
        for picture in row.examples
        if examples and (folder / picture.file).is_file()
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "index.html", as_page(rows, shown))
    write_text(folder / "README.md", as_markdown(rows, shown))


def index_table(folder: Path) -> str:
    """Return the index table alone, as Markdown.

    Parameters
    ----------
    folder : Path
        Of the rows.

    Returns
    -------
    str
        Lines without the last one's end.

    Raises
    ------
    RunError
        As `publish`.
    """
    return index(read_rows(folder))
