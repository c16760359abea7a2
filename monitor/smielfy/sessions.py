"""Who asks: a random id in a cookie, signed, and a token that only this server's pages know.

Nothing is kept here, so that pages stay usable when the server is started anew: cookie and token
follow from the folder's key. What is stored with pictures follows from the id, but the id and with
it the cookie cannot be found out from it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from urllib.parse import urlsplit

from flask import Response, request

from monitor.smielfy.errors import Refusal

__all__ = ["Sessions"]

_COOKIE = "smielfy-session"


class Sessions:
    """The sessions of a server.

    Parameters
    ----------
    key : bytes
        The folder's secret.
    secure : bool
        The server speaks HTTPS: browsers return the cookie over nothing else.
    """

    def __init__(self, key: bytes, *, secure: bool) -> None:
        self._key, self._secure = key, secure

    def current(self) -> str | None:
        """Return the id of the session that the request belongs to; None if it has none."""
        name, _, mark = request.cookies.get(_COOKIE, "").partition(".")
        return name if name and _same(mark, self._sign("session", name)) else None

    def keep(self, answer: Response, name: str) -> None:
        """Put a session's cookie into an answer; it ends with the browser."""
        value = f"{name}.{self._sign('session', name)}"
        answer.set_cookie(
            _COOKIE, value, httponly=True, samesite="Strict", secure=self._secure, path="/"
        )

    def new(self) -> str:
        """Return the id of a new session, for `keep` to put into an answer."""
        return secrets.token_hex(16)

    def token(self, name: str) -> str:
        """Return what the requests of a session's pages carry."""
        return self._sign("token", name)

    def person(self, name: str) -> str:
        """Return the random id that is stored with the pictures of a session."""
        return self._sign("person", name)[:16]

    def require(self) -> str:
        """Return the session's id of a request that changes something.

        Raises
        ------
        Refusal
            If it does not come from a page of this server (Origin, token).
        """
        origin = urlsplit(request.headers.get("Origin", ""))
        own = request.environ.get("HTTP_HOST", "")
        scheme = "https" if self._secure else "http"
        if origin.scheme != scheme or origin.netloc.lower() != own.lower():
            raise Refusal(403, "origin")
        name = self.current()
        given = request.headers.get("X-CSRF-Token", "")
        if name is None or not _same(given, self.token(name)):
            raise Refusal(403, "token")
        return name

    def _sign(self, purpose: str, name: str) -> str:
        text = f"{purpose}:{name}".encode("utf-8", "replace")
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()[:40]


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), right.encode())
