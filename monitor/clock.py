"""The time of a run's rows: it never goes back, though the machine's clock may."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from monitor.layout import segment_paths

__all__ = ["ahead_of_ticks", "ticks"]

# Linux has a clock that goes on while the machine sleeps.
ticks: Callable[[], float] = (
    partial(time.clock_gettime, time.CLOCK_BOOTTIME)
    if hasattr(time, "CLOCK_BOOTTIME")
    else time.monotonic
)
"""Seconds since some moment; nobody can set this clock."""


def ahead_of_ticks(folder: Path) -> float:
    """Return what makes `ticks` seconds since 1970, for a run that begins or goes on now.

    If the clock stands before the last write to the run in `folder`, it was set back since; the
    rows then go on from that moment.
    """
    try:
        written = [path.stat().st_mtime for path in segment_paths(folder)[-1:]]
    except OSError:  # whoever is to write there finds out and says so
        written = []
    return max([time.time(), *written]) - ticks()
