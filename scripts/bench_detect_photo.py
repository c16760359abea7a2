"""The first part of `lasagnette bench detect`: one photograph, beside other detectors."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np

from cascade import Detector
from cascade.bundle import Cascade
from lasagnette.ops.kernels.pools import threads as limited
from scripts.bench_detect_steps import timed_steps
from scripts.bench_part import Part, Verdict, number
from scripts.bench_process import Asked
from scripts.progress import Progress

__all__ = ["GOALS", "MIN_FACES", "PEERS", "measure_photo"]

MIN_FACES = (40, 20)
PEERS = ("YuNet", "Haar", "MTCNN")
OURS = "lasagnette"
GOALS = {("YuNet", 40): 1.0, ("YuNet", 20): 2.5, ("Haar", 40): 0.2}
"""Largest good ratio of our time to a peer's, by peer and smallest face, with one thread."""

_REPEATS = 3  # calls in a turn, whose result is their median


def measure_photo(
    cascade: Cascade,
    image: np.ndarray,
    folder: Path,
    pythons: Mapping[str, str | None],
    yunet_model: Path | None,
    counts: Sequence[int],
    rounds: int,
) -> Part:
    """Time all detectors on one photograph, taking turns.

    Parameters
    ----------
    cascade
        Ours.
    image
        The photograph.
    folder
        Where the peers' processes find it; it is written there.
    pythons
        By peer, a Python that has it.
    yunet_model
        YuNet's file.
    counts
        Numbers of threads.
    rounds
        Turns of each detector; medians are compared.
    """
    picture = folder / "photo.png"
    cv2.imwrite(str(picture), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    rows: list[list[str]] = []
    notes: list[str] = []
    verdicts: list[Verdict] = []
    numbers: dict[str, Any] = {"milliseconds": [], "steps": {}, "windows": {}, "opencv": {}}
    with Progress(len(counts) * len(MIN_FACES) * rounds, "one photograph") as progress:
        for count in counts:
            with _peers(pythons, picture, count, yunet_model) as peers, _threads(count):
                for name, peer in peers.items():
                    numbers["opencv"][name] = peer.call("facts")["opencv"]
                for min_face in MIN_FACES:
                    detector = Detector(cascade, min_face=min_face)
                    faces = {OURS: len(detector.detect(image).boxes)}
                    faces |= {name: p.call("faces", name, min_face) for name, p in peers.items()}
                    times = _take_turns(detector, image, min_face, peers, rounds, progress)
                    rows += _rows(times, faces, min_face, count)
                    numbers["milliseconds"].append(
                        {"threads": count, "min_face": min_face, "rounds": times}
                    )
                    if count == 1:
                        verdicts += _verdicts(times, min_face)
                        numbers["steps"][min_face] = timed_steps(detector, image, 3 * rounds)
                        numbers["windows"][min_face] = _windows(detector, image)
    notes += [
        f"Smallest face {min_face}, one thread, ms by step: {_listed(steps)}."
        for min_face, steps in numbers["steps"].items()
    ]
    notes += [
        f"Smallest face {min_face}, windows: {_listed(windows)}."
        for min_face, windows in numbers["windows"].items()
    ]
    versions = _listed(numbers["opencv"])
    notes.append(
        f"OpenCV of the peers: {versions or 'none'}. Windows shrink by {cascade.factor:g} from "
        "level to level. YuNet has no smallest face; Haar: scale 1.1, 3 neighbours."
    )
    return Part(
        f"One photograph of {image.shape[1]} x {image.shape[0]}, milliseconds",
        ["detector", "smallest face", "threads", "ms", "/ YuNet", "faces"],
        rows,
        verdicts,
        notes,
        texts=1,
        numbers=numbers,
    )


@contextmanager
def _peers(
    pythons: Mapping[str, str | None], picture: Path, count: int, model: Path | None
) -> Iterator[dict[str, Asked]]:
    """The peers that are there, each in a process of its own."""
    with ExitStack() as stack:
        found = {}
        for name, python in pythons.items():
            words = [str(picture), str(count), str(model or "")]
            peer = stack.enter_context(
                Asked(python or sys.executable, "bench_detect_side.py", words, side=name)
            )
            if name in peer.call("facts")["peers"]:
                found[name] = peer
        yield found


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """So many for the kernels and for OpenCV, which halves photographs."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(count)
    try:
        with limited(count, compiled=False):
            yield
    finally:
        cv2.setNumThreads(before)


def _take_turns(
    detector: Detector,
    image: np.ndarray,
    min_face: int,
    peers: Mapping[str, Asked],
    rounds: int,
    progress: Progress,
) -> dict[str, list[float]]:
    """Milliseconds by detector, one number per round."""
    times: dict[str, list[float]] = {name: [] for name in (OURS, *peers)}
    for _ in range(rounds):
        times[OURS].append(_milliseconds(detector, image))
        for name, peer in peers.items():
            times[name].append(peer.call("milliseconds", name, min_face, _REPEATS))
        progress.advance()
    return times


def _milliseconds(detector: Detector, image: np.ndarray) -> float:
    times = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        detector.detect(image)
        times.append(1000 * (time.perf_counter() - start))
    return median(times)


def _rows(
    times: Mapping[str, Sequence[float]], faces: Mapping[str, int], min_face: int, count: int
) -> list[list[str]]:
    yunet = median(times["YuNet"]) if "YuNet" in times else None
    rows = []
    for name in (OURS, *PEERS):
        row = [name, str(min_face), str(count)]
        if name in times:
            middle = median(times[name])
            ratio = "" if yunet is None else number(middle / yunet)
            rows.append([*row, number(middle), ratio, str(faces[name])])
        else:
            rows.append([*row, "not installed", "", ""])
    return rows


def _verdicts(times: Mapping[str, Sequence[float]], min_face: int) -> list[Verdict]:
    return [
        Verdict(
            f"one photograph, smallest face {min_face}, our time / {name}'s",
            median(times[OURS]) / median(times[name]),
            goal,
            most=True,
        )
        for (name, smallest), goal in GOALS.items()
        if smallest == min_face and name in times
    ]


def _windows(detector: Detector, image: np.ndarray) -> dict[str, int]:
    trace = detector.detect(image, trace=True).trace
    assert trace is not None
    return {"all": trace.windows, **{step.stage: len(step.frames) for step in trace.steps}}


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name} {value if isinstance(value, str | int) else number(value)}"
        for name, value in values.items()
    )
