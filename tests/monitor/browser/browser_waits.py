"""Waiting for what a page becomes. Playwright's own way evaluates text, which the pages forbid."""

from __future__ import annotations

import time
from typing import Any

SECONDS = 30.0  # two cores may be busy with other tests


def until(page: Any, expression: str) -> None:
    """Return as soon as an expression of JavaScript is true in the page."""
    end = time.monotonic() + SECONDS
    while not page.evaluate(expression):
        assert time.monotonic() < end, f"waited in vain for {expression}"
        page.wait_for_timeout(50)


def until_url(page: Any, part: str) -> None:
    """Return as soon as the page's address holds a text."""
    end = time.monotonic() + SECONDS
    while part not in page.url:
        assert time.monotonic() < end, f"waited in vain for {part} in {page.url}"
        page.wait_for_timeout(50)
