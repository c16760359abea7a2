"""Answers with the pictures of a run and the boxes on them. See ``docs/monitor-api.md``."""

from __future__ import annotations

from typing import Any

import numpy as np
from flask import Blueprint, Response, request

from monitor import params, selection
from monitor.answers import RequestError, json_answer, plain
from monitor.api_run import library
from monitor.checks import media_kind
from monitor.layout import STEP_LIMIT, RunLogError
from monitor.pictures import BoxIndex, box_columns, boxes_of, face_and_score, noted
from monitor.selection import MEDIA_NAMES, Cursor
from monitor.shelf import Opened, Shelf
from monitor.summary import finite_or_none

__all__ = ["REJECTED", "api_media", "pictures_of", "rejected"]

REJECTED = "rejected/"
"""Pictures of what a cascade stage rejected have this before the stage's name."""

_FOREVER = 365 * 86400

api_media = Blueprint("api_media", __name__, url_prefix="/api/runs/<id_>")

_PAGE = {
    "offset": params.whole(0, STEP_LIMIT - 1, 0),
    "limit": params.whole(1, 500, 200),
}


@api_media.get("/pictures")
def pictures(id_: str) -> Response:
    """List the pictures of one tag."""
    step = params.whole(0, STEP_LIMIT - 1, None)
    asked = params.query(
        **_PAGE,
        tag=params.one(needed=True),
        step=step,
        from_=step,
        to=step,
        order=params.choice("step", "newest"),
        metadata=params.flag,
        boxes=params.flag,
    )
    shelf = library().shelf(id_)
    with shelf.opened() as run:
        rows = pictures_of(run, asked["tag"])
        _require(run, rows, asked["tag"])
        for end, outside in (("from_", np.less), ("to", np.greater), ("step", np.not_equal)):
            if asked[end] is not None:
                rows = rows[~outside(rows["step"], asked[end])]
        rows = rows[np.argsort(rows["step"], kind="stable")]
        if asked["order"] == "newest":
            rows = rows[::-1]
        return json_answer({"tag": asked["tag"], **_page(shelf, run, rows, asked)})


@api_media.get("/rejected")
def rejected_windows(id_: str) -> Response:
    """List the pictures of what a cascade stage rejected, wrongly rejected faces first."""
    asked = params.query(
        **_PAGE, stage=params.one(needed=True), metadata=params.flag, boxes=params.flag
    )
    shelf = library().shelf(id_)
    with shelf.opened() as run:
        tag = REJECTED + asked["stage"]
        rows = pictures_of(run, tag)
        faces, scores = rejected(run, rows)
        order = np.lexsort((-rows["step"], ~faces))
        found = _page(shelf, run, rows[order], asked)
        begin = asked["offset"]
        for picture, place in zip(found["pictures"], order[begin:], strict=False):
            picture |= {"face": bool(faces[place]), "score": finite_or_none(scores[place])}
        return json_answer({"tag": tag, **found})


@api_media.get("/media/<media>")
def picture(id_: str, media: str) -> Response:
    """Give the bytes of a picture."""
    asked = params.query(v=params.one())
    shelf = library().shelf(id_)
    fixed = asked["v"] is not None and asked["v"] == shelf.identity
    etag = f"{shelf.identity}-{media}"
    if fixed and request.if_none_match.contains(etag):
        answer = Response(status=304)
    else:
        with shelf.opened() as run:
            try:
                found = run.run.media(media)
            except RunLogError as error:
                raise RequestError(404, _public(error, shelf)) from error
        answer = Response(found.encoded, mimetype=f"image/{media_kind('Run.media', found.encoded)}")
    answer.set_etag(etag)
    answer.headers["Cache-Control"] = (
        f"private, max-age={_FOREVER}, immutable" if fixed else "no-cache"
    )
    return answer


@api_media.get("/boxes")
def boxes(id_: str) -> Response:
    """Give the boxes of one picture."""
    media = params.query(media=params.one(needed=True))["media"]
    shelf = library().shelf(id_)
    with shelf.opened() as run:
        try:
            found = run.run.boxes(media)
        except RunLogError as error:
            raise RequestError(404, _public(error, shelf)) from error
    return json_answer({"media": media, "boxes": box_columns(found)})


def rejected(run: Opened, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which rejected windows were faces and their scores, ``(n,)`` each.

    Parameters
    ----------
    run : Opened
    rows : numpy.ndarray
        ``(n,)`` rows of a `monitor.selection.MediaTable`, the pictures of the windows.
    """
    names = list(zip(rows["segment"].tolist(), rows["row"].tolist(), strict=True))
    new = [place for place, name in enumerate(names) if name not in run.faces]
    for place, note in zip(new, noted(run.segments, rows[new], sizes=False), strict=True):
        run.faces[names[place]] = face_and_score(note["metadata"])
    found = [run.faces[name] for name in names]
    return np.array([face for face, _ in found], bool), np.array([score for _, score in found])


def pictures_of(run: Opened, tag: str) -> np.ndarray:
    """Return the rows of a `monitor.selection.MediaTable` that belong to a tag."""
    table = selection.media(run.segments, Cursor())
    return table.rows[table.tags == tag]


def _require(run: Opened, rows: np.ndarray, tag: str) -> None:
    if not len(rows) and run.status not in {"running", "stalled"}:
        raise RequestError(404, f"The run has no pictures {ascii(tag)[:200]}.")


def _page(shelf: Shelf, run: Opened, rows: np.ndarray, asked: dict[str, Any]) -> dict[str, Any]:
    """Return a page of a list of pictures."""
    media = [f"{row['segment']}-{row['row']}" for row in rows]
    end = asked["offset"] + asked["limit"]
    shown = rows[asked["offset"] : end]
    boxes = {
        segment.number: BoxIndex(segment)
        for segment in run.segments
        if segment.number in shown["segment"]
    }
    found = []
    for name, row in zip(media[asked["offset"] : end], shown, strict=True):
        marked = boxes[int(row["segment"])].rows(int(row["row"]))
        found.append(
            {
                "media": name,
                "step": int(row["step"]),
                "time": finite_or_none(row["time"]),
                "kind": MEDIA_NAMES.get(int(row["kind"]), ""),
                "bytes": int(row["length"]),
                "boxes_count": len(marked),
                "url": f"/api/runs/{shelf.id}/media/{name}?v={shelf.identity}",
            }
        )
        if asked["boxes"]:
            found[-1]["boxes"] = box_columns(boxes_of(marked))
    if asked["metadata"]:
        for picture, note in zip(found, noted(run.segments, shown, sizes=True), strict=True):
            picture |= plain(note)
    return {
        "total": len(rows),
        "steps": rows["step"].tolist(),
        "media": media,
        "next": end if end < len(rows) else None,
        "v": shelf.identity,
        "pictures": found,
    }


def _public(error: RunLogError, shelf: Shelf) -> str:
    """Return what an error says without the place of the run on this machine."""
    return str(error).replace(f"{shelf.folder}/", "")
