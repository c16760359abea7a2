"""Part of `lasagnette bench augment`: the memory of a server's processes over a long stream."""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np

from augment.index import FACE, Index
from augment.recipe import Recipe
from augment.server import Server
from scripts.bench_part import Part, Verdict, number
from scripts.bench_processes import memory, processes
from scripts.bench_streams import endless
from scripts.progress import Progress

__all__ = ["TOGETHER", "measure_memory", "slope"]

SIDE, BATCH = 48, 128
WORKERS = 2
DECODED_BYTES = 400 * 300 * 3 * 4 // 3  # of one of the benchmark's pictures, with its halvings
SAMPLE_SECONDS = 1.0
WINDOW_SECONDS = 60.0
GOAL = 2.0  # percent
TOGETHER = "together"


def measure_memory(index: Index, seconds: float) -> Part:
    """Read a stream as fast as it comes, and look at the memory of its processes each second.

    Only Linux tells it.

    The caches hold half of the pictures, so that decoding and forgetting never end.

    Parameters
    ----------
    index
        Faces and pictures for backgrounds.
    seconds
        How long, once the caches are full.
    """
    faces = index.select(index.labels == FACE)
    pictures = len(np.unique(faces.paths))
    cache_bytes = pictures * DECODED_BYTES // 2
    recipe = Recipe(SIDE, BATCH)
    times: list[float] = []
    resident: dict[str, list[float]] = {}
    shared: dict[str, list[float]] = {}
    taken = 0
    with (
        Server(index, recipe, 1, workers=WORKERS, cache_bytes=cache_bytes) as server,
        Progress(round(seconds / SAMPLE_SECONDS), "memory") as progress,
    ):
        batches = endless(server)
        for _ in range(server.steps_per_epoch):
            next(batches)
        pids = processes(server)
        started = due = time.perf_counter()
        while (now := time.perf_counter() - started) < seconds:
            if started + now >= due:
                due += SAMPLE_SECONDS
                times.append(now)
                for name, pid in pids.items():
                    rss, pss = memory(pid)
                    resident.setdefault(name, []).append(rss)
                    shared.setdefault(name, []).append(pss)
                progress.advance()
            next(batches)
            taken += BATCH
        hits = server.gauges()["cache/hits"]
    shared[TOGETHER] = np.sum(list(shared.values()), axis=0).tolist()
    return _part(times, resident, shared, taken, now, hits)


def slope(times: list[float], values: list[float]) -> float:
    """Growth per minute: of the straight line nearest to the values."""
    if len(times) < 2:
        return 0.0
    return 60 * float(np.polyfit(times, values, 1)[0])


def _part(
    times: list[float],
    resident: Mapping[str, list[float]],
    shared: Mapping[str, list[float]],
    taken: int,
    seconds: float,
    hits: float,
) -> Part:
    # Of a short stream the thirds are compared.
    window = min(WINDOW_SECONDS, seconds / 3)
    at = np.array(times)
    first, last = at <= window, at >= at[-1] - window
    rows, ends = [], {}
    for name, values in shared.items():
        values_at = np.array(values)
        ends[name] = float(values_at[first].mean()), float(values_at[last].mean())
        whole = [f"{max(resident[name]):.1f}"] if name in resident else [""]
        numbers = [*ends[name], float(values_at.max())]
        rows.append([name, *(f"{n:.1f}" for n in numbers), f"{slope(times, values):+.2f}", *whole])
    before, after = ends[TOGETHER]
    verdict = Verdict(
        f"growth from the first {window:.0f} s to the last, all processes",
        100 * (after - before) / before,
        GOAL,
        most=True,
        unit=" %",
    )
    return Part(
        f"Memory in MB over {seconds / 60:.1f} minutes",
        ["process", f"first {window:.0f} s", f"last {window:.0f} s", "peak", "/min", "peak RSS"],
        rows,
        [verdict],
        [
            (
                f"{number(taken)} samples, {WORKERS} workers; the caches hold half of the pictures "
                f"and found {hits:.0%} of them at the end. All but the last column count a page "
                "that several processes share in parts (PSS), so they add up."
            ),
        ],
        numbers={
            "seconds": times,
            "pss_mb": dict(shared),
            "rss_mb": dict(resident),
            "samples": taken,
            "cache_hits": hits,
        },
    )
