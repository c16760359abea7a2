"""What a list of runs says about each: how far it is, how good it was, how long it will take."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from monitor.curves import Curve, Curves
from monitor.reader import Run
from monitor.reduce import reduce_minmax

__all__ = [
    "Best",
    "Plan",
    "best_point",
    "figures",
    "finite_or_none",
    "goal",
    "last_value",
    "plan",
    "progress",
    "started",
    "summarise",
]

_SPARK = 60
_FIRST_CHOICES = ("valid/balanced_accuracy", "valid/accuracy")
_LATER_CHOICES = ("train/accuracy", "train/loss")


class Best(NamedTuple):
    """The best point of a curve; `epoch` is None where none was logged."""

    value: float
    step: int
    epoch: float | None


class Plan(NamedTuple):
    """How long a run is to go on, by its settings; None where they do not say."""

    epochs: int | None
    steps: int | None


def goal(tag: str) -> str:
    """Return "min" for curves that are better the lower they are, "max" for others.

    >>> goal("valid/loss"), goal("valid/accuracy")
    ('min', 'max')
    """
    return "min" if "loss" in tag.lower() or "error" in tag.lower() else "max"


def best_point(tag: str, curve: Curve) -> Best | None:
    """Return the best finite point of a curve, the first of equal ones; None without any."""
    points = curve.points()
    finite = np.isfinite(points.value)
    if not finite.any():
        return None
    lowest = goal(tag) == "min"
    worst = np.inf if lowest else -np.inf
    values = np.where(finite, points.value, worst)
    place = int(np.argmin(values) if lowest else np.argmax(values))
    epoch = finite_or_none(points.epoch[place])
    return Best(float(points.value[place]), int(points.step[place]), epoch)


def last_value(curve: Curve) -> float | None:
    """Return the value logged last; None if it is not finite."""
    return finite_or_none(curve.points().value[-1])


def plan(info: Mapping[str, Any]) -> Plan:
    """Return how long a run is to go on, from the content of its ``run.json``.

    The settings `epochs` and `steps` are looked for in the configuration and in its `settings`.
    """
    return Plan(*(_whole(_setting(info, name)) for name in ("epochs", "steps")))


def progress(points: Any, planned: Plan) -> np.ndarray | None:
    """Return how much of a run was done at points: ``(n,)`` from 0 to 1; None if not planned."""
    if planned.epochs and np.isfinite(points.epoch[-1:]).all():
        done = points.epoch / planned.epochs
    elif planned.steps:
        done = (points.step + 1) / planned.steps
    else:
        return None
    return np.clip(done, 0, 1)


def figures(curves: Curves, planned: Plan, *, running: bool) -> dict[str, Any]:
    """Return the fields of a run's summary that come from its curves.

    Returns
    -------
    dict
        `step`, `epoch`, `progress`, `eta` (seconds), `best`, `last`, `spark` as in
        ``docs/monitor-api.md``.
    """
    found = {
        **pace(curves, planned, running=running),
        "last": {tag: last_value(curve) for tag, curve in curves.items()},
        "best": None,
        "spark": None,
    }
    if not curves:
        return found
    tag = _main_tag(list(curves))
    best = best_point(tag, curves[tag])
    if best is not None:
        found["best"] = {"tag": tag, **best._asdict(), "goal": goal(tag)}
    tag = next((name for name in ("train/loss", *curves) if name in curves and "loss" in name), tag)
    found["spark"] = {"tag": tag, "values": _spark(curves[tag])}
    return found


def pace(curves: Curves, planned: Plan, *, running: bool) -> dict[str, Any]:
    """Return how far a run is: `step`, `epoch`, `progress` and `eta` (seconds) of its summary."""
    found: dict[str, Any] = dict.fromkeys(("step", "epoch", "progress", "eta"))
    if curves:
        longest = max(curves.values(), key=len).points()
        done = progress(longest, planned)
        found["step"] = int(max(curve.points().step[-1] for curve in curves.values()))
        found["epoch"] = finite_or_none(longest.epoch[-1])
        if done is not None:
            found["progress"] = float(done[-1])
            found["eta"] = _seconds_left(longest.time, done) if running else None
    return found


def summarise(run: Run) -> dict[str, Any]:
    """Return what a list says about a run; it reads the whole run.

    Returns
    -------
    dict
        `status`, `started` (seconds since 1970, or None), `net`, `epochs` and `steps` planned,
        `problems`, and what `figures` returns.
    """
    info, (status, segments) = run.info, run.look()
    curves = Curves()
    curves.read_on(segments)
    planned = plan(info)
    return {
        "status": status,
        "started": started(info),
        "net": net(info),
        **planned._asdict(),
        **figures(curves, planned, running=status == "running"),
        "problems": [problem for segment in segments for problem in segment.problems],
    }


def started(info: Mapping[str, Any]) -> float | None:
    """Return when a run began, by its ``run.json``: seconds since 1970, or None."""
    time = info.get("started")
    return finite_or_none(time) if isinstance(time, int | float) else None


def net(info: Mapping[str, Any]) -> str | None:
    """Return the name of the net by a run's ``run.json``, or None."""
    name = _setting(info, "net")
    return name if isinstance(name, str) else None


def finite_or_none(number: Any) -> float | None:
    """Return a number as a float; None if it is not finite."""
    try:
        value = float(number)
    except (TypeError, ValueError, OverflowError):
        return None
    return value if math.isfinite(value) else None


def _setting(info: Mapping[str, Any], name: str) -> Any:
    config = info.get("config")
    config = config if isinstance(config, dict) else {}
    settings = config.get("settings")
    return (settings if isinstance(settings, dict) else {}).get(name, config.get(name))


def _whole(value: Any) -> int | None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 0 < value < 1 << 53 else None


def _main_tag(tags: list[str]) -> str:
    """Return the curve whose best value is worth telling."""
    choices = [
        *_FIRST_CHOICES,
        *(tag for tag in tags if tag.startswith("valid/")),
        *_LATER_CHOICES,
        *tags,
    ]
    return next(tag for tag in choices if tag in tags)


def _spark(curve: Curve) -> list[float | None]:
    """Return some values of a curve to draw it small, with four digits."""
    x, points = curve.along("step")
    value = np.where(np.isfinite(points.value), points.value, np.nan)
    means = reduce_minmax(x, value, _SPARK).mean.tolist()
    return [None if math.isnan(mean) else float(f"{mean:.4g}") for mean in means]


def _seconds_left(time: np.ndarray, done: np.ndarray) -> float | None:
    """Return the time to the end at the pace of the last quarter of the points."""
    begin = max(0, len(done) - max(len(done) // 4, 50))
    share, seconds = done[-1] - done[begin], time[-1] - time[begin]
    if not (share > 0 and seconds > 0):  # at the beginning, or the clock was put back
        return None
    return finite_or_none((1 - done[-1]) * seconds / share)
