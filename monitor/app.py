"""The monitor's server as a Flask application."""

from __future__ import annotations

import gzip
import logging
import os
from collections.abc import Iterable
from pathlib import Path

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from monitor.access import protect
from monitor.answers import RequestError, error_answer
from monitor.api import api
from monitor.api_media import api_media
from monitor.api_parts import api_parts
from monitor.api_run import CSRF, LIBRARY, api_run
from monitor.gate import Gate
from monitor.library import Library
from monitor.pages import missing, pages
from monitor.status import STALLED_SECONDS

__all__ = ["create_app"]

_LOGGER = logging.getLogger(__name__)
_LARGEST_BODY = 64 * 1024
_SENTENCES = {
    404: "There is nothing at this address.",
    405: "This address is not asked in this way; see docs/monitor-api.md.",
    413: f"The body of a request has at most {_LARGEST_BODY} bytes.",
}
_TEXTS = ("text/", "application/javascript", "application/json", "image/svg")


def create_app(
    runs_dir: str | os.PathLike[str],
    *,
    token: str | None = None,
    hosts: Iterable[str] = (),
    stalled_after: float = STALLED_SECONDS,
) -> Flask:
    """Return the server of a folder of runs: pages, and the interface of ``docs/monitor-api.md``.

    Parameters
    ----------
    runs_dir : path-like
        The folder; it need not exist yet.
    token : str, optional
        Asked from everybody, at least 16 characters. With one, the server also answers to this
        machine's name and to IP addresses; a server that listens to the network needs one.
    hosts : iterable of str
        Names under which the server is reached, besides ``localhost``.
    stalled_after : float
        Seconds without a write after which a living run counts as stalled.

    Raises
    ------
    RunLogError
        If the token is too short.
    """
    app = Flask("monitor", static_folder="static", template_folder="templates")
    app.config["MAX_CONTENT_LENGTH"] = _LARGEST_BODY
    csrf = protect(app, token)
    app.config[CSRF] = csrf
    app.extensions[LIBRARY] = Library(Path(runs_dir), stalled_after)
    app.jinja_env.globals["csrf_token"] = lambda: csrf
    for blueprint in (api, api_run, api_media, api_parts, pages):
        app.register_blueprint(blueprint)
    app.register_error_handler(RequestError, _refuse)
    app.register_error_handler(HTTPException, _explain)
    app.register_error_handler(OSError, _lost)
    app.register_error_handler(Exception, _fail)
    app.after_request(_finish)
    app.wsgi_app = Gate(  # type: ignore[method-assign]
        app.wsgi_app, hosts, open_to_network=token is not None
    )
    return app


def _refuse(error: RequestError) -> Response:
    return error_answer(error.status, str(error))


def _explain(error: HTTPException) -> Response | tuple[str, int]:
    status = error.code or 500
    if status < 400:
        answer = error.get_response()
        assert isinstance(answer, Response)
        return answer
    if status == 404 and not request.path.startswith(("/api/", "/static/")):
        return missing(), 404
    return error_answer(status, _SENTENCES.get(status, f"The request is refused: {error.name}."))


def _lost(error: OSError) -> Response:
    """Answer for a run whose files have gone, or may not be read, since it was found."""
    _LOGGER.warning("A run cannot be read: %s", error)
    return error_answer(404, f"The run's files cannot be read: {error.strerror or 'unknown'}.")


def _fail(error: Exception) -> Response:
    """Answer where the program is at fault; the reason is for the terminal alone."""
    _LOGGER.error("%s %s failed", request.method, request.path, exc_info=error)
    return error_answer(500, "The monitor made a mistake; its terminal says more.")


def _finish(answer: Response) -> Response:
    """Compress pages and static files; what the interface answers is compressed already."""
    text = answer.status_code == 200 and (answer.mimetype or "").startswith(_TEXTS)
    if not text or request.path.startswith("/api/") or request.method != "GET":
        return answer
    answer.headers["Vary"] = "Accept-Encoding, Cookie, Accept-Language"
    if "gzip" in request.accept_encodings:
        answer.direct_passthrough = False
        answer.set_data(gzip.compress(answer.get_data(), 1, mtime=0))
        answer.headers["Content-Encoding"] = "gzip"
        tag = answer.get_etag()[0]
        if tag is not None:
            answer.set_etag(tag, weak=True)  # one tag for both encodings
    return answer
