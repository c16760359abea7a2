"""Reading the parameters and bodies of requests; what is not as described is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from flask import request

from monitor.answers import RequestError

__all__ = ["body", "choice", "flag", "many", "number", "one", "query", "whole"]

Reader = Callable[[str, list[str]], Any]

_SHOWN = 60


def query(**readers: Reader) -> dict[str, Any]:
    """Return the parameters of the request's address.

    Parameters
    ----------
    readers : callable
        For each parameter that is known: takes its name and the texts given, and returns the
        value. A trailing underscore of the keyword is left out of the name.

    Raises
    ------
    RequestError
        If a parameter is unknown or not as its reader wants it.
    """
    names = {keyword.rstrip("_"): keyword for keyword in readers}
    given = request.args.to_dict(flat=False)
    for name in given:
        if name not in names:
            known = ", ".join(names) or "none"
            raise RequestError(400, f"{_short(name)} is no parameter here; known are: {known}.")
    return {key: readers[key](name, given.get(name, [])) for name, key in names.items()}


def many(least: int = 0, most: int = 500) -> Reader:
    """Return a reader of texts that may be given more than once."""

    def read(name: str, texts: list[str]) -> list[str]:
        if not least <= len(texts) <= most:
            raise RequestError(
                400, f"{name} is given {least} to {most} times here, not {len(texts)} times."
            )
        return list(dict.fromkeys(texts))

    return read


def one(default: str | None = None, *, needed: bool = False) -> Reader:
    """Return a reader of a text."""

    def read(name: str, texts: list[str]) -> str | None:
        if needed and not texts:
            raise RequestError(400, f"{name} is missing; add ?{name}=... to the address.")
        return _single(name, texts, default)

    return read


def choice(*options: str) -> Reader:
    """Return a reader of one of several words; the first is the default."""

    def read(name: str, texts: list[str]) -> str:
        text = _single(name, texts, options[0])
        if text not in options:
            raise RequestError(400, f"{name} is one of {', '.join(options)}, not {_short(text)}.")
        return text

    return read


def flag(name: str, texts: list[str]) -> bool:
    """Read "0" or "1"; false by default."""
    return choice("0", "1")(name, texts) == "1"


def whole(low: int, high: int, default: int | None) -> Reader:
    """Return a reader of a whole number between two, both included."""

    def read(name: str, texts: list[str]) -> int | None:
        text = _single(name, texts, None)
        if text is None:
            return default
        digits = text.removeprefix("-")
        if (
            digits.isascii()
            and digits.isdecimal()
            and len(digits) < 20
            and low <= int(text) <= high
        ):
            return int(text)
        raise RequestError(
            400, f"{name} is a whole number from {low} to {high}, not {_short(text)}."
        )

    return read


def number(low: float = -math.inf, below: float = math.inf, default: float | None = None) -> Reader:
    """Return a reader of a finite number from `low` to just below `below`."""

    def read(name: str, texts: list[str]) -> float | None:
        text = _single(name, texts, None)
        if text is None:
            return default
        try:
            value = float(text) if text.isascii() and "_" not in text else math.nan
        except ValueError:
            value = math.nan
        if math.isfinite(value) and low <= value < below:
            return value
        span = "" if low == -math.inf else f" from {low:g} to below {below:g}"
        raise RequestError(400, f"{name} is a finite number{span}, not {_short(text)}.")

    return read


def body(checks: Mapping[str, Callable[[Any], Any]]) -> dict[str, Any]:
    """Return the request's body, a JSON object.

    Parameters
    ----------
    checks : mapping
        For each field that is known: returns the value as it is kept, or raises a ValueError whose
        text says what it has to be.

    Raises
    ------
    RequestError
        If the body is something else, or holds unknown or wrong fields.
    """
    if request.mimetype != "application/json":
        raise RequestError(415, "A change is sent as Content-Type: application/json.")
    try:
        content = json.loads(request.get_data())
    except (ValueError, RecursionError):
        raise RequestError(400, "The body of the request is no JSON.") from None
    if not isinstance(content, dict):
        raise RequestError(400, 'The body of the request is a JSON object, for example {"a": 1}.')
    taken = {}
    for name, value in content.items():
        if name not in checks:
            known = ", ".join(checks) or "none"
            raise RequestError(400, f"{_short(name)} is no field here; known are: {known}.")
        try:
            taken[name] = checks[name](value)
        except ValueError as error:
            raise RequestError(400, f"{name} {error}.") from None
    return taken


def _single(name: str, texts: list[str], default: str | None) -> str | None:
    if len(texts) > 1:
        raise RequestError(400, f"{name} is given once here, not {len(texts)} times.")
    return texts[0] if texts else default


def _short(text: str | None) -> str:
    """Return a text as it may be shown in a sentence."""
    shown = ascii(text)
    return shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "...'"
