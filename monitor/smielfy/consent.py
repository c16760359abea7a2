"""The text under which a picture is given, kept word for word.

The page shows the text of one language; the hash of exactly that text travels with the picture, and
the text is stored once beside the pictures. A text that has changed since the page was loaded is
not agreed to.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from monitor.smielfy.texts import LANGUAGES, words

__all__ = ["VERSION", "Consent", "consents"]

VERSION = "1"
"""To be raised whenever the meaning of the texts ``consent.*`` changes."""

_PARAGRAPHS = ("purpose", "stored", "who", "back", "minors")


@dataclass(frozen=True)
class Consent:
    """What somebody agrees to.

    Attributes
    ----------
    language, version : str
    paragraphs : tuple of str
    released : str
        The label of the box that lets the picture be shown to others.
    yes : str
        The label of the button that means agreement.
    """

    language: str
    version: str
    paragraphs: tuple[str, ...]
    released: str
    yes: str

    def content(self) -> dict[str, Any]:
        """Return what is stored."""
        return {
            "version": self.version,
            "language": self.language,
            "paragraphs": list(self.paragraphs),
            "released": self.released,
            "yes": self.yes,
        }

    @property
    def key(self) -> str:
        """The hash of the whole text: 32 hexadecimal digits."""
        text = json.dumps(self.content(), ensure_ascii=False, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def consents(contact: str | None) -> dict[str, Consent]:
    """Return the texts by language.

    Parameters
    ----------
    contact : str or None
        Who collects the pictures and how to reach them; by default whoever handed out the address.
    """
    found = {}
    for language in LANGUAGES:
        texts = words(language)
        who = contact or texts["consent.nobody"]
        found[language] = Consent(
            language,
            VERSION,
            tuple(texts[f"consent.{name}"].replace("{contact}", who) for name in _PARAGRAPHS),
            texts["consent.released"],
            texts["consent.yes"],
        )
    return found
