"""Part of `lasagnette bench monitor`: TensorBoard, loading the same points."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.request
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from sys import executable
from typing import Any
from urllib.parse import urlencode

import click

from scripts.progress import Progress

__all__ = ["TENSORBOARD_OPTION", "find_tensorboard", "time_tensorboard"]

TENSORBOARD_OPTION = click.option(
    "--tensorboard-python",
    envvar="LASAGNETTE_TENSORBOARD_PYTHON",
    type=click.Path(exists=True, dir_okay=False),
    metavar="PYTHON",
    help="A Python that has TensorBoard  [default: LASAGNETTE_TENSORBOARD_PYTHON, else this one]",
)
WAYS = {"its data server": ("true", 3), "its Python reader": ("false", 1)}
"""Value of --load_fast, and rounds: the second takes minutes."""
PATIENCE = 900.0  # seconds; what takes longer is taken for so long
PAUSE = 0.02
"""Seconds between two questions whether all is there."""


def find_tensorboard(named: str | None) -> str | None:
    """Return the Python that the option names, else this one if it has TensorBoard."""
    return named or (executable if find_spec("tensorboard") else None)


def time_tensorboard(python: str | None, run: Path, folder: Path) -> dict[str, Any]:
    """Write a run's curves as an event file, and time TensorBoard until it shows their ends.

    Parameters
    ----------
    python
        Has TensorBoard; None if there is none.
    run
        The run's folder.
    folder
        For the event files; made.

    Returns
    -------
    dict
        ``notes``; with TensorBoard ``seconds`` by name, and ``loads`` by way: the seconds that it
        takes longer with the points than without any.
    """
    if python is None:
        return {"notes": ["This Python has no TensorBoard to compare with."]}
    from monitor.runlog import open_run
    from scripts.runs_export import write_events

    opened = open_run(run)
    tags = opened.tags
    ends = {tag: int(opened.scalars(tag).step[-1]) for tag in tags}
    path, _ = write_events(opened, tags, folder / "full" / "run", pictures=False)
    (folder / "empty").mkdir()
    seconds: dict[str, list[float]] = {}
    loads: dict[str, float] = {}
    with Progress(2 * sum(rounds for _, rounds in WAYS.values()), "TensorBoard") as progress:
        for way, (flag, rounds) in WAYS.items():
            started, shown = f"{way}: started", f"{way}: all points"
            for _ in range(rounds):
                for name, place, wanted in ((started, "empty", {}), (shown, "full", ends)):
                    took = _until_shown(python, folder / place, flag, wanted)
                    seconds.setdefault(name, []).append(took)
                    progress.advance()
            loads[way] = median(seconds[shown]) - median(seconds[started])
    return {
        "seconds": seconds,
        "loads": loads,
        "notes": [
            (
                f"TensorBoard {_version(python)}, from its start until it shows the last step of "
                f"every curve, without pictures, from one file of {path.stat().st_size / 1e6:.0f} "
                "MB; its loading is the time beyond that of a start with nothing to load."
            )
        ],
    }


def _until_shown(python: str, folder: Path, flag: str, ends: dict[str, int]) -> float:
    """Start TensorBoard; return the seconds until it shows the curves' last steps."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    begun = time.perf_counter()
    words = ("--logdir", str(folder), "--port", str(port), "--load_fast", flag)
    process = subprocess.Popen(
        [python, "-m", "tensorboard.main", *words, "--host", "127.0.0.1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        while not _shows(f"http://127.0.0.1:{port}/data/plugin/scalars", ends):
            if process.poll() is not None:
                told = process.stderr.read() if process.stderr else ""
                raise click.ClickException(f"TensorBoard ended: {told.strip()[-300:]}")
            if time.perf_counter() - begun > PATIENCE:
                break
            time.sleep(PAUSE)
        return time.perf_counter() - begun
    finally:
        process.terminate()
        process.wait()
        if process.stderr:
            process.stderr.close()


def _shows(address: str, ends: dict[str, int]) -> bool:
    with suppress(OSError, ValueError, LookupError):
        (known,) = _ask(f"{address}/tags").values() or ({},)
        return all(
            tag in known
            and _ask(f"{address}/scalars?{urlencode({'run': 'run', 'tag': tag})}")[-1][1] == end
            for tag, end in ends.items()
        )
    return False


def _ask(address: str) -> Any:
    with urllib.request.urlopen(address, timeout=PATIENCE) as answer:
        return json.load(answer)


def _version(python: str) -> str:
    code = "from importlib.metadata import version; print(version('tensorboard'))"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "?"
