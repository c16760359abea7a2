"""One training of an experiment in a process of its own: `python -m scripts.experiments.worker`.

What to do comes as JSON on stdin; on stdout go JSON lines, `{"done": steps, "of": steps}` while it
trains and `{"result": ...}` or `{"error": sentence}` at the end. Everything else goes to stderr.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from scripts.computing import without_compiler
from scripts.progress import Progress

__all__ = ["train_and_measure"]

REPORT_SECONDS = 1.0


class Told(Progress):
    """A progress that is told to another process instead of drawn."""

    def __init__(self, total: int, description: str, *, shortest: int = 1) -> None:
        self._bar = None
        self._total, self._done, self._told = total, 0, 0.0

    def advance(self, steps: int = 1, description: str | None = None) -> None:
        """Count `steps` as done, and say so now and then."""
        self._done += steps
        if time.monotonic() - self._told > REPORT_SECONDS:
            self._told = time.monotonic()
            _tell({"done": self._done, "of": self._total})

    def note(self, text: str) -> None:
        """Write a line to stderr, with the time."""
        print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def train_and_measure(
    settings: dict[str, Any], data: Path, folder: Path, backend: str, every: int = 1
) -> dict[str, Any]:
    """Train a net, or go on with its training, and measure the last weights.

    Parameters
    ----------
    settings
        Those of `scripts.runner.Settings`.
    data
        Folder of fddb/, lfw/ and negatives/.
    folder
        The run's folder; one that was killed before its first checkpoint is begun again.
    backend
        See `lasagnette.backend`.
    every
        Measure on one crop in so many.

    Returns
    -------
    dict
        `counts` and `hashes` of the data, and `measures`, by name; see
        `scripts.experiments.measures.measure`.
    """
    from scripts import runner
    from scripts.experiments.measures import measure

    resume = (folder / "checkpoint.h5").is_file()
    if not resume and folder.is_dir():
        for path in folder.iterdir():
            path.unlink()
    wanted = runner.Settings(**settings)
    say = Told(0, "").note
    found = runner.train(
        wanted, data, folder, resume=resume, say=say, backend=backend, progress=Told
    )
    say("Measuring the last weights ...")
    measures = measure(folder / "last.h5", wanted, data, say, every)
    return {"counts": found["counts"], "hashes": found["hashes"], "measures": measures}


def _tell(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)


def _main() -> int:
    task = json.load(sys.stdin)
    if task["backend"] != "c":
        without_compiler()
    from lasagnette import backend

    try:
        with backend.threads(task["threads"]):
            result = train_and_measure(
                task["settings"],
                Path(task["data"]),
                Path(task["folder"]),
                task["backend"],
                task["every"],
            )
    except (OSError, ValueError, RuntimeError) as error:
        _tell({"error": str(error)})
        return 1
    except (KeyboardInterrupt, BrokenPipeError):
        return 130
    _tell({"result": result})
    return 0


if __name__ == "__main__":
    sys.exit(_main())
