"""Who may look, and who may change something: tokens, and protection from other sites' pages."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from urllib.parse import urlencode, urlsplit

from flask import Flask, Response, redirect, request

from monitor.answers import RequestError, error_answer
from monitor.layout import RunLogError

__all__ = ["SHORTEST_TOKEN", "protect"]

SHORTEST_TOKEN = 16
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


def protect(app: Flask, token: str | None) -> str:
    """Let only requests through that may be answered; return the CSRF token that changes need.

    Parameters
    ----------
    app : Flask
        The server.
    token : str or None
        What everybody has to know, as a cookie or in the header ``Authorization: Bearer``.

    Raises
    ------
    RunLogError
        If the token is too short, or holds what headers cannot.
    """
    if token is not None:
        _check_token(token)
    csrf = secrets.token_urlsafe(24)

    @app.before_request
    def admit() -> Response | None:
        try:
            if token is not None and (answer := _identify(token)) is not None:
                return answer
            if request.method not in _READING:
                _check_change(csrf)
        except RequestError as error:
            return error_answer(error.status, str(error))
        return None

    return csrf


def _check_token(token: str) -> None:
    if len(token) < SHORTEST_TOKEN or not (token.isascii() and token.isprintable()):
        raise RunLogError(
            f"A token has at least {SHORTEST_TOKEN} printable ASCII characters, not {len(token)}; "
            "leave it out to have one made."
        )


def _identify(token: str) -> Response | None:
    """Let whoever knows the token pass; one that stands in the address moves into a cookie."""
    # Cookies are shared by all ports of a host, so that each server needs a name of its own.
    cookie = "monitor-" + hashlib.sha256(token.encode()).hexdigest()[:12]
    given = request.args.getlist("token")
    if given and request.method == "GET":
        if not _same(given[0], token):
            raise RequestError(401, "The token in the address is wrong; see where it was printed.")
        rest = [(name, text) for name, text in request.args.items(multi=True) if name != "token"]
        # Relative to the server's root, and never to another server ("//host").
        path = "/" + request.path.lstrip("/\\")
        answer = redirect(path + ("?" + urlencode(rest) if rest else ""), 303)
        answer.set_cookie(cookie, token, httponly=True, samesite="Lax", max_age=30 * 86400)
        answer.headers["Cache-Control"] = "no-store"
        assert isinstance(answer, Response)
        return answer
    kind, _, bearer = request.headers.get("Authorization", "").partition(" ")
    known = _same(request.cookies.get(cookie, ""), token)
    if not known and not (kind == "Bearer" and _same(bearer, token)):
        raise RequestError(401, "This server needs its token: open the address that it printed.")
    return None


def _check_change(csrf: str) -> None:
    """Refuse changes that the page of another site could have sent."""
    origin = urlsplit(request.headers.get("Origin", ""))
    own = request.environ.get("HTTP_HOST", "")
    if origin.scheme not in {"http", "https"} or origin.netloc.lower() != own.lower():
        raise RequestError(403, "Changes are taken from this server's own pages only (Origin).")
    if not _same(request.headers.get("X-CSRF-Token", ""), csrf):
        raise RequestError(
            403, "The page is older than the server: load it anew (X-CSRF-Token is wrong)."
        )


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), right.encode())
