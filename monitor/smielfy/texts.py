"""The texts of the pages, in the reader's language.

The language and the colours that somebody has chosen come back in the cookies that the monitor's
pages use, too.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

from flask import render_template, request

__all__ = ["LANGUAGES", "THEMES", "language", "page", "words"]

LANGUAGES: Final = ("en", "ru")
THEMES: Final = ("auto", "light", "dark")
_STATIC: Final = Path(__file__).parent / "static"


@cache
def words(language: str) -> dict[str, str]:
    """Return the texts in one of `LANGUAGES`, by their keys."""
    text = (_STATIC / "words" / f"{language}.json").read_text(encoding="utf-8")
    found: dict[str, str] = json.loads(text)
    return found


def language() -> str:
    """Return the language for the current request."""
    return _chosen("language", LANGUAGES) or (
        request.accept_languages.best_match(LANGUAGES) or LANGUAGES[0]
    )


def page(name: str, token: str, **values: Any) -> str:
    """Return the page of a template.

    Parameters
    ----------
    name : str
        Of the template and of the page's script.
    token : str
        What requests of this page carry.
    values
        For the template.
    """
    spoken = language()
    texts = words(spoken)
    return render_template(
        f"{name}.html",
        page=name,
        language=spoken,
        languages=LANGUAGES,
        theme=_chosen("theme", THEMES) or THEMES[0],
        token=token,
        t=lambda key: texts.get(key, key),
        **values,
    )


def _chosen(what: str, possible: tuple[str, ...]) -> str | None:
    value = request.cookies.get(f"lasagnette-{what}")
    return value if value in possible else None
