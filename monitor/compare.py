"""Runs side by side: what was set otherwise, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from monitor import summary
from monitor.shelf import Shelf

__all__ = ["comparison", "flat"]

_DEPTH = 12
_KEYS = 2000


def comparison(shelves: Sequence[Shelf], baseline: str) -> dict[str, Any]:
    """Return settings and results of runs, as ``docs/monitor-api.md`` describes it.

    Parameters
    ----------
    shelves : sequence of Shelf
        The runs.
    baseline : str
        Id of the one that the others are measured against.
    """
    rows, results = [], []
    for shelf in shelves:
        with shelf.opened() as run:
            row = shelf.full_row(run)
            found = {
                tag: (summary.best_point(tag, curve), summary.last_value(curve))
                for tag, curve in run.curves.items()
            }
        rows.append({key: row[key] for key in ("id", "name", "status", "step", "epoch", "started")})
        results.append(found)
    base = [shelf.id for shelf in shelves].index(baseline)
    tags = dict.fromkeys(tag for found in results for tag in found)
    return {
        "baseline": baseline,
        "runs": rows,
        "config": _differences([shelf.info.get("config") for shelf in shelves]),
        "curves": [_results(tag, [found.get(tag) for found in results], base) for tag in tags],
    }


def flat(config: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Yield the settings in nested dicts, each with its path: names with dots between them.

    >>> list(flat({"net": "net12", "settings": {"seed": 1}}))
    [('net', 'net12'), ('settings.seed', 1)]
    """
    if isinstance(config, dict) and depth < _DEPTH:
        for key, value in config.items():
            yield from flat(value, f"{path}.{key}" if path else str(key), depth + 1)
    elif path:
        yield path, config


def _differences(configs: Sequence[Any]) -> list[dict[str, Any]]:
    flats = [dict(flat(config)) for config in configs]
    keys = list(dict.fromkeys(key for found in flats for key in found))[:_KEYS]
    rows = []
    for key in keys:
        texts = {json.dumps(found[key], sort_keys=True) if key in found else "" for found in flats}
        values = [found.get(key) for found in flats]
        rows.append({"key": key, "values": values, "differs": len(texts) > 1})
    return sorted(rows, key=lambda row: not row["differs"])


def _results(
    tag: str, found: Sequence[tuple[summary.Best | None, float | None] | None], base: int
) -> dict[str, Any]:
    best = [one[0].value if one and one[0] else None for one in found]
    last = [one[1] if one else None for one in found]
    return {
        "tag": tag,
        "goal": summary.goal(tag),
        "best": best,
        "last": last,
        "delta_best": [_minus(value, best[base]) for value in best],
        "delta_last": [_minus(value, last[base]) for value in last],
    }


def _minus(value: float | None, other: float | None) -> float | None:
    return None if value is None or other is None else summary.finite_or_none(value - other)
