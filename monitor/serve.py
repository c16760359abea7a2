"""Serving the monitor with waitress."""

from __future__ import annotations

import ipaddress
import logging
import os
import secrets
import webbrowser
from collections.abc import Callable, Iterable
from urllib.parse import urlencode

import waitress
from waitress.server import BaseWSGIServer, MultiSocketServer

from monitor.app import create_app
from monitor.layout import RunLogError

__all__ = ["is_loopback", "say_at_once", "serve"]

_THREADS = 8


def say_at_once(text: str) -> None:
    """Print a line that whoever reads it through a pipe sees now."""
    print(text, flush=True)


def serve(
    runs_dir: str | os.PathLike[str],
    *,
    host: str = "127.0.0.1",
    port: int = 8265,
    token: str | None = None,
    hosts: Iterable[str] = (),
    open_browser: bool = False,
    say: Callable[[str], None] = say_at_once,
) -> None:
    """Serve a folder of runs until interrupted.

    Parameters
    ----------
    runs_dir : path-like
        The folder.
    host : str
        Address to listen on. Any other than the own machine's needs a token; one is made if none
        is given.
    port : int
        0 for any free one.
    token : str, optional
        See `monitor.app.create_app`.
    hosts : iterable of str
        See `monitor.app.create_app`.
    open_browser : bool
        Open the page in a browser.
    say : callable
        Told where the page is.

    Raises
    ------
    RunLogError
        If it cannot listen there, or the token is too short.
    """
    if token is None and not is_loopback(host):
        token = secrets.token_urlsafe(24)
    named = [*hosts, *([host] if host else [])]
    app = create_app(runs_dir, token=token, hosts=named)
    # It would tell of every request that waits for the one before.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    try:
        server = waitress.create_server(
            app,
            host=host,
            port=port,
            threads=_THREADS,
            ident="",
            max_request_body_size=1 << 20,
            channel_timeout=60,
        )
    except (OSError, ValueError, OverflowError) as error:
        raise RunLogError(
            f"The monitor cannot listen on {host}, port {port} ({error}); choose others with "
            "--host and --port."
        ) from error
    address = f"http://{_name(host)}:{_port(server)}/" + (
        "?" + urlencode({"token": token}) if token else ""
    )
    say(f"Monitor of {os.fspath(runs_dir)}: {address}  (Ctrl-C ends it)")
    if open_browser:
        webbrowser.open(address)
    server.run()


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach an address.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _name(host: str) -> str:
    """Return how a browser on this machine reaches an address."""
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return host
    if address.is_unspecified:
        return "localhost"
    return f"[{address}]" if address.version == 6 else str(address)


def _port(server: BaseWSGIServer | MultiSocketServer) -> int:
    if isinstance(server, MultiSocketServer):
        return int(server.effective_listen[0][1])
    return int(server.effective_port)
