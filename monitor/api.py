"""Answers about all runs, and changes: notes, delete and undo. See ``docs/monitor-api.md``."""

from __future__ import annotations

import os
from importlib import metadata
from typing import Any

from flask import Blueprint, Response, current_app

from monitor import params
from monitor.answers import RequestError, json_answer, plain
from monitor.api_run import CSRF, library
from monitor.compare import comparison
from monitor.folders import run_id
from monitor.notes import CHECKS, write_notes
from monitor.trash import Trashed

__all__ = ["api"]

POLL_SECONDS = 1.0

api = Blueprint("api", __name__, url_prefix="/api")


@api.get("/session")
def session() -> Response:
    """Tell a page what it needs before it asks for anything else."""
    params.query()
    root = library().root
    return json_answer(
        {
            "csrf": current_app.config[CSRF],
            "name": _readable(root.name),
            "folder": _readable(os.fspath(root)),
            "version": _version(),
            "poll_seconds": POLL_SECONDS,
            "trash": len(library().trash),
        }
    )


@api.get("/runs")
def runs() -> Response:
    """List all runs."""
    params.query()
    rows = library().rows()
    return json_answer(
        {
            "runs": rows,
            "pending": sum(row["pending"] for row in rows),
            "folder": _readable(library().root.name),
            "trash": len(library().trash),
        }
    )


@api.get("/compare")
def compare() -> Response:
    """Set the settings and the best and last values of runs side by side."""
    asked = params.query(run=params.many(2, 20), baseline=params.one())
    baseline = asked["baseline"] or asked["run"][0]
    if baseline not in asked["run"]:
        raise RequestError(400, "baseline is one of the runs that are compared.")
    shelves = [library().shelf(name) for name in asked["run"]]
    return json_answer(plain(comparison(shelves, baseline)))


@api.post("/runs/<id_>/notes")
def notes(id_: str) -> Response:
    """Change what people noted about a run."""
    params.query()
    shelf, changes = library().shelf(id_), params.body(CHECKS)
    try:
        kept = write_notes(shelf.folder, changes)
    except OSError as error:
        raise RequestError(409, f"The notes cannot be written: {error.strerror}.") from error
    shelf.notice(kept)
    return json_answer(kept)


@api.post("/runs/<id_>/delete")
def delete(id_: str) -> Response:
    """Move a run into the trash."""
    params.query()
    params.body({})
    return json_answer({"trash": library().delete(id_)})


@api.get("/trash")
def trash() -> Response:
    """List the deleted runs."""
    params.query()
    return json_answer({"trash": [_trashed(entry) for entry in library().trash.entries()]})


@api.post("/trash/<key>/restore")
def restore(key: str) -> Response:
    """Bring a run back."""
    params.query()
    params.body({})
    name = library().restore(key)
    return json_answer({"id": run_id(name), "name": _readable(name)})


@api.post("/trash/empty")
def empty() -> Response:
    """Delete the runs in the trash for good."""
    params.query()
    if not params.body({"confirm": _confirmed}).get("confirm"):
        raise RequestError(400, "Emptying the trash cannot be undone; confirm is missing.")
    return json_answer({"deleted": library().empty_trash()})


def _confirmed(value: Any) -> bool:
    if value is not True:
        raise ValueError("is true, or the trash is not emptied")
    return True


def _trashed(entry: Trashed) -> dict[str, Any]:
    return {**entry._asdict(), "name": _readable(entry.name)}


def _readable(path: str) -> str:
    return os.fsencode(path).decode("utf-8", "replace")


def _version() -> str | None:
    try:
        return metadata.version("lasagnette")
    except metadata.PackageNotFoundError:
        return None
