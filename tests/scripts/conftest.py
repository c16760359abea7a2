"""Run the command line inside the test's process, with a detector in the real one's place."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import cascade.detector
from cascade.detector import Detection, Trace
from cascade.stages import Step
from scripts.main import main


@dataclass(frozen=True)
class Outcome:
    """What a run of the command line left."""

    code: int
    stdout: str
    stderr: str

    def lines(self) -> list[dict[str, Any]]:
        """The JSON lines of stdout."""
        return [json.loads(line) for line in self.stdout.splitlines()]


class FakeDetector:
    """Finds one face as large as the photograph and a worse one of half the size.

    It takes two photographs before it gives one back, as the real one may.
    """

    asked: dict[str, Any]

    def __init__(self, cascade: Any = None, **options: Any) -> None:
        type(self).asked = {"cascade": cascade, **options}

    def detect_many(
        self,
        items: Iterable[tuple[Any, np.ndarray | Exception]],
        *,
        trace: bool = False,
    ) -> Iterator[tuple[Any, Detection | Exception]]:
        """As `Detector.detect_many`."""
        waiting: list[tuple[Any, Detection | Exception]] = []
        for key, image in items:
            found = image if isinstance(image, Exception) else self.faces(image, trace)
            waiting.append((key, found))
            if len(waiting) == 2:
                yield waiting.pop(0)
        yield from waiting

    def faces(self, image: np.ndarray, trace: bool) -> Detection:
        """What is found in any photograph."""
        rows, columns = image.shape[:2]
        boxes = np.array([[0.123, -1, columns, rows], [0, 0, columns / 2, rows / 2]], np.float32)
        scores = np.array([0.75, 0.5], np.float32)
        steps = [
            Step("net12", boxes[[0, 0, 1]], scores[[0, 0, 1]]),
            Step("net12 in size", boxes, scores),
            Step("at last", boxes, scores),
        ]
        return Detection(boxes, scores, Trace(7, steps) if trace else None)


@pytest.fixture
def fake_detector(monkeypatch: pytest.MonkeyPatch) -> type[FakeDetector]:
    """Put the fake in the detector's place; its `asked` holds the options it was made with."""

    class Fake(FakeDetector):
        """With an `asked` of this test's own."""

    monkeypatch.setattr(cascade.detector, "Detector", Fake)
    return Fake


@pytest.fixture
def lasagnette(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Call `lasagnette` with the given words."""

    def run(*words: object) -> Outcome:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main([str(word) for word in words])
        captured = capsys.readouterr()
        return Outcome(int(end.value.code or 0), captured.out, captured.err)

    return run
