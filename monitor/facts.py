"""What ``run.json`` says: how a run came to be."""

from __future__ import annotations

import os
import platform
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from monitor.layout import FORMAT

__all__ = ["gather", "versions", "write_once"]

_PACKAGES = ("lasagnette", "pytensor", "numba", "jax", "numpy", "h5py", "opencv-python")


def gather(config: dict[str, Any], command: Sequence[str] | None) -> dict[str, Any]:
    """Return the facts about the run that begins now.

    Parameters
    ----------
    config : dict
        The run's settings.
    command : sequence of str or None
        The command line; None stands for this process's own.
    """
    return {
        "format": FORMAT,
        "command": list(sys.argv if command is None else command),
        "config": config,
        "versions": versions(),
        "git": _git_commit(),
        "host": socket.gethostname(),
        "folder": os.getcwd(),
        "started": time.time(),
    }


def write_once(path: Path, content: str) -> None:
    """Write a text unless the file exists; readers never see half of it."""
    if path.exists():
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_text(content, encoding="utf-8")
    temporary.replace(path)


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that compute."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _git_commit() -> str | None:
    """Return the commit of the checkout that the process works in, if it works in one."""
    try:
        answer = subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()
