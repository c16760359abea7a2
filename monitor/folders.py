"""Finding runs in a folder, and naming them safely in addresses."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from monitor.layout import segment_paths

__all__ = ["DEPTH", "find_runs", "is_run", "run_id"]

DEPTH = 4
"""How many folders below the folder of runs a run may lie."""

_UNSAFE = re.compile(rb"[^A-Za-z0-9._-]")


def find_runs(folder: str | os.PathLike[str]) -> list[tuple[str, Path]]:
    """Return the runs in a folder and in its folders, by name.

    Folders whose name begins with a dot are passed over, and links to folders are not followed.
    What lies in a run's own folder is not looked at.

    Parameters
    ----------
    folder : path-like
        The folder of runs; it may be a run itself, whose name is then ``"."``.

    Returns
    -------
    list of (str, Path)
        Path relative to `folder` with slashes, and folder; none if there is no such folder.
    """
    root = Path(folder)
    if is_run(root):
        return [(".", root)]
    found: list[tuple[str, Path]] = []
    _collect(root, "", DEPTH, found)
    return sorted(found)


def _collect(folder: Path, prefix: str, depth: int, found: list[tuple[str, Path]]) -> None:
    try:
        with os.scandir(folder) as entries:
            names = [
                entry.name
                for entry in entries
                if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False)
            ]
    except OSError:  # no folder, or one that may not be read
        return
    for name in names:
        child = folder / name
        if is_run(child):
            found.append((prefix + name, child))
        elif depth > 1:
            _collect(child, f"{prefix}{name}/", depth - 1, found)


def is_run(folder: Path) -> bool:
    """Tell whether a folder holds ``run.json`` or a segment, as a file and not as a link."""
    try:
        if stat.S_ISREG(os.lstat(folder / "run.json").st_mode):
            return True
    except OSError:
        pass
    try:
        return bool(segment_paths(folder))
    except OSError:
        return False


def run_id(name: str) -> str:
    """Return a run's name as it stands in addresses.

    Letters, digits, ``.``, ``_`` and ``-`` stand for themselves, ``~`` for a slash, ``=HH`` for any
    other byte. The folder of runs itself, called ``"."``, is ``"~"``.

    >>> run_id("reproduce/net12 a")
    'reproduce~net12=20a'
    """
    if name == ".":
        return "~"
    parts = os.fsencode(name).split(b"/")
    return "~".join(_UNSAFE.sub(_escape, part).decode() for part in parts)


def _escape(byte: re.Match[bytes]) -> bytes:
    return b"=%02X" % byte[0][0]
