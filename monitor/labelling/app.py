"""The labelling page's server: what is shown, the frames as JPEG, and keys as changes.

====  =====================  ==================================================================
GET   /                      the page
GET   /api/state             what there is to show, as the desk says it, with ``clip`` beside it
GET   /api/frames/CLIP/N     the JPEG of frame N; CLIP is the state's ``clip``
POST  /api/key               ``{"key": "w"}``; the new state
POST  /api/seek              ``{"frame": 12}``; the new state
POST  /api/tick              ``{"elapsed": 0.04}`` seconds; the new state
====  =====================  ==================================================================

All of it needs the token: other users of this machine reach the server, too.
"""

from __future__ import annotations

import logging
import math
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from flask import Blueprint, Flask, Response, jsonify, render_template, request
from werkzeug.exceptions import HTTPException

from monitor.access import protect
from monitor.answers import RequestError, error_answer
from monitor.gate import Gate
from monitor.labelling.words import words
from monitor.pages import LANGUAGES

__all__ = ["Command", "Desk", "Smiley", "create_app"]

_LOGGER = logging.getLogger(__name__)
_LARGEST_BODY = 1024
_LONGEST_KEY = 32
_LONGEST_TICK = 10.0  # seconds; a page that was asleep does not jump to the end
_GROUPS = {
    "label": ("mark", "clear", "unlabelled", "undo", "redo"),
    "go": ("play", "back", "on", "back_ten", "on_ten", "first", "last"),
    "box": (
        *("box_left", "box_right", "box_up", "box_down"),
        *("box_larger", "box_smaller", "box_again"),
    ),
}


class Desk(Protocol):
    """What labels: keys come in, what there is to show goes out; threads share it."""

    def press(self, key: str) -> bool:
        """Do what a key means; False if it means nothing."""

    def seek(self, frame: int) -> None:
        """Show a frame, the nearest that there is."""

    def tick(self, seconds: float) -> None:
        """Let time pass."""

    def state(self) -> dict[str, Any]:
        """Return what there is to show, as JSON holds it.

        ``frame``, ``count``, ``label`` (-1 for none), ``square`` (x, y, side in pixels of the clip,
        or null), ``searching`` (the square may still be found), ``begin`` (of the range that is
        marked, or null), ``playing``, ``runs`` (first, last, label of each labelled range),
        ``labelled`` (frames), ``said`` and ``values`` (the text ``said.NAME``, and what it is
        filled with).
        """


@dataclass(frozen=True)
class Smiley:
    """A class that can be given: its key, its smiley, its colour as the web writes it."""

    key: str
    smiley: str
    colour: str


@dataclass(frozen=True)
class Command:
    """A key that does something else: its name, and the text ``command.NAME`` that says what."""

    key: str
    name: str


def create_app(
    desk: Desk,
    jpeg: Callable[[int], bytes],
    *,
    name: str,
    count: int,
    size: tuple[int, int],
    smileys: Sequence[Smiley],
    commands: Sequence[Command],
    token: str,
) -> Flask:
    """Return the server of one clip.

    Parameters
    ----------
    desk : Desk
        What labels it.
    jpeg : callable
        Returns a frame's picture.
    name : str
        The clip's name.
    count : int
        Number of its frames.
    size : (width, height)
        Of the clip in the pixels that the desk's squares count; pictures may be smaller.
    smileys : sequence of Smiley
        The classes, by number.
    commands : sequence of Command
        The other keys.
    token : str
        What everybody has to know who looks.
    """
    # A browser keeps frames; another clip, or another server, has other addresses.
    clip = secrets.token_hex(6)
    app = Flask("monitor", static_folder="static", template_folder="templates")
    app.config["MAX_CONTENT_LENGTH"] = _LARGEST_BODY
    csrf = protect(app, token)
    page = Blueprint(
        "labelling",
        "monitor.labelling",
        static_folder="static",
        static_url_path="/labelling",
        template_folder="templates",
    )
    by_name = {command.name: command for command in commands}
    groups = {
        group: [by_name[one] for one in names if one in by_name] for group, names in _GROUPS.items()
    }

    @page.get("/")
    def label() -> str:
        language = _language()
        texts = words(language)
        return render_template(
            "labelling.html",
            name=name,
            size=size,
            smileys=smileys,
            groups=groups,
            csrf=csrf,
            language=language,
            languages=LANGUAGES,
            t=lambda key: texts.get(key, key),
        )

    @page.get("/api/state")
    def state() -> Response:
        return _json({**desk.state(), "clip": clip})

    @page.get("/api/frames/<of>/<int:number>")
    def frame(of: str, number: int) -> Response:
        if of != clip or number >= count:
            raise RequestError(404, "This clip has no such frame; load the page anew.")
        answer = Response(jpeg(number), mimetype="image/jpeg")
        answer.headers["Cache-Control"] = "private, max-age=86400, immutable"
        return answer

    @page.post("/api/key")
    def key() -> Response:
        pressed = _given("key")
        if not isinstance(pressed, str) or not 0 < len(pressed) <= _LONGEST_KEY:
            raise RequestError(400, "key is the name of a key, such as 'w' or 'left'.")
        if not desk.press(pressed):
            raise RequestError(400, f"The key {pressed!a} means nothing; the page lists the keys.")
        return state()

    @page.post("/api/seek")
    def seek() -> Response:
        wanted = _given("frame")
        if isinstance(wanted, bool) or not isinstance(wanted, int):
            raise RequestError(400, "frame is a whole number, from 0 on.")
        desk.seek(wanted)
        return state()

    @page.post("/api/tick")
    def tick() -> Response:
        elapsed = _given("elapsed")
        if isinstance(elapsed, bool) or not isinstance(elapsed, int | float):
            raise RequestError(400, "elapsed is a number of seconds.")
        if not (math.isfinite(elapsed) and elapsed >= 0):
            raise RequestError(400, "elapsed is a number of seconds, not below 0.")
        desk.tick(min(float(elapsed), _LONGEST_TICK))
        return state()

    app.register_blueprint(page)
    app.register_error_handler(RequestError, _refuse)
    app.register_error_handler(HTTPException, _explain)
    app.register_error_handler(Exception, _fail)
    app.wsgi_app = Gate(app.wsgi_app, (), open_to_network=False)  # type: ignore[method-assign]
    return app


def _given(what: str) -> Any:
    """Return a value of the request's JSON object."""
    if not request.is_json:
        raise RequestError(415, "A change is sent as application/json.")
    try:
        body = request.get_json(silent=True)
    except RecursionError:
        body = None
    if not isinstance(body, dict) or set(body) != {what}:
        raise RequestError(400, f'The body is a JSON object with "{what}" alone.')
    return body[what]


def _language() -> str:
    chosen = request.cookies.get("lasagnette-language")
    if chosen in LANGUAGES:
        return chosen
    return request.accept_languages.best_match(LANGUAGES) or LANGUAGES[0]


def _json(content: dict[str, Any]) -> Response:
    answer = jsonify(content)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _refuse(error: RequestError) -> Response:
    return error_answer(error.status, str(error))


def _explain(error: HTTPException) -> Response:
    status = error.code or 500
    if status < 400:
        answer = error.get_response()
        assert isinstance(answer, Response)
        return answer
    return error_answer(status, f"The request is refused: {error.name}.")


def _fail(error: Exception) -> Response:
    """Answer where the program is at fault; the reason is for the terminal alone."""
    _LOGGER.error("%s %s failed", request.method, request.path, exc_info=error)
    return error_answer(500, "The server made a mistake; its terminal says more.")
