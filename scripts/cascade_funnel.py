"""How the windows dwindle from step to step of a cascade, for the run log and the monitor.

Beside the counts, pictures named ``rejected/STEP`` show what a step turned away: in their metadata
``face`` tells whether it was a face (that no other frame shows any more), ``score`` how sure the
step before was.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from augment.boxes import iou_matrix
from augment.functional import crop_many
from cascade.bundle import Cascade
from cascade.detector import Detector, Trace
from cascade.tuning import FOUND, Photo
from monitor.runlog import RunLog
from scripts.cascade_photos import SMALLEST, tuning_photos

__all__ = ["count_funnel", "log_funnel"]

SHOWN = 24  # rejected frames of each step, lost faces apart
SIDE = 48  # pixels of their pictures
WINDOWS = "windows"


@dataclass
class _Step:
    """What a step left of all photographs, and the worst of what it turned away."""

    frames: int = 0
    faces: int = 0
    lost: list[tuple[float, np.ndarray]] = field(default_factory=list)
    others: list[tuple[float, int, np.ndarray]] = field(default_factory=list)

    def turn_away(self, image: np.ndarray, frames: np.ndarray, scores: np.ndarray) -> None:
        """Keep the frames that the step before was surest of."""
        for frame, score in zip(frames, scores.tolist(), strict=True):
            if len(self.others) < SHOWN or score > self.others[0][0]:
                entry = (score, self.frames + len(self.others), _crop(image, frame))
                push = heapq.heappush if len(self.others) < SHOWN else heapq.heappushpop
                push(self.others, entry)


def count_funnel(detector: Detector, photos: Iterable[Photo]) -> dict[str, _Step]:
    """Run a detector on photographs with known faces, and count what every step leaves.

    Parameters
    ----------
    detector : Detector
    photos : iterable of (key, image, faces)

    Returns
    -------
    dict
        By the names of `cascade.detector.Trace`, with 'windows' first: `frames`, `faces` (those
        that a frame shows), `lost` and `others` (score before, crop): what was turned away.
    """
    known: dict[Hashable, tuple[np.ndarray, np.ndarray]] = {}

    def images():
        for key, image, faces in photos:
            known[key] = image, faces
            yield key, image

    steps = {WINDOWS: _Step()}
    for key, found in detector.detect_many(images(), trace=True):
        image, faces = known.pop(key)
        if not isinstance(found, Exception):
            assert found.trace is not None
            _add(steps, found.trace, image, faces)
    return steps


def _add(steps: dict[str, _Step], trace: Trace, image: np.ndarray, faces: np.ndarray) -> None:
    """Count one photograph."""
    steps[WINDOWS].frames += trace.windows
    steps[WINDOWS].faces += len(faces)
    before, scores = faces, np.ones(len(faces), np.float32)  # the windows themselves are not kept
    for number, step in enumerate(trace.steps):
        mine = steps.setdefault(step.stage, _Step())
        there = iou_matrix(faces, before) >= FOUND
        still = (iou_matrix(faces, step.frames) >= FOUND).any(axis=1)
        for face in np.flatnonzero(there.any(axis=1) & ~still):
            best = int(np.where(there[face], scores, -1).argmax())
            mine.lost.append((float(scores[best]), _crop(image, before[best])))
        if number and len(step.frames) < len(before):
            kept = {tuple(frame) for frame in step.frames.tolist()}
            gone = np.array([tuple(frame) not in kept for frame in before.tolist()])
            gone &= ~there.any(axis=0)
            mine.turn_away(image, before[gone], scores[gone])
        mine.frames += len(step.frames)
        mine.faces += int(still.sum())
        before, scores = step.frames, step.scores


def _crop(image: np.ndarray, frame: np.ndarray) -> np.ndarray:
    (crop,) = crop_many(image, np.asarray(frame, np.float32)[None], SIDE)
    return np.ascontiguousarray(crop.transpose(1, 2, 0))


def log_funnel(
    folder: Path, cascade: Cascade, data: Path, step: int, say: Callable[[str], None], every: int
) -> None:
    """Log how windows dwindle on FDDB's fold 04, which thresholds are chosen on.

    Parameters
    ----------
    folder
        The run's; gone on with if there is one.
    cascade
        What is measured.
    data
        The data folder.
    step
        In the run log.
    say
        Takes one line for the terminal.
    every
        Take one photograph in so many.
    """
    say("Counting what every step leaves ...")
    steps = count_funnel(Detector(cascade, min_face=SMALLEST), tuning_photos(data, every=every))
    resume = step if (folder / "run.json").exists() else None
    names = [one.detection.name for one in cascade.stages]
    with RunLog(folder, {"settings": {"net": "cascade"}, "nets": names}, resume_step=resume) as log:
        came = steps[WINDOWS]
        for name, one in steps.items():
            if name != WINDOWS:
                log.funnel(step, name, came.frames, one.frames, one.faces)
                log.scalar(f"recall/{name}", one.faces / max(1, steps[WINDOWS].faces), step)
            for score, crop in one.lost:
                log.picture(f"rejected/{name}", crop, step, {"face": True, "score": score})
            for score, _, crop in sorted(one.others, key=lambda entry: -entry[0]):
                log.picture(f"rejected/{name}", crop, step, {"face": False, "score": score})
            came = one
