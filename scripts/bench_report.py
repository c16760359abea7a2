"""What `lasagnette bench` measured, as a table and as JSON, with the facts of the machine."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

__all__ = ["SIDES", "Case", "as_dict", "load_average", "machine", "print_table"]

SIDES = {"lasagnette": "lasagnette", "torch": "PyTorch", "numpy": "NumPy kernels"}
"""What is timed, and how the report calls it."""


@dataclass(frozen=True)
class Case:
    """One pass of one net.

    Attributes
    ----------
    net, kind
        Name of the net; "forward" or "training".
    batch
        Images in a batch.
    threads
        Of our side and PyTorch's; the NumPy kernels have one.
    rounds
        Milliseconds of a pass by side: one median per round.
    """

    net: str
    kind: str
    batch: int
    threads: int
    rounds: dict[str, list[float]]

    def milliseconds(self, side: str) -> float | None:
        """Return the median over the rounds, None where `side` was not timed."""
        return median(self.rounds[side]) if side in self.rounds else None

    @property
    def ratio(self) -> float | None:
        """Our time divided by PyTorch's."""
        ours, theirs = self.milliseconds("lasagnette"), self.milliseconds("torch")
        return None if ours is None or theirs is None else ours / theirs


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


def as_dict(facts: dict[str, Any], sides: dict[str, Any], cases: list[Case]) -> dict[str, Any]:
    """Return everything that was measured, ready for JSON."""
    return {
        "machine": facts,
        "sides": sides,
        "cases": [
            {
                "net": case.net,
                "pass": case.kind,
                "batch": case.batch,
                "threads": case.threads,
                "ms": {side: case.milliseconds(side) for side in case.rounds},
                "ratio": case.ratio,
                "rounds": case.rounds,
            }
            for case in cases
        ],
    }


def print_table(facts: dict[str, Any], sides: dict[str, Any], cases: list[Case]) -> None:
    """Write medians and ratios to stdout, and below them what they were measured with."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(
        title="Milliseconds per batch",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),  # narrow enough for a terminal of 80 columns
        pad_edge=False,
    )
    for heading in ("net", "pass"):
        table.add_column(heading, no_wrap=True)
    shown = [side for side in SIDES if side in sides]
    headings = ["ours", *(SIDES[side] for side in shown[1:])]
    if "torch" in shown:
        headings.insert(2, "ratio")
    for heading in ("batch", "threads", *headings):
        table.add_column(heading, justify="right")
    for case in cases:
        numbers = [_number(case.milliseconds(side)) for side in shown]
        if case.ratio is not None:
            numbers.insert(2, f"{case.ratio:.2f}")
        table.add_row(case.net, case.kind, str(case.batch), str(case.threads), *numbers)
    # A pipe has no width of its own; the table shall not be folded there.
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 100, highlight=False)
    console.print(table)
    console.print(
        f"{facts['processor']}, {facts['cores']} cores, {facts['system']}; load average "
        f"{facts['load_before']} before, {facts['load_after']} after; "
        f"medians, rounds: {facts['rounds']}.",
        soft_wrap=True,
    )
    for side in shown:
        console.print(f"{SIDES[side]}: {_sentence(sides[side])}", soft_wrap=True, markup=False)


def _number(milliseconds: float | None) -> str:
    return "" if milliseconds is None else f"{milliseconds:.{2 if milliseconds < 100 else 1}f}"


def _sentence(facts: dict[str, Any]) -> str:
    """Put the facts of a side into a line."""
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    compiled = f"backend {facts['backend']}, " if "backend" in facts else ""
    return f"{compiled}{facts['instructions']}, {facts['device']}; {versions}"
