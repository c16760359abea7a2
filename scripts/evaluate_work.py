"""Detectors on the photographs of a view: run once, evaluated on the same ones."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scripts.evaluate_detectors import Found, Runner
from scripts.evaluate_report import Measured
from scripts.evaluate_views import View, annotation, photographs
from scripts.fddb_text import write_results
from scripts.progress import Progress

if TYPE_CHECKING:
    from augment.datasets.fddb import FddbRecord

__all__ = ["Work"]


@dataclass
class Work:
    """Runs detectors on photographs, on none of them twice, and evaluates what they find.

    Attributes
    ----------
    root : path
        FDDB's folder.
    runners : dict
        By name, the detectors to run.
    files : dict
        By name, the detections of others, by the photographs' names.
    failed : set of str
        Names of the photographs that were left out.
    """

    root: Path
    runners: dict[str, Runner]
    files: dict[str, dict[str, Found]]
    failed: set[str] = field(default_factory=set)
    _found: dict[tuple[str, float], dict[str, Found]] = field(default_factory=dict)

    def count(self, views: Sequence[View]) -> int:
        """Number of photographs to be searched, by all detectors together."""
        pairs = {(view.scale, record.name) for view in views for record in view.records}
        return len(pairs) * len(self.runners)

    def measure(
        self, view: View, stretches: Sequence[float], progress: Progress
    ) -> Iterator[Measured]:
        """Evaluate every detector in a view.

        Parameters
        ----------
        view : View
        stretches : sequence of float
            Factors of the boxes' heights, one after the other.
        progress : Progress
            Told of every photograph searched or left out.

        Yields
        ------
        Measured

        Raises
        ------
        click.ClickException
            If no photograph with a face can be evaluated.
        """
        sizes = self._sizes(view, progress)
        for name, run in self.runners.items():
            self._run(view, name, run, progress)
        found = {name: self._found[name, view.scale] for name in self.runners}
        for name, there in self.files.items():
            absent = [record.name for record in view.records if record.name not in there]
            if absent:
                progress.note(
                    f"{name}: {len(absent)} of {len(view.records)} photographs are not in its "
                    f"file, the first is {absent[0]}; they count as without a detection"
                )
            found[name] = there
        kept = [record for record in view.records if record.name not in self.failed]
        if not any(len(record.ellipses) for record in kept):
            raise click.ClickException("none of the photographs with faces could be evaluated.")
        for name, detections in found.items():
            for stretch in stretches:
                yield _measured(view, name, stretch, kept, sizes, detections)

    def write(self, name: str, view: View, path: Path) -> None:
        """Write the detections of one of the runners in a view, under a temporary name first."""
        found = self._found[name, view.scale]
        draft = path.with_name(f".{path.name}.part")
        try:
            with draft.open("w", encoding="utf-8") as stream:
                for record in view.records:
                    if record.name in found:
                        write_results(stream, record.name, *found[record.name])
            os.replace(draft, path)
        finally:
            draft.unlink(missing_ok=True)

    def _sizes(self, view: View, progress: Progress) -> dict[str, tuple[int, int]]:
        from augment.errors import ImageError
        from augment.images import image_size

        sizes = {}
        for record in view.records:
            try:
                sizes[record.name] = image_size(self.root / record.path)
            except ImageError as error:
                self._leave_out(record.name, error, progress)
        return sizes

    def _run(self, view: View, name: str, run: Runner, progress: Progress) -> None:
        found = self._found.setdefault((name, view.scale), {})
        missing = [
            record
            for record in view.records
            if record.name not in found and record.name not in self.failed
        ]
        for key, result in run(photographs(self.root, missing, view.scale)):
            progress.advance()
            if isinstance(result, Exception):
                self._leave_out(key, result, progress)
            else:
                found[key] = result

    def _leave_out(self, name: str, why: Exception, progress: Progress) -> None:
        if name not in self.failed:
            progress.note(f"{name}: left out ({why})")
        self.failed.add(name)


def _measured(
    view: View,
    name: str,
    stretch: float,
    records: Sequence[FddbRecord],
    sizes: dict[str, tuple[int, int]],
    found: dict[str, Found],
) -> Measured:
    import numpy as np

    from cascade.evaluation import Roc, roc

    nothing = np.empty((0, 4)), np.empty(0)

    def curve(some: Sequence[FddbRecord]) -> Roc:
        annotations = [annotation(record, sizes[record.name], view.scale) for record in some]
        detections = [found.get(record.name, nothing) for record in some]
        return roc(annotations, detections, vertical_stretch=stretch)

    folds = {}
    for fold in dict.fromkeys(record.fold for record in records):
        some = [record for record in records if record.fold == fold]
        if any(len(record.ellipses) for record in some):
            folds[f"{fold:02d}"] = curve(some)
    return Measured(view.name, name, stretch, curve(records), folds)
