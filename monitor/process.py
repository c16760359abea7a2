"""Processes: how children are started, and whether the process that wrote a file still lives."""

from __future__ import annotations

import json
import os
import socket
import sys
from pathlib import Path
from typing import NamedTuple

__all__ = ["Process", "child_command"]

_CHILD = (
    "import json, sys; sys.path[:] = json.loads(sys.argv.pop(1)); "
    "from importlib import import_module; import_module(sys.argv.pop(1)).main(sys.argv[1:])"
)


def child_command(module: str, *arguments: str) -> list[str]:
    """Return a command line that calls `main(arguments)` of a module in a fresh interpreter.

    The child gets this process's module search path but never imports its main script, so a plain
    script needs no ``if __name__ == "__main__":`` guard, and nothing is pickled.
    """
    return [sys.executable, "-P", "-c", _CHILD, json.dumps(sys.path), module, *arguments]


class Process(NamedTuple):
    """A process, told from a later one that got the same number.

    Attributes
    ----------
    pid : int
        Process number.
    started : int
        Start time in clock ticks since boot; 0 if unknown.
    boot, namespace : str
        Boot id of the machine and the namespace in which `pid` counts; empty if unknown.
    host : str
        Host name.
    """

    pid: int
    started: int
    boot: str
    namespace: str
    host: str

    @classmethod
    def current(cls) -> Process:
        """Return the identity of the calling process."""
        pid = os.getpid()
        return cls(pid, _state(pid)[1], _boot(), _namespace(), socket.gethostname())

    @classmethod
    def parse(cls, text: str | bytes) -> Process:
        """Return the identity that `text` holds.

        Raises
        ------
        ValueError
            If the text is not what `dump` wrote.
        """
        try:
            fields = json.loads(text)
            return cls(
                int(fields["pid"]),
                int(fields["started"]),
                str(fields["boot"]),
                str(fields["namespace"]),
                str(fields["host"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"No process is described by {text!r}.") from error

    def dump(self) -> str:
        """Return the identity as JSON."""
        return json.dumps(self._asdict())

    def alive(self) -> bool | None:
        """Tell whether the process runs; None if that cannot be seen from here.

        It cannot be seen for a process of another machine or container, nor without ``/proc``.
        """
        if not self.boot or not _boot():
            return None
        if (self.boot, self.namespace) == (_boot(), _namespace()):
            state, started = _state(self.pid)
            return state not in "ZX" and started == self.started
        if self.host == socket.gethostname() and self.boot != _boot():
            return False  # the machine was started anew since
        return None


def _state(pid: int) -> tuple[str, int]:
    """Return the state letter and start time of a process; ("X", 0) if there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "X", 0
    fields = text.rpartition(")")[2].split()  # the name before may hold spaces and brackets
    return fields[0], int(fields[19])


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _namespace() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""
