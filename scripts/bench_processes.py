"""What Linux tells about the processes of a server: processor time and memory."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

from augment.server import Server

__all__ = ["PROC", "Clock", "memory", "processes"]

PROC = Path("/proc")
"""Where Linux tells."""


def processes(server: Server) -> dict[str, int]:
    """Return the numbers of the training's process, the assembler's and the workers', by name.

    Empty where the system has no /proc.
    """
    children = PROC / str(server.pid) / "task" / str(server.pid) / "children"
    try:
        workers = [int(word) for word in children.read_text().split()]
    except OSError:
        return {}
    named = {f"worker {number}": pid for number, pid in enumerate(sorted(workers))}
    return {"training": os.getpid(), "assembler": server.pid, **named}


class Clock:
    """Counts the processor time of processes from its making on.

    Parameters
    ----------
    pids
        By name.
    """

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = dict(pids)
        self._started, self._spent = time.perf_counter(), self._seconds()

    def shares(self) -> dict[str, float]:
        """Return the share of a core that each process has used."""
        passed, now = time.perf_counter() - self._started, self._seconds()
        return {name: (now[name] - self._spent[name]) / passed for name in self._pids}

    def _seconds(self) -> dict[str, float]:
        return {name: _cpu_seconds(pid) for name, pid in self._pids.items()}


def _cpu_seconds(pid: int) -> float:
    # The name before the last bracket may hold spaces; utime and stime are fields 14 and 15.
    fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> tuple[float, float]:
    """Return a process's resident memory in MB: all of it, and its share of it.

    Pages that several processes share count as a part in the second number, so that its sum over
    the processes is what they take together.
    """
    sizes = {}
    for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines()[1:]:
        name, size, *_ = line.split()
        sizes[name] = int(size) * 1024 / 1e6
    return sizes["Rss:"], sizes["Pss:"]
