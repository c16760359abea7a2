"""How `lasagnette detect` writes what it found: JSON lines, CSV, FDDB's text."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from scripts.fddb_text import write_results

if TYPE_CHECKING:
    from cascade.detector import Detection
    from scripts.detect_sources import Shot

__all__ = [
    "FORMATS",
    "PIXEL_DIGITS",
    "SCORE_DIGITS",
    "csv_header",
    "funnel_line",
    "place_of",
    "printable",
    "sentence",
]

PIXEL_DIGITS, SCORE_DIGITS, TIME_DIGITS = 2, 4, 3


def sentence(shot: Shot, error: Exception) -> str:
    """Why a source failed, with its name."""
    name = shot.source.name
    return str(error) if name in str(error) else f"{name}: {error}"


def _json_lines(shot: Shot, found: Detection | Exception, moving: bool) -> str:
    """One object per photograph, frame or failure."""
    if isinstance(found, Exception):
        return json.dumps({"file": shot.source.name, "error": sentence(shot, found)}) + "\n"
    rows, columns = shot.size
    line: dict[str, Any] = {"file": shot.source.name, **place_of(shot)}
    line |= {"width": columns, "height": rows, "faces": _faces(found)}
    return json.dumps(line) + "\n"


def _csv_lines(shot: Shot, found: Detection | Exception, moving: bool) -> str:
    """One line per face."""
    if isinstance(found, Exception):
        return ""
    place = (list(place_of(shot).values()) or ["", ""]) if moving else []
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for face in _faces(found):
        writer.writerow([printable(shot.source.name), *place, *face.values()])
    return text.getvalue()


def csv_header(moving: bool) -> str:
    """The first line; with videos or a camera among the sources, a face has a frame and a time."""
    place = ["frame", "time"] if moving else []
    return ",".join(["file", *place, "x", "y", "width", "height", "score"]) + "\n"


def _fddb_text(shot: Shot, found: Detection | Exception, moving: bool) -> str:
    """A photograph's name without its ending, the number of faces, a line for each."""
    if isinstance(found, Exception):
        return ""
    text = io.StringIO()
    name = PurePath(shot.source.name).with_suffix("").as_posix()
    write_results(text, printable(name), found.boxes.tolist(), found.scores.tolist())
    return text.getvalue()


FORMATS: dict[str, Callable[[Shot, Detection | Exception, bool], str]] = {
    "jsonl": _json_lines,
    "csv": _csv_lines,
    "fddb": _fddb_text,
}
"""By name: what is written for a shot, given what was found and whether any source is a video."""


def funnel_line(shot: Shot, found: Detection) -> str:
    """How many frames every step of the cascade left over, as a line of JSON."""
    line: dict[str, Any] = {"file": shot.source.name, **place_of(shot)}
    if found.trace is not None:
        line["windows"] = found.trace.windows
        line["steps"] = {step.stage: len(step.frames) for step in found.trace.steps}
    return json.dumps(line) + "\n"


def place_of(shot: Shot) -> dict[str, Any]:
    """Where in a video a frame is; nothing for a photograph."""
    if shot.frame is None:
        return {}
    return {"frame": shot.frame, "time": round(shot.time, TIME_DIGITS)}


def _faces(detection: Detection) -> list[dict[str, float]]:
    return [
        {
            "x": round(x, PIXEL_DIGITS),
            "y": round(y, PIXEL_DIGITS),
            "width": round(width, PIXEL_DIGITS),
            "height": round(height, PIXEL_DIGITS),
            "score": round(score, SCORE_DIGITS),
        }
        for (x, y, width, height), score in zip(
            detection.boxes.tolist(), detection.scores.tolist(), strict=True
        )
    ]


def printable(name: str) -> str:
    """A file's name as text; bytes of it that are no UTF-8 are spelled out."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
