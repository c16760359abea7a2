"""The gate before the server: foreign names are turned away, and every answer is told how to be
treated by browsers."""

from __future__ import annotations

import ipaddress
import json
import re
import socket
from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["HEADERS", "Gate", "host_name"]

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; font-src 'self'; manifest-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
HEADERS = (
    ("Content-Security-Policy", _POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Frame-Options", "DENY"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
)
"""Added to every answer."""

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})

_FOREIGN = (
    "This server is not known by that name; open it as http://localhost, or name the host when the "
    "monitor is started."
)

WSGI = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def host_name(header: str) -> str | None:
    """Return the name in a Host header, in small letters and without its port; None if malformed.

    >>> host_name("LocalHost:8000"), host_name("[::1]"), host_name("evil.example/x")
    ('localhost', '[::1]', None)
    """
    found = _HOST.fullmatch(header)
    return found[1].lower().rstrip(".") if found else None


class Gate:
    """A WSGI application in front of another.

    A page of another site can make a browser ask this server by a name that it controls (DNS
    rebinding); the Host header shows it.

    Parameters
    ----------
    application : WSGI application
        What answers the requests that are let in.
    hosts : iterable of str
        Names let in besides those of the own machine's loopback interface.
    open_to_network : bool
        Also let in every IP address (nobody can rebind those) and this machine's name; for servers
        that ask for a token.
    """

    def __init__(self, application: WSGI, hosts: Iterable[str], *, open_to_network: bool) -> None:
        self._application = application
        self._names = {*_LOOPBACK, *(name.lower().rstrip(".") for name in hosts)}
        self._network = open_to_network
        if open_to_network:
            own = socket.gethostname().lower()
            self._names |= {own, own.partition(".")[0], f"{own.partition('.')[0]}.local"}

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer a request."""

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            return start_response(status, [*headers, *HEADERS], *rest)

        if not self._welcome(environ.get("HTTP_HOST", "")):
            return _refuse(start, "403 Forbidden", _FOREIGN)
        try:
            environ.get("QUERY_STRING", "").encode("latin-1").decode()
        except UnicodeError:
            return _refuse(start, "400 Bad Request", "The address holds bytes that are no UTF-8.")
        return self._application(environ, start)

    def _welcome(self, header: str) -> bool:
        name = host_name(header)
        return name is not None and (name in self._names or (self._network and _is_address(name)))


def _refuse(start: Callable[..., Any], status: str, sentence: str) -> Iterable[bytes]:
    content = json.dumps({"error": sentence}).encode()
    start(status, [("Content-Type", "application/json"), ("Content-Length", str(len(content)))])
    return [content]


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
