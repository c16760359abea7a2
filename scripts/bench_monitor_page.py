"""Part of `lasagnette bench monitor`: a large run's page, beside TensorBoard with its points."""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from scripts.bench_monitor_runs import TAGS, large_run
from scripts.bench_monitor_server import Browser, Server, cpu_seconds, peak_memory
from scripts.bench_monitor_tensorboard import time_tensorboard
from scripts.bench_part import Part, Verdict, number
from scripts.progress import Progress

__all__ = ["measure_page"]

WIDTH = 1200  # pixels of a chart
FIRST, ZOOM, MEMORY, TIMES = 150.0, 50.0, 300.0, 50.0  # ms, ms, MB, times as fast
ZOOMS = 10
RUN = "large"
PICTURES = 100  # looked at, before the memory is read


class _Visit(NamedTuple):
    """What one browser saw at a server that had just been started; times in milliseconds."""

    page: float
    first: float
    computing: float
    again: float
    zooms: list[float]
    memory: float | None


def measure_page(points: int, pictures: int, rounds: int, tensorboard: str | None) -> Part:
    """Open a run's page, zoom, and look at pictures; each round with a new server.

    Parameters
    ----------
    points
        Of the run, in ten curves.
    pictures
        Of the run.
    rounds
        How often.
    tensorboard
        A Python that has TensorBoard; it loads the same points.
    """
    with tempfile.TemporaryDirectory(prefix="lasagnette-bench-") as place:
        large_run(Path(place, "runs", RUN), points, pictures)
        visits = []
        with Progress(rounds, "pages") as progress:
            for turn in range(rounds):
                with Server(Path(place, "runs")) as server:
                    visits.append(_visit(server, np.random.default_rng(turn), points, pictures))
                progress.advance()
        theirs = time_tensorboard(tensorboard, Path(place, "runs", RUN), Path(place, "events"))
    return _part(points, pictures, rounds, visits, theirs)


def _visit(server: Server, rng: np.random.Generator, points: int, pictures: int) -> _Visit:
    browser = server.browser()
    page = browser.get(f"/run/{RUN}").seconds  # the server's own imports are paid here
    spent = cpu_seconds(server.pid)
    about = browser.get(f"/api/runs/{RUN}")
    curves = _curves(browser)
    computing = cpu_seconds(server.pid) - spent
    found = curves.json()
    assert sum(one["total"] for one in found["series"]) == points // len(TAGS) * len(TAGS)
    again = browser.get(f"/api/runs/{RUN}").seconds + _curves(browser).seconds
    low, high = found["range"]
    zooms = []
    for _ in range(ZOOMS):
        width = (high - low) * 10 ** rng.uniform(-3, 0)
        begin = rng.uniform(low, high - width)
        zooms.append(_curves(browser, ("from", begin), ("to", begin + width)).seconds)
    tag = ("tag", "detections/one")
    listed = browser.get(f"/api/runs/{RUN}/pictures", [tag, ("limit", 100), ("boxes", 1)])
    assert listed.json()["total"] == pictures
    for picture in listed.json()["pictures"][:PICTURES]:
        assert browser.get(picture["url"]).status == 200
    return _Visit(
        1000 * page,
        1000 * (about.seconds + curves.seconds),
        1000 * computing,
        1000 * again,
        [1000 * seconds for seconds in zooms],
        peak_memory(server.pid),
    )


def _curves(browser: Browser, *more: tuple[str, object]) -> Any:
    query = [*(("tag", tag) for tag in TAGS), ("width", WIDTH), *more]
    answer = browser.get(f"/api/runs/{RUN}/series", query)
    assert answer.status == 200, answer.body
    return answer


def _part(
    points: int, pictures: int, rounds: int, visits: list[_Visit], theirs: dict[str, Any]
) -> Part:
    first = median(visit.first for visit in visits)
    zooms = [seconds for visit in visits for seconds in visit.zooms]
    rows = [
        _row("the page itself, first of the server", [visit.page for visit in visits]),
        _row("its first data, nothing read before", [visit.first for visit in visits]),
        _row("... of it the server computed", [visit.computing for visit in visits]),
        _row("the same again", [visit.again for visit in visits]),
        _row("zoom, ten curves", zooms),
    ]
    verdicts = [
        Verdict("first data of the page, median", first, FIRST, most=True, unit=" ms"),
        Verdict("zoom, median", median(zooms), ZOOM, most=True, unit=" ms"),
    ]
    memory = [visit.memory for visit in visits if visit.memory is not None]
    if memory:
        rows.append(_row("memory of the server, MB", memory))
        verdicts.append(Verdict("memory, peak", max(memory), MEMORY, most=True, unit=" MB"))
    notes = [
        (
            f"{number(points)} points in {len(TAGS)} curves, {number(pictures)} pictures; "
            f"charts of {WIDTH} pixels, rounds: {rounds}, each with a new server."
        )
    ]
    for name, seconds in theirs.get("seconds", {}).items():
        rows.append(_row(f"TensorBoard, {name}", [1000 * one for one in seconds]))
    for way, seconds in theirs.get("loads", {}).items():
        what = f"TensorBoard's time to load the points, {way} / our first data"
        verdicts.append(Verdict(what, 1000 * seconds / first, TIMES))
    notes += theirs["notes"]
    return Part(
        "A large run's page: milliseconds",
        ["", "median", "fastest", "slowest"],
        rows,
        verdicts,
        notes,
        numbers={"visits": [visit._asdict() for visit in visits], "tensorboard": theirs},
    )


def _row(name: str, values: list[float]) -> list[str]:
    return [name, *(number(value) for value in (median(values), min(values), max(values)))]
