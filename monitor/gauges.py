"""How well a training is fed: the gauges of its queues and one plain verdict."""

from __future__ import annotations

from typing import Any

import numpy as np

from monitor.curves import Curve, Curves
from monitor.summary import finite_or_none, last_value

__all__ = ["gauges", "role", "verdict"]

WINDOW_SECONDS = 60.0
STARVED_FROM = 0.05

_WAIT, _SHARE = "train/wait", "queue/waited"
_PREFIXES = ("queue/", "worker/", "workers/", "cache/", "server/", "augment/")
_ROLES = {
    "depth": ("pieces", "batches", "depth"),
    "rate": ("rate", "per_second", "speed", "throughput"),
    "wait": ("wait",),
    "cache": ("cache",),
}


def role(tag: str) -> str:
    """Return what a gauge tells: "depth", "rate", "wait", "cache" or "other"."""
    for name, words in _ROLES.items():
        if any(word in tag for word in words):
            return name
    return "other"


def gauges(curves: Curves) -> list[dict[str, Any]]:
    """Return the curves that are gauges of queues: `tag`, `role`, `last` and `time`."""
    return [
        {
            "tag": tag,
            "role": role(tag),
            "last": last_value(curve),
            "time": finite_or_none(curve.points().time[-1]),
        }
        for tag, curve in curves.items()
        if tag == _WAIT or tag.startswith(_PREFIXES)
    ]


def verdict(curves: Curves) -> dict[str, Any]:
    """Return how much of the last minute of a training was spent waiting for data.

    Returns
    -------
    dict
        `kind` ("starved", "fed" or "unknown"), `share` from 0 to 1 or None, `seconds` that were
        looked at, `source` (the curve, or None) and `sentence`.
    """
    source = next((tag for tag in (_WAIT, _SHARE) if tag in curves), None)
    share, seconds = (None, None) if source is None else _waited(curves[source], source)
    if share is None or seconds is None:
        kind, sentence = "unknown", "it is not known how long the training waited"
    else:
        kind = "starved" if share >= STARVED_FROM else "fed"
        sentence = f"{kind if kind == 'starved' else 'waiting'} {share:.0%} of ".replace("%", " %")
        sentence += "the last minute" if seconds > 50 else f"the last {seconds:.0f} s"
    return {
        "kind": kind,
        "share": share,
        "seconds": seconds,
        "source": source,
        "sentence": sentence,
    }


def _waited(curve: Curve, source: str) -> tuple[float | None, float | None]:
    """Return the share of time waited, and the length of the time looked at in seconds."""
    time, points = curve.along("time")
    finite = np.isfinite(points.value)
    time, value = time[finite], points.value[finite]
    if len(time) < 2:
        return None, None
    begin = int(np.searchsorted(time, time[-1] - WINDOW_SECONDS, "left"))
    begin = min(begin, len(time) - 2)
    # Each point tells of the time since the one before it, so the first only marks a beginning.
    spans, value = np.diff(time[begin:]), value[begin + 1 :]
    seconds = float(spans.sum())
    if not seconds > 0:
        return None, None
    waited = value if source == _WAIT else value * spans
    return float(np.clip(waited.sum() / seconds, 0, 1)), seconds
