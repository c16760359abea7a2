"""The road of `lasagnette cascade train`: the recipe's steps, each done once.

The folder holds `road.json` (what each finished step gave), `runs/` (the trainings), the mined
indexes, and `cascade.h5`. A step is written down when it is finished, so a road that was
interrupted or killed goes on with the step it was at, and that step from its own last checkpoint.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from augment import index as indexes
from augment.splits import train_set
from cascade import bundle
from cascade.bundle import Cascade, Net, Stage
from cascade.detector import Detector
from cascade.tuning import best_scores, threshold_at
from lasagnette import backend as backends
from nets import weights
from nets.folding import fold
from scripts import cascade_photos, runner
from scripts.cascade_funnel import log_funnel
from scripts.cascade_recipe import Assemble, Mine, Recipe, Train, Tune
from scripts.cascade_search import search
from scripts.cascade_table import measure_stages
from scripts.errors import RunError

__all__ = ["folded", "walk"]

LOW = 0.001  # a threshold under which no face is worth keeping

Say = Callable[[str], None]


def folded(path: str | os.PathLike[str]) -> Net:
    """Read a weights file as a net that runs without PyTensor."""
    loaded = weights.load(path)
    return Net(loaded.name, fold(loaded.layer), loaded.scaling, loaded.facts)


def walk(
    recipe: Recipe,
    data: Path,
    folder: Path,
    *,
    say: Say,
    backend: str = "numba",
    workers: int = 0,
    threads: int | None = None,
) -> dict[str, Any]:
    """Do the steps that are not done yet.

    Parameters
    ----------
    recipe
        The steps.
    data
        Folder of fddb/, lfw/ and negatives/.
    folder
        Where everything is kept.
    say
        Takes one line for the terminal.
    backend, workers
        As in `scripts.runner.train`.
    threads
        Of the kernels.

    Returns
    -------
    dict
        What each step gave, by its name.

    Raises
    ------
    RunError
        If the folder's road was begun with another recipe.
    """
    road = _Road(recipe, data, folder, say, backend, workers)
    for number, step in enumerate(recipe.steps, start=1):
        name = _name(step, number)
        if name in road.done:
            continue
        say(f"Step {number} of {len(recipe.steps)}: {name}")
        with backends.threads(threads, compiled=isinstance(step, Train)):
            road.finish(name, road.take(step))
    return road.done


def _name(step: Any, number: int) -> str:
    if isinstance(step, Train):
        return step.run
    if isinstance(step, Mine):
        return step.name
    return f"{number} {type(step).__name__.lower()}"


class _Road:
    """What is done, and how a step is taken."""

    def __init__(
        self, recipe: Recipe, data: Path, folder: Path, say: Say, backend: str, workers: int
    ) -> None:
        self._recipe, self._data, self._folder, self._say = recipe, data, folder, say
        self._backend, self._workers = backend, workers
        self._path = folder / "road.json"
        self._cascade = folder / "cascade.h5"
        plan = json.loads(json.dumps([asdict(step) for step in recipe.steps]))
        self.done: dict[str, Any] = {}
        if self._path.is_file():
            stored = json.loads(self._path.read_text(encoding="utf-8"))
            if stored["recipe"] != plan:
                raise RunError(
                    f"{folder}: holds a road of another recipe; give this one a folder of its own"
                )
            self.done = stored["done"]
        self._plan = plan

    def finish(self, name: str, result: dict[str, Any]) -> None:
        """Write a step down as done."""
        self.done[name] = result
        text = json.dumps({"recipe": self._plan, "done": self.done}, indent=1)
        draft = self._path.with_suffix(".part")
        draft.write_text(text, encoding="utf-8")
        os.replace(draft, self._path)
        self._say(f"{name}: {json.dumps(result)}")

    def take(self, step: Any) -> dict[str, Any]:
        """Do one step."""
        if isinstance(step, Train):
            return self._train(step)
        if isinstance(step, Assemble):
            return self._assemble(step)
        if isinstance(step, Mine):
            return self._mine(step)
        assert isinstance(step, Tune)
        return self._tune(step)

    def _weights(self, run: str) -> Path:
        # Validation crops are easy: the rate's last, smallest steps choose better than they do.
        return self._folder / "runs" / run / "last.h5"

    def _train(self, step: Train) -> dict[str, Any]:
        folder = self._folder / "runs" / step.run
        resume = (folder / "checkpoint.h5").is_file()
        if resume:
            settings = runner.read_settings(folder)
        else:
            if folder.is_dir():  # killed before its first checkpoint: nothing to lose
                _remove_run(folder)
            files = {
                "hard_negatives": step.mined and str(self._mined(step.mined)),
                "initial": step.initial and str(self._weights(step.initial)),
            }
            settings = runner.Settings(**{**step.settings, **files})
        result = runner.train(
            settings,
            self._data,
            folder,
            resume=resume,
            say=self._say,
            backend=self._backend,
            workers=self._workers,
        )
        return {key: value for key, value in result.items() if key not in ("run", "weights")}

    def _assemble(self, step: Assemble) -> dict[str, Any]:
        stages = list(bundle.load(self._cascade).stages) if step.stage > 1 else []
        stage = Stage(
            folded(self._weights(step.detection)),
            LOW,
            folded(self._weights(step.calibration)),
            step.overlap,
        )
        cascade = Cascade((*stages[: step.stage - 1], stage))
        detector = Detector(cascade, min_face=cascade_photos.SMALLEST)
        scores = best_scores(
            detector, cascade_photos.tuning_faces(self._data, self._recipe.every), step.stage
        )
        threshold = threshold_at(scores, step.recall)
        cascade = cascade.with_thresholds([*cascade.thresholds[:-1], threshold])
        bundle.save(self._cascade, cascade, dtype="float32")
        self._log_funnel(cascade)
        table = measure_stages(cascade, self._data, self._recipe.every)
        return {"threshold": threshold, "recall": float((scores >= threshold).mean()), **table}

    def _log_funnel(self, cascade: Cascade) -> None:
        # A step of the log for each step of the road; one that is taken again supersedes itself.
        where = self._folder / "runs" / "cascade"
        log_funnel(where, cascade, self._data, len(self.done), self._say, self._recipe.every)

    def _mined(self, name: str) -> Path:
        return self._folder / f"{name}.h5"

    def _mine(self, step: Mine) -> dict[str, Any]:
        cascade = bundle.load(self._cascade)
        if step.threshold is not None:
            cascade = cascade.with_thresholds([*cascade.thresholds[:-1], step.threshold])
        index = train_set(self._data, report=self._say)
        pictures = index.select(index.undrawn)
        pictures = pictures.select(np.arange(0, len(pictures), self._recipe.every))
        found, seen = search(
            cascade,
            pictures,
            self._mined(step.name),
            depth=step.depth,
            min_faces=step.min_faces,
            limit=step.limit,
            seed=1,
            suspect=step.suspect,
            say=self._say,
        )
        if step.before is not None:
            earlier = indexes.load(self._mined(step.before))
            ratio = step.before_share / (1 - step.before_share)
            weight = ratio * len(found) / max(1.0, float(earlier.weights.sum()))
            found = indexes.merge([(found, 1.0), (earlier, weight)])
            found.save(self._mined(step.name))
        return {"frames": len(found), "of": seen}

    def _tune(self, step: Tune) -> dict[str, Any]:
        cascade = bundle.load(self._cascade)
        low = cascade.with_thresholds([*cascade.thresholds[:-1], LOW])
        threshold = cascade_photos.threshold_for(
            low, self._data, step.false_positives, self._recipe.every
        )
        cascade = cascade.with_thresholds([*cascade.thresholds[:-1], threshold])
        cascade = replace(cascade, facts={"steps": self.done})
        bundle.save(self._cascade, cascade)
        self._log_funnel(cascade)
        table = measure_stages(bundle.load(self._cascade), self._data, self._recipe.every)
        return {"threshold": threshold, **table}


def _remove_run(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
