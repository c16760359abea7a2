"""Finding a run by what was typed for it."""

from __future__ import annotations

import difflib
from pathlib import Path

from monitor.folders import find_runs
from monitor.layout import segment_paths
from monitor.runlog import Run, RunLogError, open_run
from scripts.errors import RunError

__all__ = ["find_run", "updated"]

MOST_NAMES = 5  # in a message


def find_run(folder: Path, wanted: str) -> tuple[str, Run]:
    """Return a run and its name.

    Parameters
    ----------
    folder : Path
        Of runs.
    wanted : str
        A run's path below the folder, the end of that path if no other run has the same, or the
        path of a run's own folder.

    Raises
    ------
    RunError
        If there is no such run, or there are several.
    """
    known = dict(find_runs(folder))
    if wanted in known:
        return wanted, open_run(known[wanted])
    same = [name for name in known if name.split("/")[-1] == wanted]
    if len(same) == 1:
        return same[0], open_run(known[same[0]])
    if same:
        raise RunError(f"{folder}: several runs are called {wanted}: {', '.join(same)}")
    try:
        run = open_run(wanted)
    except RunLogError:
        close = difflib.get_close_matches(wanted, known, MOST_NAMES) or list(known)[-MOST_NAMES:]
        some = f"it has {', '.join(close)}" if close else "it has none"
        more = " and others" if len(known) > len(close) else ""
        raise RunError(f"{folder}: there is no run {wanted!r}; {some}{more}") from None
    return run.name, run


def updated(folder: Path) -> float | None:
    """Return when a run's folder was last written to, in seconds since 1970."""
    written = []
    for path in (*segment_paths(folder)[-1:], folder / "run.json"):
        try:
            written.append(path.stat().st_mtime)
        except OSError:  # deleted meanwhile, or never there
            continue
    return written[0] if written else None
