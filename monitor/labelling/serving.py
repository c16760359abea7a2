"""Serving the labelling page with waitress, to this machine alone."""

from __future__ import annotations

import logging
import webbrowser
from collections.abc import Callable
from urllib.parse import urlencode

import waitress
from flask import Flask

from monitor.layout import RunLogError

__all__ = ["serve"]

_HOST = "127.0.0.1"
_THREADS = 4


def serve(
    app: Flask, *, token: str, port: int, open_browser: bool, say: Callable[[str], None]
) -> None:
    """Serve until interrupted.

    Parameters
    ----------
    app : Flask
        From `monitor.labelling.create_app`.
    token : str
        The one that it was given.
    port : int
        0 for any free one.
    open_browser : bool
        Open the page in a browser.
    say : callable
        Told where the page is. The address holds what others on this machine do not know.

    Raises
    ------
    RunLogError
        If it cannot listen there.
    """
    # It would tell of every request that waits for the one before.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    try:
        server = waitress.create_server(
            app, host=_HOST, port=port, threads=_THREADS, ident="", max_request_body_size=1 << 16
        )
    except (OSError, OverflowError) as error:
        raise RunLogError(
            f"The page cannot be served on port {port} ({error}); choose another with --port."
        ) from error
    address = f"http://{_HOST}:{server.effective_port}/?" + urlencode({"token": token})
    say(f"Label at {address}  (Ctrl-C ends it)")
    if open_browser:
        webbrowser.open(address)
    server.run()
