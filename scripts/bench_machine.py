"""What every benchmark reports beside its numbers: the facts of the machine, on a console."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = ["console", "load_average", "machine", "machine_line", "new_table", "versions_line"]


def machine() -> dict[str, Any]:
    """Return what the times depend on: processor, cores that may be used, system."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": _processor(),
        "cores": cores,
        "system": f"{platform.system()} {platform.machine()}",
    }


def load_average() -> float | None:
    """Return the number of processes that wanted to run, over the last minute."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def machine_line(facts: dict[str, Any]) -> str:
    """Put `machine`, and the load averages ``load_before`` and ``load_after``, into a line."""
    return (
        f"{facts['processor']}, {facts['cores']} cores, {facts['system']}; load average "
        f"{facts['load_before']} before, {facts['load_after']} after"
    )


def versions_line(versions: dict[str, str]) -> str:
    """Put names and versions of packages into a line."""
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def console() -> Console:
    """Return the console of the results: stdout."""
    from rich.console import Console

    # A pipe has no width of its own; tables shall not be folded there.
    return Console(file=sys.stdout, width=None if sys.stdout.isatty() else 100, highlight=False)


def new_table(title: str) -> Table:
    """Return an empty table that is narrow enough for a terminal of 80 columns."""
    from rich import box
    from rich.table import Table

    return Table(
        title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False
    )
