"""Which of a run's curves are drawn together, and along which axis."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

import numpy as np

from monitor.records import Series
from monitor.runlog import Run
from monitor.smooth import ema
from scripts.errors import RunError

__all__ = ["AXES", "Curve", "Panel", "chosen_tags", "panels"]

AXES = ("step", "epoch", "time")
MAIN = ("loss", "accuracy")  # what is drawn unless something is asked for
MOST = 3  # panels, unless something is asked for
SIDES = frozenset({"train", "training", "valid", "validation", "val", "test", "eval"})


class Curve(NamedTuple):
    """A curve's finite points by rising x, ``(n,)`` float64 each; `x` may hold equal values.

    Attributes
    ----------
    tag : str
    x, y : numpy.ndarray
    lost : int
        How many points are not finite.
    smooth : numpy.ndarray or None
        The exponential average at the points.
    """

    tag: str
    x: np.ndarray
    y: np.ndarray
    lost: int
    smooth: np.ndarray | None


class Panel(NamedTuple):
    """Curves that share their axes."""

    name: str
    curves: list[Curve]


def chosen_tags(run: Run, patterns: Sequence[str]) -> list[str]:
    """Return the tags that fit one of the patterns, as in file names; all without a pattern.

    Raises
    ------
    RunError
        If nothing fits a pattern.
    """
    known = run.tags
    for pattern in patterns:
        if not any(fnmatchcase(tag, pattern) for tag in known):
            names = ", ".join(known) or "none"
            raise RunError(f"run {run.name} has no curve {pattern!r}; it has {names}")
    return [
        tag
        for tag in known
        if not patterns or any(fnmatchcase(tag, pattern) for pattern in patterns)
    ]


def panels(
    run: Run,
    patterns: Sequence[str] = (),
    *,
    along: str = "step",
    begin: int = 0,
    smoothing: float = 0.0,
    log: bool = False,
) -> list[Panel]:
    """Return a run's curves; those of training and validation together.

    Parameters
    ----------
    run : Run
    patterns : sequence of str
        See `chosen_tags`; without one, losses and accuracies.
    along : str
        One of `AXES`; "time" is in seconds since the run's first point.
    begin : int
        Steps before it are cut off.
    smoothing : float
        Weight of the exponential average's past, from 0 (none) to below 1.
    log : bool
        Leave points out that are not above 0.

    Raises
    ------
    RunError
        If nothing fits a pattern, or no point is left to be drawn.
    """
    tags = chosen_tags(run, patterns)
    groups: dict[str, list[str]] = {}
    for tag in tags:
        groups.setdefault(_subject(tag), []).append(tag)
    if not patterns:
        main = [name for name in groups if any(word in name.lower() for word in MAIN)]
        groups = {name: groups[name] for name in (main or list(groups))[:MOST]}
    series = {tag: run.scalars(tag) for names in groups.values() for tag in names}
    start = min((float(one.time[0]) for one in series.values() if len(one.time)), default=0.0)
    found = []
    for name, names in groups.items():
        curves = [_curve(tag, series[tag], along, start, begin, smoothing, log) for tag in names]
        if curves := [curve for curve in curves if curve.x.size]:
            found.append(Panel(name, curves))
    if not found:
        raise RunError(f"run {run.name} has no points to draw along the {along}")
    return found


def _curve(
    tag: str,
    series: Series,
    along: str,
    start: float,
    begin: int,
    smoothing: float,
    log: bool,
) -> Curve:
    x = np.asarray(getattr(series, along), float)
    if along == "time":
        x = x - start
    order = np.argsort(x, kind="stable")
    order = order[np.isfinite(x[order]) & (series.step[order] >= begin)]
    y = series.value[order]
    good = np.isfinite(y)
    lost = int(np.count_nonzero(~good))
    if log:
        good &= y > 0
    x, y = x[order][good], y[good]
    return Curve(tag, x, y, lost, ema(y, smoothing) if smoothing else None)


def _subject(tag: str) -> str:
    """Return what a curve shows, without the word that tells training from validation."""
    words = tag.split("/")
    if len(words) > 1 and words[0].lower() in SIDES:
        return "/".join(words[1:])
    if len(words) > 1 and words[-1].lower() in SIDES:
        return "/".join(words[:-1])
    return tag
