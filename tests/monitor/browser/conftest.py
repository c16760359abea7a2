"""A browser, a server, and a page that reports whatever goes wrong in it."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from browser_runs import HOSTILE, SCRIPT_TAG, teaching_runs
from browser_waits import SECONDS

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Debian's Chromium, or the browser that LASAGNETTE_BROWSER names."""
    api = pytest.importorskip(
        "playwright.sync_api", reason="no playwright here: pip install playwright"
    )
    path = os.environ.get("LASAGNETTE_BROWSER") or shutil.which("chromium")
    if path is None:
        pytest.skip("no Chromium here: apt-get install chromium, or set LASAGNETTE_BROWSER")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[[Path], str]]:
    """Serve a folder of runs; gives the address."""
    from waitress.server import create_server

    from monitor.app import create_app

    ends = []

    def start(folder: Path) -> str:
        server = create_server(create_app(folder), host="127.0.0.1", port=0, threads=4)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        ends.append((server, thread))
        return f"http://127.0.0.1:{server.effective_port}"

    yield start
    for server, thread in ends:
        server.close()
        thread.join(10)


@pytest.fixture(scope="session")
def site(serve: Callable[[Path], str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a server with the runs that most tests look at, which none may change."""
    return serve(teaching_runs(tmp_path_factory.mktemp("runs")))


@pytest.fixture
def hostile() -> tuple[str, str]:
    """The name and a tag of the run that tries to be markup."""
    return HOSTILE, SCRIPT_TAG


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """Open an address in a browser that nobody has used before.

    At the end of the test nothing may be in the console, and no request may have gone elsewhere.
    """
    contexts, wrong = [], []

    def open_at(address: str, **options: Any) -> Any:
        context = browser.new_context(**{"locale": "en-GB", **options})
        context.set_default_timeout(1000 * SECONDS)
        contexts.append(context)
        page = context.new_page()
        here = urlsplit(address).netloc

        def requested(request: Any) -> None:
            parts = urlsplit(request.url)
            if parts.scheme not in ("blob", "data") and parts.netloc != here:
                wrong.append(f"request to {request.url}")

        def said(message: Any) -> None:
            if message.type in ("error", "warning"):
                wrong.append(f"console: {message.text} ({message.location.get('url')})")

        page.on("request", requested)
        page.on("console", said)
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        page.wrong = wrong
        page.goto(address)
        return page

    yield open_at
    for context in contexts:
        context.close()
    assert not wrong
