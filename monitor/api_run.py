"""Answers about one run: what it is, and its curves. See ``docs/monitor-api.md``."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from flask import Blueprint, Response, current_app

from monitor import params, selection, summary
from monitor.answers import RequestError, binary_answer, json_answer, plain
from monitor.curves import AXES, Axis, Curve
from monitor.frame import Frame
from monitor.library import Library
from monitor.marks import checkpoint_marks, marks, not_finite
from monitor.records import Series
from monitor.selection import Cursor
from monitor.shelf import Opened, Shelf
from monitor.views import view

__all__ = ["CSRF", "LIBRARY", "api_run", "library"]

CSRF, LIBRARY = "MONITOR_CSRF", "monitor"
"""Where the application keeps the token that changes need, and the runs."""

_MOST_NEW = 20_000
_CSV_ROWS = 5_000

api_run = Blueprint("api_run", __name__, url_prefix="/api/runs/<id_>")


def library() -> Library:
    """Return the runs that the application serves."""
    found: Library = current_app.extensions[LIBRARY]
    return found


@api_run.get("")
def run(id_: str) -> Response:
    """Describe a run."""
    params.query()
    shelf = library().shelf(id_)
    with shelf.opened() as opened:
        found = _describe(shelf, opened)
    library().tidy()
    return json_answer(plain(found))


@api_run.get("/series")
def series(id_: str) -> Response:
    """Give curves as a chart draws them."""
    asked = params.query(
        tag=params.many(1, 100),
        x=params.choice("step", "epoch", "time"),
        from_=params.number(),
        to=params.number(),
        width=params.whole(1, 10_000, 1000),
        ghosts=params.flag,
        smooth=params.number(0, 1, 0.0),
    )
    shelf = library().shelf(id_)
    with shelf.opened() as run:
        content = _series(run, asked)
    library().tidy()
    return binary_answer(content)


def _series(run: Opened, asked: dict[str, Any]) -> bytes:
    axis: Axis = asked["x"]
    unknown = [tag for tag in asked["tag"] if tag not in run.curves]
    if unknown and run.status not in {"running", "stalled"}:
        raise RequestError(404, f"The run has no curve {ascii(unknown[0])[:200]}.")
    drawn = [(tag, False, run.curves.get(tag)) for tag in asked["tag"]]
    if asked["ghosts"]:
        ghosts = run.curves.ghosts(run.segments)
        drawn += [(tag, True, ghosts.get(tag)) for tag in asked["tag"]]
    frame, described = Frame(), []
    for tag, ghost, curve in drawn:
        if curve is None:
            continue
        columns, counts = view(
            curve, axis, asked["from_"], asked["to"], asked["width"], asked["smooth"]
        )
        described.append(
            {
                "tag": tag,
                "ghost": ghost,
                "exact": "count" not in columns,
                **counts,
                **frame.add(columns),
            }
        )
    header = {
        "cursor": run.cursor,
        "status": run.status,
        "x": axis,
        "range": extent([curve for _, _, curve in drawn if curve is not None], axis),
        "series": described,
    }
    return frame.pack(header)


@api_run.get("/delta")
def delta(id_: str) -> Response:
    """Give what has come since an earlier answer, or 304."""
    asked = params.query(cursor=params.one(needed=True), tag=params.many())
    shelf = library().shelf(id_)
    with shelf.opened() as run:
        if asked["cursor"] == run.cursor:
            return Response(status=304)
        return Response(_delta(shelf, run, asked), mimetype="application/octet-stream")


def _delta(shelf: Shelf, run: Opened, asked: dict[str, Any]) -> bytes:
    since, tags, same = _parse_cursor(asked["cursor"], shelf)
    resumed = selection.resumed_from(run.segments, since)
    rows = sum(len(s.rows("events")) - since.read(s, "events") for s in run.segments)
    same = same and since.within(run.curves.cursor)
    reset = not same or resumed is not None or rows > _MOST_NEW
    header: dict[str, Any] = {
        "cursor": run.cursor,
        "status": run.status,
        **summary.pace(run.curves, summary.plan(shelf.info), running=run.status == "running"),
        "updated": shelf.updated,
        "problems": sum(len(segment.problems) for segment in run.segments),
        "reset": reset,
        "masked_from": resumed if same else None,
        "new_tags": reset or tags != _parse_cursor(run.cursor, shelf)[1],
    }
    frame = Frame()
    if reset:
        news: dict[str, Any] = {"series": [], "pictures": {}, "histograms": {}, "checkpoints": []}
        return frame.pack({**header, **news, "texts": 0, "funnel": 0})
    points = selection.curves(run.segments, since)
    spreads = selection.by_tag(run.segments, "histogram", "hist", since)
    news = {
        "series": [
            {"tag": tag, **frame.add(found._asdict())}
            for tag, found in points.items()
            if not asked["tag"] or tag in asked["tag"]
        ],
        "pictures": dict(Counter(selection.media(run.segments, since).tags.tolist())),
        "histograms": {tag: len(found) for tag, found in spreads.items()},
        "checkpoints": checkpoint_marks(run.segments, run.curves, since),
        **{
            table: sum(len(s.rows(table)) - since.read(s, table) for s in run.segments)
            for table in ("texts", "funnel")
        },
    }
    return frame.pack({**header, **news})


def _parse_cursor(text: str, shelf: Shelf) -> tuple[Cursor, int, bool]:
    """Return position and number of tags that a cursor names, and whether it is of this run."""
    try:
        position, tags, _, identity = text.rsplit("-", 3)
        if not tags.isdecimal() or len(text) > 200:
            raise ValueError
        return Cursor.parse(position), int(tags), identity == shelf.identity
    except ValueError:
        raise RequestError(400, "cursor is not that of an earlier answer; ask without.") from None


@api_run.get("/csv")
def csv_file(id_: str) -> Response:
    """Give all points of curves as a CSV file."""
    asked = params.query(tag=params.many())
    shelf = library().shelf(id_)
    with shelf.opened() as run:
        # Points are only ever added behind these, so they may be read without the lock.
        found = {tag: curve.points() for tag, curve in run.curves.items()}
    unknown = [tag for tag in asked["tag"] if tag not in found]
    if unknown:
        raise RequestError(404, f"The run has no curve {ascii(unknown[0])[:200]}.")
    chosen = {tag: found[tag] for tag in asked["tag"] or found}
    answer = Response(_csv(chosen), mimetype="text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="{shelf.id}.csv"'
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _csv(curves: dict[str, Series]) -> Iterator[str]:
    yield "tag,step,epoch,time,value\r\n"
    for tag, points in curves.items():
        # A spreadsheet would take such a name for a formula.
        name = "'" + tag if tag[0] in "=+-@" else tag
        for start in range(0, len(points.step), _CSV_ROWS):
            part = [column[start : start + _CSV_ROWS].tolist() for column in points]
            text = io.StringIO()
            csv.writer(text).writerows(
                (name, int(step), "" if math.isnan(epoch) else epoch, time, value)
                for step, epoch, time, value in zip(*part, strict=True)
            )
            yield text.getvalue()


def _describe(shelf: Shelf, run: Opened) -> dict[str, Any]:
    ghosts = run.curves.ghosts(run.segments)
    spreads = selection.by_tag(run.segments, "histogram", "hist", Cursor())
    pictures = selection.media(run.segments, Cursor())
    return {
        **shelf.full_row(run),
        "info": shelf.info,
        "curves": [
            {
                "tag": tag,
                "count": len(curve),
                "last": summary.last_value(curve),
                "best": best._asdict() if (best := summary.best_point(tag, curve)) else None,
                "goal": summary.goal(tag),
                "not_finite": sum(stretch["count"] for stretch in not_finite(curve)),
                "ghosts": len(ghosts.get(tag, ())),
            }
            for tag, curve in run.curves.items()
        ],
        "pictures": [
            _steps(tag, pictures.rows["step"][pictures.tags == tag])
            for tag in dict.fromkeys(pictures.tags.tolist())
        ],
        "histograms": [_steps(tag, rows["step"]) for tag, rows in spreads.items()],
        "stages": list(dict.fromkeys(selection.funnel(run.segments, Cursor()).stage.tolist())),
        "texts": sum(int(np.count_nonzero(s.rows("texts")["time"])) for s in run.segments),
        "layers": len(run.run.architecture),
        "marks": marks(run.segments, run.curves),
        "span": {axis: extent(run.curves.values(), axis) for axis in AXES},
        "cursor": run.cursor,
    }


def _steps(tag: str, steps: np.ndarray) -> dict[str, Any]:
    return {"tag": tag, "count": len(steps), "first": int(steps.min()), "last": int(steps.max())}


def extent(curves: Iterable[Curve], axis: Axis) -> list[float] | None:
    """Return the lowest and the highest position of curves on an axis; None without points."""
    places = [curve.along(axis)[0] for curve in curves]
    ends = [(place[0], place[-1]) for place in places if len(place)]
    if not ends:
        return None
    return [float(min(low for low, _ in ends)), float(max(high for _, high in ends))]
