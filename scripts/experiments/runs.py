"""The trainings of experiments: which there are, and doing them side by side, each once.

A run's folder is named after its net, a hash of its settings, and its seed. Experiments that ask
for the same training share it, and a run that is there already is not made again. A run that was
interrupted or killed goes on from its last checkpoint.
"""

from __future__ import annotations

import hashlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from nets.registry import spec
from scripts.errors import RunError
from scripts.experiments.recipe import Trained
from scripts.progress import Progress
from scripts.runner import Settings

__all__ = ["Child", "Scale", "Shown", "Task", "do", "tasks_of"]

RESULT = "result.json"


@dataclass(frozen=True)
class Scale:
    """How much of an experiment is done.

    Attributes
    ----------
    seeds : int or None
        Only so many of its seeds.
    samples : int or None
        Samples of each training instead of the recipe's; None for the recipe's.
    quick : bool
        A first look: unless `samples` are given, those of `Trained.quick_samples`.
    every : int
        Measure on one crop in so many.
    """

    seeds: int | None = None
    samples: int | None = None
    quick: bool = False
    every: int = 1


@dataclass(frozen=True)
class Task:
    """One training.

    Attributes
    ----------
    variant : str
        Its name in the experiment.
    settings : Settings
    every : int
        Measure on one crop in so many.
    """

    variant: str
    settings: Settings
    every: int

    @property
    def run(self) -> str:
        """Name of its folder."""
        values = {**asdict(self.settings), "every": self.every}
        seed = values.pop("seed")
        text = json.dumps(values, sort_keys=True)
        return f"{self.settings.net}-{hashlib.sha256(text.encode()).hexdigest()[:8]}-{seed}"

    @property
    def samples(self) -> int:
        """Samples that it learns from, about."""
        return self.settings.epochs * (self.settings.epoch_samples or 0)

    def result(self, folder: Path) -> dict[str, Any] | None:
        """Return what it gave, if it was finished under `folder`.

        Raises
        ------
        RunError
            If its result cannot be read.
        """
        path = folder / self.run / RESULT
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise RunError(f"{path}: is damaged ({error}); delete it to train again") from error


def tasks_of(experiment: Trained, scale: Scale) -> list[Task]:
    """Return an experiment's trainings, all variants with the first seed first."""
    samples = scale.samples or (experiment.quick_samples if scale.quick else None)
    return [
        Task(
            variant.name,
            _scaled(Settings(**{**variant.settings, "seed": seed}), samples, scale.every),
            scale.every,
        )
        for seed in experiment.seeds[: scale.seeds]
        for variant in experiment.variants
    ]


def _scaled(settings: Settings, samples: int | None, every: int) -> Settings:
    if samples is None:
        return settings
    epochs = min(2, settings.epochs)
    values = {
        "epochs": epochs,
        "epoch_samples": max(1, samples // epochs),
        "batch_size": min(settings.batch_size, max(8, samples // (4 * epochs))),
        "validation_every": max(every, settings.validation_every),
    }
    return Settings(**{**vars(settings), **values})


def do(
    tasks: Iterable[Task],
    data: Path,
    folder: Path,
    *,
    jobs: int,
    backend: str,
) -> Iterator[Task]:
    """Do the trainings that are not done yet, `jobs` at a time, in their order.

    Parameters
    ----------
    tasks
        Those that are equal are done once.
    data
        Folder of fddb/, lfw/ and negatives/.
    folder
        Where the runs are kept.
    jobs
        Processes; each has its share of the cores.
    backend
        See `lasagnette.backend`.

    Yields
    ------
    Task
        Each, as soon as it is finished, in the order in which they finish.

    Raises
    ------
    RunError
        If a training fails; the others are ended, and go on when they are asked for again.
    """
    waiting = {task.run: task for task in tasks}
    for task in [task for task in waiting.values() if task.result(folder) is not None]:
        yield waiting.pop(task.run)
    if not waiting:
        return
    threads = max(1, (os.cpu_count() or 1) // jobs)
    left = list(waiting.values())
    total = round(sum(_cost(task) for task in left))
    running: dict[str, Child] = {}
    told: queue.Queue[tuple[str, dict[str, Any] | None]] = queue.Queue()
    shown = Shown(total)
    try:
        with Progress(total, f"{len(left)} trainings") as bar:
            while left or running:
                while left and len(running) < jobs:
                    task = left.pop(0)
                    running[task.run] = Child(task, data, folder, backend, threads, told)
                    bar.note(f"{task.run} ({task.variant}) begins")
                name, line = told.get()
                child = running[name]
                if line is not None and "done" in line:
                    share = line["done"] / max(1, line["of"])
                    bar.advance(shown.more(name, share * _cost(child.task)))
                    continue
                if line is not None and "result" in line:
                    child.keep(line["result"])
                    continue
                if line is not None:
                    raise RunError(f"{name}: {line['error']}")
                code = running.pop(name).end()
                if child.task.result(folder) is None:
                    raise RunError(f"{name}: its process ended with code {code}; see {child.log}")
                bar.advance(shown.more(name, _cost(child.task)))
                bar.note(f"{name} ({child.task.variant}) is done, {len(left)} wait")
                yield child.task
    finally:
        for child in running.values():
            child.process.terminate()
        for child in running.values():
            child.end()


def _cost(task: Task) -> float:
    """About how long a training takes, in no unit: with the side, nets grow in depth and width."""
    return task.samples * spec(task.settings.net).side ** 3 / 1000


class Shown:
    """How much of the whole is shown as done, so that it never goes back."""

    def __init__(self, total: int) -> None:
        self._by_name: dict[str, float] = {}
        self._shown, self._total = 0, total

    def more(self, name: str, amount: float) -> int:
        """Return the steps by which to advance, now that `amount` of a task is done."""
        self._by_name[name] = amount
        now = min(self._total, round(sum(self._by_name.values())))
        more = max(0, now - self._shown)
        self._shown += more
        return more


class Child:
    """A process that trains; its lines go to a queue, None when they end."""

    def __init__(
        self,
        task: Task,
        data: Path,
        folder: Path,
        backend: str,
        threads: int,
        told: queue.Queue[tuple[str, dict[str, Any] | None]],
    ) -> None:
        self.task, self._folder = task, folder
        self._began = time.monotonic()
        logs = folder / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        self.log = logs / f"{task.run}.txt"
        with self.log.open("a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "scripts.experiments.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, "OMP_NUM_THREADS": str(threads)},
            )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        wanted = {
            "settings": asdict(task.settings),
            "data": str(data),
            "folder": str(folder / task.run),
            "backend": backend,
            "threads": threads,
            "every": task.every,
        }
        with self.process.stdin as pipe:
            json.dump(wanted, pipe)
        self._reader = threading.Thread(
            target=_pass_on, args=(task.run, self.process.stdout, told), daemon=True
        )
        self._reader.start()

    def end(self) -> int:
        """Wait until it has ended, and return its code."""
        code = self.process.wait()
        self._reader.join()
        return code

    def keep(self, result: dict[str, Any]) -> None:
        """Write the result beside the run."""
        facts = {
            **result,
            "settings": asdict(self.task.settings),
            "samples": self.task.samples,
            "seconds": round(time.monotonic() - self._began, 1),
        }
        path = self._folder / self.task.run / RESULT
        draft = path.with_suffix(".part")
        draft.write_text(json.dumps(facts, indent=1), encoding="utf-8")
        os.replace(draft, path)


def _pass_on(
    name: str, lines: IO[str], told: queue.Queue[tuple[str, dict[str, Any] | None]]
) -> None:
    with lines:
        for line in lines:
            told.put((name, json.loads(line)))
    told.put((name, None))
