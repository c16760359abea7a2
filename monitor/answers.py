"""Answers of the server: JSON and binary with ETag and gzip, and errors as one sentence."""

from __future__ import annotations

import gzip
import hashlib
import json
import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from flask import Response, request

__all__ = ["RequestError", "binary_answer", "error_answer", "json_answer", "plain", "tagged"]

_COMPRESSED_FROM = 1024
_DEPTH = 40


class RequestError(ValueError):
    """A request that is not answered; the message is one sentence for whoever asked.

    Parameters
    ----------
    status : int
        HTTP status, 400 to 499, or 503 for "ask again".
    message : str
        Which rule, what was received, what to do.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def json_answer(content: Mapping[str, Any]) -> Response:
    """Return an answer in JSON; see `tagged`."""
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    return tagged(text.encode(), "application/json")


def binary_answer(content: bytes) -> Response:
    """Return an answer of a packed `monitor.frame.Frame`; see `tagged`."""
    return tagged(content, "application/octet-stream")


def error_answer(status: int, sentence: str) -> Response:
    """Return the answer ``{"error": sentence}``."""
    response = Response(json.dumps({"error": sentence}), status, mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = "1"
    return response


def tagged(content: bytes, kind: str) -> Response:
    """Return a whole answer: 304 if the client has it already, else compressed if it may be."""
    tag = hashlib.blake2b(content, digest_size=12).hexdigest()
    if request.if_none_match.contains_weak(tag):
        response = Response(status=HTTPStatus.NOT_MODIFIED)
    else:
        packed = len(content) >= _COMPRESSED_FROM and "gzip" in request.accept_encodings
        response = Response(gzip.compress(content, 1, mtime=0) if packed else content)
        response.headers["Content-Type"] = kind
        if packed:
            response.headers["Content-Encoding"] = "gzip"
    response.set_etag(tag, weak=True)  # one tag for both encodings
    response.headers["Cache-Control"] = "no-cache"
    response.headers["Vary"] = "Accept-Encoding"
    return response


def plain(value: Any, depth: int = 0) -> Any:
    """Return what somebody noted so that JSON can hold it: without NaN, and not endlessly deep."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict | list) and depth > _DEPTH:
        return "..."
    if isinstance(value, dict):
        return {str(key): plain(entry, depth + 1) for key, entry in value.items()}
    if isinstance(value, list):
        return [plain(entry, depth + 1) for entry in value]
    return value
