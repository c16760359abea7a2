"""Part of `lasagnette bench augment`: samples per second, beside PyTorch's DataLoader."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from augment.index import FACE, Index
from augment.recipe import Recipe
from augment.server import Server
from augment.transforms import Intervals
from scripts.bench_loader_side import KINDS
from scripts.bench_machine import versions_line
from scripts.bench_part import SETTLING, Part, Verdict, medians, number, take_turns
from scripts.bench_process import Asked
from scripts.bench_streams import Timed
from scripts.progress import Progress

__all__ = ["measure_loader"]

SIDE, BATCH = 48, 128
GOAL = 2.0
ALIASING = "linear"  # its kind leaves out pixels between those that it takes
OURS = "lasagnette"


def measure_loader(
    index: Index, torch_python: str | None, workers: Sequence[int], rounds: int, seconds: float
) -> Part:
    """Time the server and DataLoader, at the same numbers of workers.

    Parameters
    ----------
    index
        Its faces are shown.
    torch_python
        A Python that has PyTorch; None times our side alone.
    workers
        Numbers of workers; each has its own rounds.
    rounds, seconds
        How often each side has its turn, and how long.

    Raises
    ------
    click.ClickException
        If the rival ends.
    """
    recipe, faces = Recipe(SIDE, BATCH, backgrounds_per_face=0), index.select(index.labels == FACE)
    assert recipe.intervals is not None
    rates: dict[int, dict[str, list[float]]] = {}
    versions: dict[str, str] = {}
    with ExitStack() as stack:
        rival, kinds = None, []
        if torch_python is not None:
            file = Path(index.root) / "index.json"
            file.write_text(json.dumps(_told(faces, recipe, recipe.intervals)), encoding="utf-8")
            rival = stack.enter_context(
                Asked(torch_python, "bench_loader_side.py", [str(file)], side="PyTorch")
            )
            versions = rival.call("facts")
            kinds = [kind for kind in KINDS if kind in versions or kind != "albumentations"]
        turns = len(workers) * rounds * (1 + len(kinds))
        progress = stack.enter_context(Progress(turns, "loader"))
        for count in workers:
            with Server(faces, recipe, 1, workers=count) as server:
                ours = Timed(OURS, server)
                ours.warm()
                sides: list[Any] = [ours]
                if rival is not None:
                    sides += [_Rival(rival, kind, count) for kind in kinds]
                rates[count] = take_turns(sides, rounds, seconds, progress)
                if rival is not None:
                    rival.call("close")
    return _loader_part(rates, versions)


class _Rival:
    """One of the rival's loaders."""

    def __init__(self, process: Asked, kind: str, workers: int) -> None:
        self.name = KINDS[kind]
        self._process, self._loader = process, (kind, workers)
        shape = process.call("open", *self._loader)
        assert shape == [BATCH, 3, SIDE, SIDE], shape

    def rate(self, seconds: float) -> float:
        return self._process.call("rate", *self._loader, seconds, SETTLING)


def _told(faces: Index, recipe: Recipe, intervals: Intervals) -> dict[str, Any]:
    """What the rival is told."""
    return {
        "paths": [faces.file(row) for row in range(len(faces))],
        "frames": faces.frames.tolist(),
        "side": recipe.side,
        "batch_size": recipe.batch_size,
        "intervals": intervals.as_dict(),
    }


def _loader_part(rates: dict[int, dict[str, list[float]]], versions: dict[str, str]) -> Part:
    found = {workers: medians(times) for workers, times in rates.items()}
    names = list(next(iter(found.values())))
    rows = []
    for name in names:
        row = [name if name == OURS else f"DataLoader, {name}"]
        for rate in found.values():
            row += [number(rate[name]), "" if name == OURS else f"{rate[OURS] / rate[name]:.2f}"]
        rows.append(row)
    verdicts = []
    for workers, rate in found.items():
        rivals = {name: value for name, value in rate.items() if name != OURS}
        clean = {name: value for name, value in rivals.items() if name != KINDS[ALIASING]}
        for which, those in (("fastest rival", rivals), ("fastest without aliasing", clean)):
            if those:
                name = max(those, key=lambda one: those[one])
                what = f"workers: {workers}, ours / {which} ({name})"
                verdicts.append(Verdict(what, rate[OURS] / those[name], GOAL))
    notes = [f"{SIDE}x{SIDE} faces in minibatches of {BATCH}; every picture is held decoded."]
    if versions:
        notes += [
            (
                "INTER_LINEAR takes two by two pixels wherever the frame is larger than twice the "
                "crop, so it aliases; INTER_AREA and ours do not."
            ),
            f"The rival: {versions_line(versions)}; each worker holds all pictures.",
        ]
    else:
        notes.append(
            "This Python has no PyTorch to compare with; install requirements/bench.txt or name a "
            "Python that has it with --torch-python."
        )
    headings = ["side"]
    for workers in found:
        headings += [f"workers: {workers}", "ours /"]
    numbers = {
        "versions": versions,
        "rates": {str(workers): times for workers, times in rates.items()},
        "medians": {str(workers): rate for workers, rate in found.items()},
    }
    return Part(
        "Samples per second, beside DataLoader", headings, rows, verdicts, notes, numbers=numbers
    )
