"""Ways of doing the same that are timed in turns, so that a slow minute falls on none alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from scripts.progress import Progress

__all__ = ["in_turns"]


def in_turns(ways: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Time every way once in a round.

    Parameters
    ----------
    ways
        By name. Each is called once before the clock runs, too.
    rounds
        Their number.

    Returns
    -------
    dict
        Seconds by name, one number for each round.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    with Progress((rounds + 1) * len(ways), "in turns") as progress:
        for turn in range(rounds + 1):
            for name, way in ways.items():
                progress.advance(0, name)
                started = time.perf_counter()
                way()
                if turn:
                    seconds[name].append(time.perf_counter() - started)
                progress.advance()
    return seconds
