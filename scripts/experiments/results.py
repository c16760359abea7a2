"""What an experiment's trainings gave, for its conclusion: measures and curves over the seeds."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from monitor.runlog import Run, open_run
from scripts.experiments.recipe import Line, Panel, Table

if TYPE_CHECKING:
    from scripts.experiments.runs import Task  # brings PyTensor, which a report does not need

__all__ = ["Results", "mean_and_spread", "percent"]


class Results:
    """The finished trainings of an experiment.

    Parameters
    ----------
    tasks : sequence of Task
    folder : Path
        Where their runs lie.
    data : Path
        Folder of fddb/, lfw/, negatives/ and demo/.
    """

    def __init__(self, tasks: Sequence[Task], folder: Path, data: Path) -> None:
        self.tasks = tuple(tasks)
        self.variants = list(dict.fromkeys(task.variant for task in tasks))
        self.seeds = sorted({task.settings.seed for task in tasks})
        self.data, self._folder = data, folder
        self._runs: dict[str, Run] = {}

    @cached_property
    def _results(self) -> dict[str, dict[str, Any]]:
        found = {}
        for task in self.tasks:
            result = task.result(self._folder)
            assert result is not None, task.run
            found[task.run] = result
        return found

    def of(self, task: Task) -> dict[str, Any]:
        """Return all that is kept of a training's result."""
        return self._results[task.run]

    def weights(self, variant: str) -> Path:
        """Return the file of the last weights of a variant's first seed."""
        return self._folder / self._tasks(variant)[0].run / "last.h5"

    def all_weights(self, variant: str) -> list[Path]:
        """Return the files of the last weights of a variant, one for each seed."""
        return [self._folder / task.run / "last.h5" for task in self._tasks(variant)]

    def measure(self, name: str, variant: str) -> np.ndarray:
        """Return a measure of a variant's last weights, one number for each seed."""
        return np.array([self.of(task)["measures"][name] for task in self._tasks(variant)])

    def curve(self, tag: str, variant: str) -> tuple[np.ndarray, np.ndarray]:
        """Return a curve of a variant at the epochs' ends.

        Parameters
        ----------
        tag
            Of the run log. Of a curve that has a point for each step, such as ``train/loss``, the
            mean over each epoch is taken.
        variant
            Its name.

        Returns
        -------
        tuple of numpy.ndarray
            Samples seen ``(epochs,)``, and values ``(seeds, epochs)``.
        """
        found = [self._by_epoch(tag, task) for task in self._tasks(variant)]
        return found[0][0], np.stack([values for _, values in found])

    def line(
        self, tag: str, variant: str, name: str | None = None, dashed: bool = False, skip: int = 0
    ) -> Line:
        """Return `curve` as the mean over the seeds, with a band from the lowest to the highest.

        The first `skip` epochs are left out, where there are more.
        """
        x, values = self.curve(tag, variant)
        x, values = (x[skip:], values[:, skip:]) if len(x) > skip + 1 else (x, values)
        band = len(values) > 1
        return Line(
            variant if name is None else name,
            x.tolist(),
            values.mean(axis=0).tolist(),
            values.min(axis=0).tolist() if band else None,
            values.max(axis=0).tolist() if band else None,
            dashed,
        )

    def panel(
        self,
        title: str,
        tag: str,
        variants: Sequence[str] | None = None,
        *,
        beside: str | None = None,
        low: float | None = None,
        high: float | None = None,
        skip: int = 0,
    ) -> Panel:
        """Return a panel with a line for each variant, by default of all.

        Parameters
        ----------
        title
            Of the panel.
        tag
            Of the run log.
        variants
            Which are shown.
        beside
            A tag whose curves are drawn dashed beside them.
        low, high
            Limits of the vertical axis.
        skip
            Epochs left out at the beginning.
        """
        names = self.variants if variants is None else list(variants)
        lines = [self.line(tag, name, skip=skip) for name in names]
        if beside is not None:
            lines += [self.line(beside, name, "", dashed=True, skip=skip) for name in names]
        return Panel(title, "samples seen", tag, tuple(lines), low=low, high=high)

    def table(self, caption: str, measures: dict[str, str], decimals: int = 2) -> Table:
        """Return a table of the variants: mean and spread over the seeds, in per cent.

        Parameters
        ----------
        caption
            Above the table.
        measures
            Names of measures and their headings.
        decimals
            Of the percentages.
        """
        rows = tuple(
            (
                variant,
                *(mean_and_spread(self.measure(name, variant), decimals) for name in measures),
                str(len(self._tasks(variant))),
            )
            for variant in self.variants
        )
        return Table(caption, ("", *measures.values(), "seeds"), rows)

    def _tasks(self, variant: str) -> list[Task]:
        return [task for task in self.tasks if task.variant == variant]

    def _by_epoch(self, tag: str, task: Task) -> tuple[np.ndarray, np.ndarray]:
        if task.run not in self._runs:
            self._runs[task.run] = open_run(self._folder / task.run)
        series = self._runs[task.run].scalars(tag)
        epochs = task.settings.epochs
        steps = int(self._runs[task.run].scalars("valid/loss").step.max()) // epochs
        which = (series.step - 1) // steps
        values = np.array([series.value[which == n].mean() for n in range(epochs)])
        return (1 + np.arange(epochs)) * steps * task.settings.batch_size, values


def mean_and_spread(values: np.ndarray, decimals: int = 2) -> str:
    """Write shares as a percentage: their mean and, of several, their standard deviation."""
    mean = percent(float(np.mean(values)), decimals)
    if len(values) < 2:
        return mean
    return f"{mean} ± {100 * float(np.std(values, ddof=1)):.{decimals}f}"


def percent(share: float, decimals: int = 2) -> str:
    """Write a share between 0 and 1 as a percentage."""
    return f"{100 * share:.{decimals}f} %"
