"""The pages: templates filled with texts in the reader's language; scripts bring the content.

The language and the colours that somebody has chosen come back in two cookies. Without them the
browser's preferences decide: its languages here, its colours in the style sheet.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any, Final

from flask import Blueprint, render_template, request

__all__ = ["LANGUAGES", "THEMES", "missing", "modules", "pages", "words"]

LANGUAGES: Final = ("en", "ru")
THEMES: Final = ("auto", "light", "dark")
STATIC: Final = Path(__file__).parent / "static"
RUN_PAGES: Final = ("run", "detections", "data", "funnel", "queue", "architecture")

pages = Blueprint("pages", __name__)


@cache
def words(language: str) -> dict[str, str]:
    """Return the texts of the pages in one of `LANGUAGES`, by their keys."""
    text = (STATIC / "words" / f"{language}.json").read_text(encoding="utf-8")
    found: dict[str, str] = json.loads(text)
    return found


@cache
def modules(page: str) -> list[str]:
    """Return the scripts that a page needs, for the browser to ask for all of them at once."""
    found, queue = [], [f"page_{page}.js"]
    while queue:
        name = queue.pop(0)
        if name not in found:
            found.append(name)
            text = (STATIC / "js" / name).read_text(encoding="utf-8")
            queue += re.findall(r'^import .*"\./(\w+\.js)";$', text, re.MULTILINE)
    return found


@pages.get("/")
def runs() -> str:
    """Show all runs."""
    return _page("runs")


@pages.get("/compare")
def compare() -> str:
    """Show runs over each other; which ones stands in the query."""
    return _page("compare")


@pages.get(f"/<any({', '.join(RUN_PAGES)}):page>/<run>")
def run_page(page: str, run: str) -> str:
    """Show one side of a run; whether there is such a run, the page's script finds out."""
    return _page(page, run=run, run_pages=RUN_PAGES)


def missing() -> str:
    """Return the page for an address that leads nowhere."""
    return _page("missing")


def _page(page: str, **values: Any) -> str:
    language = _chosen("language", LANGUAGES) or (
        request.accept_languages.best_match(LANGUAGES) or LANGUAGES[0]
    )
    texts = words(language)
    return render_template(
        f"{page}.html",
        page=page,
        language=language,
        languages=LANGUAGES,
        modules=modules(page),
        theme=_chosen("theme", THEMES) or THEMES[0],
        t=lambda key: texts.get(key, key),
        **values,
    )


def _chosen(what: str, possible: tuple[str, ...]) -> str | None:
    """Return what the reader has chosen, unless the cookie holds something else."""
    value = request.cookies.get(f"lasagnette-{what}")
    return value if value in possible else None
