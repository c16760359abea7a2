"""Looking through the pictures before a training sees them: a page for this machine alone."""

from __future__ import annotations

import os
import secrets
import webbrowser
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, cast, get_args
from urllib.parse import urlencode

from flask import Blueprint, Flask, Response, send_file

from monitor.access import protect
from monitor.gate import Gate
from monitor.serve import say_at_once
from monitor.smielfy.common import json_answer, new_app, sent_object
from monitor.smielfy.errors import Refusal, SmielfyError
from monitor.smielfy.records import Record, Status
from monitor.smielfy.server import make_server, run
from monitor.smielfy.smileys import names
from monitor.smielfy.store import Store
from monitor.smielfy.texts import page

__all__ = ["create_review", "serve_review"]

_STATUSES = get_args(Status)
_LARGEST = 4096
_SHOWN = ("id", "smiley", "label", "box", "size", "score", "day", "person", "released", "status")


def serve_review(
    store: Store,
    *,
    port: int = 8266,
    open_browser: bool = False,
    say: Callable[[str], None] = say_at_once,
) -> None:
    """Serve the page on this machine until interrupted.

    Parameters
    ----------
    store : Store
        The pictures.
    port : int
        0 for any free one.
    open_browser : bool
        Open the page in a browser.
    say : callable
        Told where the page is. The address holds what others on this machine do not know.

    Raises
    ------
    SmielfyError
        If it cannot listen there.
    """
    token = secrets.token_urlsafe(24)
    app = create_review(store, token)
    try:
        server = make_server(app, "127.0.0.1", port, None, largest=16 * _LARGEST)
    except (OSError, OverflowError) as error:
        raise SmielfyError(
            f"The review cannot listen on port {port} ({error}); choose another with --port."
        ) from error
    address = f"http://127.0.0.1:{server.bind_addr[1]}/?" + urlencode({"token": token})
    say(f"Review of {os.fspath(store.folder)}: {address}  (Ctrl-C ends it)")
    if open_browser:
        webbrowser.open(address)
    run(server)


def create_review(store: Store, token: str) -> Flask:
    """Return the page as a Flask application.

    Parameters
    ----------
    store : Store
        The pictures.
    token : str
        What everybody has to know who looks.
    """
    app = new_app("monitor.smielfy.review", _LARGEST)
    csrf = protect(app, token)
    app.register_blueprint(_Review(store, csrf).blueprint())
    app.wsgi_app = Gate(app.wsgi_app, (), open_to_network=False)  # type: ignore[method-assign]
    return app


class _Review:
    def __init__(self, store: Store, csrf: str) -> None:
        self._store, self._csrf = store, csrf

    def blueprint(self) -> Blueprint:
        """Return the page and what it asks for."""
        routes = Blueprint("review", __name__)
        routes.get("/")(self.show)
        routes.get("/api/pictures")(self.pictures)
        routes.get("/pictures/<name>.jpg")(self.picture)
        routes.post("/api/pictures/<name>")(self.change)
        return routes

    def show(self) -> Response:
        """Show the page."""
        smileys = self._store.smileys
        answer = Response(page("review", self._csrf, smileys=smileys, names=names(smileys)))
        answer.headers["Cache-Control"] = "no-store"
        return answer

    def pictures(self) -> Response:
        """List all pictures that are there."""
        found = [_shown(record) for record in self._store.records()]
        return json_answer({"pictures": found, "withdrawn": self._store.withdrawn()})

    def picture(self, name: str) -> Response:
        """Return a picture."""
        for record in self._store.records():
            if record.id == name:
                path = self._store.picture(record).resolve()
                if path.is_file():
                    answer = send_file(path, mimetype="image/jpeg", etag=False, conditional=False)
                    answer.headers["Cache-Control"] = "no-store"
                    return answer
        raise Refusal(404, "gone")

    def change(self, name: str) -> Response:
        """Give a picture another status and class."""
        content = sent_object()
        status, label = content.get("status"), content.get("label")
        right = type(label) is int and 0 <= label < len(self._store.smileys)
        if status not in _STATUSES or not right:
            raise Refusal(400, "request")
        assert isinstance(label, int)
        try:
            return json_answer(
                _shown(self._store.change(name, status=cast(Status, status), label=label))
            )
        except SmielfyError:
            raise Refusal(404, "gone") from None


def _shown(record: Record) -> dict[str, Any]:
    content = asdict(record)
    return {name: content[name] for name in _SHOWN}
