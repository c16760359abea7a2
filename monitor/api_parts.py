"""Answers about parts of a run: histograms, funnel, queue, layers, notes of the training.

See ``docs/monitor-api.md``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from flask import Blueprint, Response

from monitor import params, selection
from monitor.answers import RequestError, json_answer, plain
from monitor.api_media import REJECTED, pictures_of, rejected
from monitor.api_run import library
from monitor.gauges import gauges, verdict
from monitor.layout import BINS, STEP_LIMIT
from monitor.selection import Cursor
from monitor.shelf import Opened

__all__ = ["api_parts"]

_TEXT_LENGTH = 100_000

api_parts = Blueprint("api_parts", __name__, url_prefix="/api/runs/<id_>")


@api_parts.get("/histograms")
def histograms(id_: str) -> Response:
    """Give the histograms of a tag, evenly chosen."""
    asked = params.query(tag=params.one(needed=True), limit=params.whole(1, 500, 100))
    with library().shelf(id_).opened() as run:
        rows = selection.by_tag(run.segments, "histogram", "hist", Cursor(), tag=asked["tag"])[
            asked["tag"]
        ]
        if not len(rows) and run.status not in {"running", "stalled"}:
            raise RequestError(404, f"The run has no histograms {ascii(asked['tag'])[:200]}.")
    rows = rows[np.argsort(rows["step"], kind="stable")]
    chosen = rows
    if len(rows) > asked["limit"]:
        chosen = rows[np.linspace(0, len(rows) - 1, asked["limit"]).round().astype(int)]
    columns = {name: chosen[name].tolist() for name in ("step", "time", "lowest", "highest")}
    counts = chosen["counts"].tolist()
    return json_answer(
        plain({"tag": asked["tag"], "total": len(rows), "bins": BINS, **columns, "counts": counts})
    )


@api_parts.get("/funnel")
def funnel(id_: str) -> Response:
    """Give what every cascade stage let pass at one step."""
    asked = params.query(step=params.whole(0, STEP_LIMIT - 1, None))
    with library().shelf(id_).opened() as run:
        rows = selection.funnel(run.segments, Cursor())
        steps = np.unique(rows.step).tolist()
        step = asked["step"] if asked["step"] is not None else (steps[-1] if steps else None)
        if asked["step"] is not None and step not in steps:
            raise RequestError(404, f"The run has no funnel at step {step}.")
        # The order of the stages is that of their first use in the whole run.
        order = list(dict.fromkeys(rows.stage.tolist()))
        # The last row of a stage at a step counts.
        last = {rows.stage[n]: n for n in np.flatnonzero(rows.step == step).tolist()}
        stages = [_stage(run, stage, rows, last[stage]) for stage in order if stage in last]
    return json_answer({"steps": steps, "step": step, "stages": stages})


def _stage(run: Opened, stage: str, rows: Any, place: int) -> dict[str, Any]:
    pictures = pictures_of(run, REJECTED + stage)
    return {
        "stage": stage,
        "windows_in": int(rows.windows_in[place]),
        "windows_out": int(rows.windows_out[place]),
        "faces_kept": int(rows.faces_kept[place]),
        "rejected": len(pictures),
        "wrongly_rejected": int(np.count_nonzero(rejected(run, pictures)[0])),
    }


@api_parts.get("/queue")
def queue(id_: str) -> Response:
    """Tell how well the training is fed."""
    params.query()
    with library().shelf(id_).opened() as run:
        return json_answer({"verdict": verdict(run.curves), "gauges": gauges(run.curves)})


@api_parts.get("/architecture")
def architecture(id_: str) -> Response:
    """Give the layers of the net."""
    params.query()
    with library().shelf(id_).opened() as run:
        layers = run.run.architecture
    counts = [layer.get("parameters") for layer in layers]
    total = sum(count for count in counts if isinstance(count, int))
    return json_answer(plain({"layers": layers, "parameters": total}))


@api_parts.get("/texts")
def texts(id_: str) -> Response:
    """Give the notes of the training, oldest first."""
    asked = params.query(offset=params.whole(0, STEP_LIMIT - 1, 0), limit=params.whole(1, 500, 200))
    with library().shelf(id_).opened() as run:
        found = selection.texts(run.segments, Cursor())
    end = asked["offset"] + asked["limit"]
    shown = [
        {**text._asdict(), "text": text.text[:_TEXT_LENGTH]}
        for text in found[asked["offset"] : end]
    ]
    following = end if end < len(found) else None
    return json_answer(plain({"texts": shown, "total": len(found), "next": following}))
