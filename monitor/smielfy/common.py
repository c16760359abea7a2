"""What both applications have: drawings, the monitor's style sheets, answers, refusals in words."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from monitor.smielfy.drawn import drawing
from monitor.smielfy.errors import Refusal
from monitor.smielfy.texts import language, words

__all__ = ["json_answer", "new_app", "sent_object"]

_LOGGER = logging.getLogger(__name__)
_SMALL = 4096
_REASONS = {404: "nothing", 405: "nothing", 413: "large"}


def json_answer(content: object) -> Response:
    """Return an answer in JSON that no browser keeps."""
    answer = jsonify(content)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def sent_object() -> dict[str, Any]:
    """Return the JSON object in the request's body.

    Raises
    ------
    Refusal
        If there is anything else, or more than 4 kB of it.
    """
    # Without a length there is no body: the gate lets none in that comes in chunks.
    if (request.content_length or 0) > _SMALL or not request.is_json:
        raise Refusal(400, "request")
    try:
        content = json.loads(request.get_data(cache=False))
    except (ValueError, RecursionError):  # the latter of thousands of brackets
        raise Refusal(400, "request") from None
    if not isinstance(content, dict):
        raise Refusal(400, "request")
    return content


def new_app(name: str, largest: int) -> Flask:
    """Return an application that draws faces and answers whatever goes wrong with a sentence.

    Parameters
    ----------
    name : str
        Its name.
    largest : int
        Bytes of the largest body of a request.
    """
    app = Flask(name, root_path=os.fspath(Path(__file__).parent))
    app.config["MAX_CONTENT_LENGTH"] = largest
    # Colours, type and small helpers are the monitor's.
    app.register_blueprint(
        Blueprint("base", __name__, static_folder="../static", static_url_path="/base")
    )
    app.get("/face/<name>.svg")(_draw)
    app.register_error_handler(Refusal, _refuse)
    app.register_error_handler(HTTPException, _explain)
    app.register_error_handler(OSError, _fail_to_write)
    app.register_error_handler(Exception, _fail)
    return app


def _draw(name: str) -> Response:
    svg = drawing(name)
    if svg is None:
        raise Refusal(404, "nothing")
    answer = Response(svg, mimetype="image/svg+xml")
    answer.headers["Cache-Control"] = "max-age=3600"
    return answer


def _refuse(refusal: Refusal) -> tuple[Response, int]:
    sentence = words(language())[f"refused.{refusal.reason}"]
    return json_answer({"error": sentence, "reason": refusal.reason}), refusal.status


def _explain(error: HTTPException) -> tuple[Response, int] | Response:
    status = error.code or 500
    if status < 400:
        answer = error.get_response()
        assert isinstance(answer, Response)
        return answer
    return _refuse(Refusal(status, _REASONS.get(status, "request")))


def _fail_to_write(error: OSError) -> tuple[Response, int]:
    _LOGGER.error("The folder cannot be read or written: %s", error.strerror)
    return _refuse(Refusal(507, "disk"))


def _fail(error: Exception) -> tuple[Response, int]:
    """Answer where the program is at fault; the reason is for the terminal alone."""
    _LOGGER.error("%s %s failed", request.method, request.path, exc_info=error)
    return _refuse(Refusal(500, "mistake"))
