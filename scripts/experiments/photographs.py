"""The reporting side's photographs, and what a cascade finds on them.

They are FDDB's folds 06 to 08, which chose nothing; and the cascade is the packaged one that never
saw them, or a variant of it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from augment.datasets import fddb
from augment.errors import ImageError
from augment.images import image_size, read_image
from augment.splits import FOLDS
from cascade import Detector, bundle
from cascade.bundle import Cascade
from cascade.detector import Detection
from cascade.evaluation import Roc, rate_at, roc
from cascade.tuning import Photo, StageRow, stage_table
from scripts.cascade_photos import SMALLEST
from scripts.evaluate_views import annotation
from scripts.experiments.recipe import Line
from scripts.experiments.results import percent

__all__ = [
    "CROWD",
    "ERRORS",
    "FEW_ERRORS",
    "Photographs",
    "Search",
    "curve_line",
    "loosened",
    "rates",
    "search",
    "split_cascade",
]

CROWD = 2
"""Faces from which a photograph counts as crowded."""

FEW_ERRORS = (0.02, 0.06, 0.35, 1.0)
"""False positives per photograph at which rates are given."""

ERRORS = 0.35
"""The one of them at which variants are compared."""

WEAKEST = 0.001  # score of the last net from which detections make up a curve


@dataclass(frozen=True)
class Photographs:
    """Photographs with known faces; iterating reads them, one at a time.

    Attributes
    ----------
    root : Path
        Folder of FDDB.
    records : tuple of FddbRecord
    say : callable
        Told of a photograph that cannot be read; it is left out.
    """

    root: Path
    records: tuple[fddb.FddbRecord, ...]
    say: Callable[[str], None]

    @classmethod
    def reporting(cls, data: Path, say: Callable[[str], None], every: int = 1) -> Photographs:
        """Return one in `every` photographs of the reporting side.

        Raises
        ------
        DataError
            If FDDB is not in the data folder.
        """
        dataset = fddb.load(data / "fddb", FOLDS["report"])
        return cls(dataset.root, tuple(dataset.records[::every]), say)

    def crowded(self) -> Photographs:
        """Return those with two or more faces."""
        return replace(self, records=tuple(r for r in self.records if len(r.ellipses) >= CROWD))

    def first(self, count: int) -> Photographs:
        """Return `count` of them, evenly spread; all where there are fewer."""
        rows = np.linspace(0, len(self.records) - 1, min(count, len(self.records)))
        return replace(self, records=tuple(self.records[int(row)] for row in rows))

    def __iter__(self) -> Iterator[Photo]:
        for record in self.records:
            try:
                image = read_image(self.root / record.path)
            except ImageError as error:
                self.say(f"{record.name}: left out ({error})")
                continue
            yield record.name, image, np.asarray(record.boxes, np.float32).reshape(-1, 4)

    def images(self) -> list[np.ndarray]:
        """Return their pixels, uint8 RGB arrays (rows, columns, 3), all in memory."""
        return [image for _, image, _ in self]


@dataclass(frozen=True)
class Search:
    """What a cascade found on photographs.

    Attributes
    ----------
    photographs : Photographs
    found : dict
        Boxes and scores by the photographs' names.
    steps : list of StageRow
        What every step left over.
    """

    photographs: Photographs
    found: dict[Hashable, tuple[np.ndarray, np.ndarray]]
    steps: list[StageRow]

    def curve(self, photographs: Photographs | None = None) -> Roc:
        """Return the curve by FDDB's protocol, boxes unstretched, of all or some of them.

        Raises
        ------
        ValueError
            If they show no face.
        """
        chosen = self.photographs if photographs is None else photographs
        kept = [record for record in chosen.records if record.name in self.found]
        annotations = [
            annotation(record, image_size(chosen.root / record.path), 1.0) for record in kept
        ]
        return roc(annotations, [self.found[record.name] for record in kept])

    def step(self, name: str) -> StageRow:
        """Return what a step of that name left over."""
        return next(row for row in self.steps if row.step == name)


class _Recorder(Detector):
    """A detector that remembers what it found."""

    def __init__(self, cascade: Cascade, **options: Any) -> None:
        super().__init__(cascade, **options)
        self.found: dict[Hashable, tuple[np.ndarray, np.ndarray]] = {}

    def detect_many(
        self,
        photos: Iterable[tuple[Hashable, np.ndarray | Exception]],
        *,
        trace: bool = False,
        jobs: int = 1,
    ) -> Iterator[tuple[Any, Detection | Exception]]:
        for key, found in super().detect_many(photos, trace=trace, jobs=jobs):
            if not isinstance(found, Exception):
                self.found[key] = found.boxes, found.scores
            yield key, found


def search(cascade: Cascade, photographs: Photographs, *, stride: int | None = None) -> Search:
    """Look for faces from 20 pixels on.

    Parameters
    ----------
    cascade
        With a low last threshold (`loosened`), so that the curve has weak detections, too.
    photographs
        Where to look.
    stride
        Step of the windows, pixels of the first net's input; by default the cascade's.
    """
    detector = _Recorder(cascade, min_face=SMALLEST, stride=stride)
    steps = stage_table(detector, photographs)
    return Search(photographs, detector.found, steps)


def split_cascade() -> Cascade:
    """Return the packaged cascade that never saw the reporting side."""
    return bundle.load(bundle.pretrained("cascade-split"))


def loosened(cascade: Cascade, threshold: float = WEAKEST) -> Cascade:
    """Return a cascade with another last threshold."""
    return cascade.with_thresholds([*cascade.thresholds[:-1], threshold])


def rates(curve: Roc) -> tuple[str, ...]:
    """Write the discrete rates at `FEW_ERRORS` false positives per photograph."""
    return tuple(percent(rate_at(curve, errors), 1) for errors in FEW_ERRORS)


def curve_line(name: str, curve: Roc) -> Line:
    """Return the discrete curve as a line over false positives per photograph, up to 1.

    It begins where one photograph in all has a false positive: the axis is logarithmic.
    """
    least, most = 1 / curve.images, FEW_ERRORS[-1]
    errors = curve.false_positives / curve.images
    shown = (errors > least) & (errors <= most)
    x = [least, *errors[shown].tolist(), most]
    y = [rate_at(curve, least), *curve.discrete[shown].tolist(), rate_at(curve, most)]
    return Line(name, x, y)
