"""`lasagnette reproduce`: the experiments of the articles, and the report about them."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scripts.computing import BACKEND_OPTION, without_compiler
from scripts.data import DATA_OPTION, data_folder
from scripts.experiments import NAMES
from scripts.files import writable_folder

if TYPE_CHECKING:
    from scripts.experiments.recipe import Experiment, Outcome, Trained
    from scripts.experiments.runs import Scale, Task

__all__ = ["reproduce"]

QUICK_EVERY = 20  # of the validation crops, in a first look


@click.command()
@click.argument(
    "names", nargs=-1, required=True, metavar="NAME...", type=click.Choice([*NAMES, "all"])
)
@DATA_OPTION
@click.option(
    "--report",
    metavar="FOLDER",
    help="Where the report is written  [default: report, with --quick report-quick]",
)
@click.option(
    "--runs",
    default="runs/reproduce",
    show_default=True,
    metavar="FOLDER",
    help="Where the trainings are kept; what is there is not made again.",
)
@click.option(
    "--quick",
    is_flag=True,
    help="A first look: trainings of 200 to 2,000 samples, one seed, none of them compiled.",
)
@click.option(
    "--samples",
    type=click.IntRange(32),
    metavar="N",
    help="Samples of each training  [default: the recipe's]",
)
@click.option(
    "--seeds",
    type=click.IntRange(1),
    metavar="N",
    help="Trainings of each variant  [default: the recipe's, mostly 3]",
)
@click.option(
    "--jobs",
    type=click.IntRange(1),
    metavar="N",
    help="Trainings at a time  [default: one per core]",
)
@click.option(
    "--as-is",
    is_flag=True,
    help="Train nothing: conclude from the trainings that are there, of each variant at least one.",
)
@click.option(
    "--examples/--no-examples",
    default=True,
    show_default=True,
    help="Show drawn photographs in the report.",
)
@BACKEND_OPTION
@click.pass_context
def reproduce(
    ctx: click.Context,
    names: tuple[str, ...],
    data: str | None,
    report: str | None,
    runs: str,
    quick: bool,
    samples: int | None,
    seeds: int | None,
    jobs: int | None,
    as_is: bool,
    examples: bool,
    backend: str,
) -> None:
    """Run experiments of the articles, and write the report: claims, our figures, verdicts.

    \b
    lasagnette reproduce net12-plain
    lasagnette reproduce all --report report
    lasagnette reproduce all --quick

    `all` takes some hours on two cores. Stopped or killed, the same command goes on where it was.
    An experiment's row is written as soon as its trainings are done; FOLDER/index.html is the
    report, FOLDER/README.md the same as text.

    Names: {names}.
    """
    wanted = list(NAMES) if "all" in names else list(dict.fromkeys(names))
    root = data_folder(data)
    folder = writable_folder(report or ("report-quick" if quick else "report"), "--report")
    trainings = writable_folder(runs, "--runs")
    if quick:
        seeds = seeds or 1
        chosen = ctx.get_parameter_source("backend")
        if chosen is click.core.ParameterSource.DEFAULT:
            backend = "python"
    if backend != "c":
        without_compiler()

    from scripts.experiments import experiment
    from scripts.experiments.recipe import Trained
    from scripts.experiments.report import publish
    from scripts.experiments.runs import Scale

    say = partial(click.echo, err=True)
    scale = Scale(seeds, samples, quick, QUICK_EVERY if quick else 1)
    book = _Book(folder, examples, quick, _command(sys.argv[1:]), say)
    publish(folder, examples=examples)
    described = [experiment(name) for name in wanted]
    trained = [one for one in described if isinstance(one, Trained)]
    if as_is:
        _take_as_is(trained, scale, root, trainings, book)
    else:
        _train_all(trained, scale, root, trainings, jobs or os.cpu_count() or 1, backend, book)
    for one in described:
        if not isinstance(one, Trained):
            _measure(one, root, trainings, quick, book)
    click.echo(folder / "index.html")


assert reproduce.help is not None
reproduce.help = reproduce.help.replace("{names}", ", ".join(NAMES))


class _Book:
    """Keeps rows, and makes the report of all of them anew each time."""

    def __init__(self, folder: Path, examples: bool, quick: bool, command: str, say: Any) -> None:
        self._folder, self._examples, self._quick = folder, examples, quick
        self._command, self.say = command, say

    def enter(self, described: Experiment, outcome: Outcome, facts: dict[str, Any]) -> None:
        """Keep a row and make the report."""
        from monitor.facts import versions
        from scripts.bench_machine import machine
        from scripts.experiments.report import keep, publish

        common = {
            "quick": self._quick,
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "command": self._command,
            "machine": machine(),
            "versions": versions(),
        }
        keep(self._folder, described, outcome, {**common, **facts})
        publish(self._folder, examples=self._examples)
        self.say(f"{described.name}: {outcome.verdict}. {outcome.figure}")


def _train_all(
    trained: list[Trained],
    scale: Scale,
    data: Path,
    folder: Path,
    jobs: int,
    backend: str,
    book: _Book,
) -> None:
    """Do all trainings, the first seeds of all experiments first, and conclude as they finish."""
    from scripts.experiments.runs import do, tasks_of

    asked = {one.name: tasks_of(one, scale) for one in trained}
    in_order = sorted(
        (task for tasks in asked.values() for task in tasks),
        key=lambda task: task.settings.seed,
    )
    missing = {name: {task.run for task in tasks} for name, tasks in asked.items()}
    for done in do(in_order, data, folder, jobs=jobs, backend=backend):
        for one in trained:
            if done.run in missing[one.name]:
                missing[one.name].discard(done.run)
                if not missing[one.name]:
                    _conclude(one, asked[one.name], data, folder, book)


def _take_as_is(
    trained: list[Trained], scale: Scale, data: Path, folder: Path, book: _Book
) -> None:
    """Conclude from the trainings that are finished."""
    from scripts.experiments.runs import tasks_of

    for one in trained:
        tasks = [task for task in tasks_of(one, scale) if task.result(folder) is not None]
        missing = {variant.name for variant in one.variants} - {task.variant for task in tasks}
        if missing:
            book.say(f"{one.name}: no training of {', '.join(sorted(missing))}; left out")
        else:
            _conclude(one, tasks, data, folder, book)


def _conclude(described: Trained, tasks: list[Task], data: Path, folder: Path, book: _Book) -> None:
    from scripts.experiments.results import Results

    results = Results(tasks, folder, data)
    first = results.of(tasks[0])
    facts = {
        "seeds": results.seeds,
        "seconds": round(sum(results.of(task)["seconds"] for task in tasks)),
        "data": first["hashes"],
        "runs": [
            {
                "run": task.run,
                "variant": task.variant,
                "seed": task.settings.seed,
                "samples": task.samples,
                "seconds": results.of(task)["seconds"],
            }
            for task in tasks
        ],
    }
    book.enter(described, described.conclude(results), facts)


def _measure(described: Experiment, data: Path, runs: Path, quick: bool, book: _Book) -> None:
    from lasagnette.ops.kernels.pools import threads
    from scripts.experiments.recipe import Bench, Measured

    assert isinstance(described, Measured)
    book.say(f"{described.name} ...")
    began = time.monotonic()
    place = runs / described.name
    place.mkdir(parents=True, exist_ok=True)
    with threads(None, compiled=False):
        outcome = described.measure(Bench(data, place, quick, None, book.say))
    book.enter(described, outcome, {"seconds": round(time.monotonic() - began)})


def _command(words: Sequence[str]) -> str:
    """What was typed, without where runs and data lay: that changes no number."""
    kept, rest = ["lasagnette"], iter(words)
    for word in rest:
        name, is_whole, _ = word.partition("=")
        if name not in ("--runs", "--data"):
            kept.append(word)
        elif not is_whole:
            next(rest, None)
    return shlex.join(kept)
