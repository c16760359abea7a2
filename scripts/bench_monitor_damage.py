"""Part of `lasagnette bench monitor`: what a flipped bit in a file does to the pages."""

from __future__ import annotations

import os
import random
import shutil
import signal
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from monitor.runlog import Boxes, RunLog
from monitor.status import living_writer, segment_state
from scripts.bench_monitor_runs import quiet
from scripts.bench_monitor_server import Browser, Server
from scripts.bench_part import Part, Verdict
from scripts.progress import Progress

__all__ = ["measure_damage"]

HEAD = 4096  # bytes of a file in which a third of the damages lie
GOOD_STEPS = 100  # of the segment before the damaged one
STEPS = 6000
STRIDE = 100  # steps from picture to picture
WAITS = 2.0  # seconds for another run's answer meanwhile


class _Damaged(NamedTuple):
    """What one flipped bit did.

    Attributes
    ----------
    place
        The byte.
    seconds
        Until everything was answered.
    other
        Until another run's curves were answered meanwhile.
    same
        Whether all is as it was.
    named
        Whether the run says that something is damaged.
    rest
        Whether what lies in another segment is shown.
    mistakes
        Answers with the status 500.
    """

    place: int
    seconds: float
    other: float
    same: bool
    named: bool
    rest: bool
    mistakes: int


def measure_damage(flips: int, seed: int = 1) -> Part:
    """Flip a bit of a segment, ask the server for everything that is in it, and again.

    Half of the segments were left by a killed writer, half were finished. A third of the bits lie
    in the first 4 KiB.
    """
    rng = random.Random(seed)
    found: dict[str, list[_Damaged]] = {}
    with (
        tempfile.TemporaryDirectory(prefix="lasagnette-bench-") as place,
        Progress(flips, "damages") as progress,
        quiet(),
    ):
        for kind in ("left by a killed writer", "finished"):
            runs = Path(place, kind)
            pattern = Path(place, f"pattern {kind}")
            _pattern(pattern, kind != "finished")
            shutil.copytree(pattern, runs / "other")
            content = (pattern / "seg-001.h5").read_bytes()
            count = flips // 2
            places = [rng.randrange(HEAD if n % 3 == 0 else len(content)) for n in range(count)]
            with Server(runs) as server:
                intact = _look(server.browser(), "other")[0]
                found[kind] = []
                for number_, byte in enumerate(places):
                    name = f"damaged-{number_}"
                    _damage(pattern, runs / name, content, byte, 1 << rng.randrange(8))
                    found[kind].append(_judge(server, name, byte, intact))
                    shutil.rmtree(runs / name)
                    progress.advance()
    return _damage_part(found)


def _pattern(folder: Path, killed: bool) -> None:
    """Write a run of two segments, the second with everything in it."""
    rng = np.random.default_rng(0)
    for start in (0, GOOD_STEPS):
        log = RunLog(folder, resume_step=start or None)
        for step in range(start, start + (STEPS if start else GOOD_STEPS)):
            log.scalar("loss", float(step), step)
            log.scalar("accuracy", step / 2, step, step / 100)
            if start and step % STRIDE == 0:
                crop = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
                log.picture("crop", crop, step, {"step": step}, Boxes(np.full((2, 4), step, float)))
                log.text(f"step {step}", step)
                log.histogram("weights", rng.normal(size=100), step)
                log.funnel(step, "net12", 100, 10, 1)
        log.flush()
        writer = living_writer(folder)
        if start and killed and writer is not None:
            os.kill(writer.pid, signal.SIGKILL)
        log.close()
    expected = "dead" if killed else "clean"
    assert segment_state(folder / "seg-001.h5") == expected


def _damage(pattern: Path, folder: Path, content: bytes, place: int, bit: int) -> None:
    damaged = bytearray(content)
    damaged[place] ^= bit
    shutil.copytree(pattern, folder.with_name(f".{folder.name}"))
    folder.with_name(f".{folder.name}").joinpath("seg-001.h5").write_bytes(damaged)
    folder.with_name(f".{folder.name}").rename(folder)


def _judge(server: Server, name: str, place: int, intact: dict[str, Any]) -> _Damaged:
    browser, beside = server.browser(), server.browser()
    while browser.get(f"/api/runs/{name}/architecture").status == 404:
        time.sleep(0.05)  # the folder is searched now and then
    with ThreadPoolExecutor(1) as pool:
        begun = time.perf_counter()
        asked = pool.submit(_look, browser, name)
        other = beside.get("/api/runs/other/series?tag=loss").seconds
        seen, problems, lost = asked.result()
        seconds = time.perf_counter() - begun
    browser.close()
    beside.close()
    shown = min(seen["curves"].get(tag, (0, b""))[0] for tag in ("loss", "accuracy"))
    named, rest = bool(problems or lost), shown >= GOOD_STEPS
    return _Damaged(place, seconds, other, seen == intact, named, rest, browser.mistakes)


def _look(browser: Browser, name: str) -> tuple[dict[str, Any], list[str], int]:
    """Return all that a run's pages show, its problems, and how many pictures are called lost."""
    base = f"/api/runs/{name}"
    seen: dict[str, Any] = {"curves": {}, "pictures": []}
    about = browser.get(base).json()
    for tag in ("loss", "accuracy"):
        answer = browser.get(f"{base}/series", [("tag", tag), ("width", 10_000)])
        if answer.status == 200:
            head = answer.json()
            start = 8 + int.from_bytes(answer.body[4:8], "little")
            total = sum(one["total"] for one in head["series"])
            seen["curves"][tag] = total, answer.body[start:]
    listed = browser.get(f"{base}/pictures", [("tag", "crop"), ("limit", 500), ("boxes", 1)])
    lost = 0
    for picture in listed.json().get("pictures", []):
        answer = browser.get(f"{base}/media/{picture['media']}")
        lost += answer.status != 200
        seen["pictures"].append((picture["step"], picture["boxes"], answer.body))
    for part in ("texts", "funnel", "histograms?tag=weights"):
        seen[part] = browser.get(f"{base}/{part}").body
    problems = browser.get(base).json()["problems"]
    return seen, about["problems"] + problems, lost


def _damage_part(found: dict[str, list[_Damaged]]) -> Part:
    every = [one for those in found.values() for one in those]
    rows = []
    for kind, those in found.items():
        rows.append(
            [
                kind,
                str(len(those)),
                str(sum(one.same for one in those)),
                str(sum(one.named for one in those)),
                str(sum(not one.same and not one.named for one in those)),
                str(sum(not one.rest for one in those)),
                f"{max(one.seconds for one in those):.2f}",
                f"{max(one.other for one in those):.2f}",
            ]
        )
    silent = sum(not one.same and not one.named for one in every)
    hidden = sum(not one.rest for one in every)
    failed = sum(one.mistakes > 0 for one in every)
    waited = max(one.other for one in every)
    return Part(
        "One bit flipped in a segment",
        ["segment", "bits", "no harm", "named", "silent", "rest hidden", "s, most", "others, s"],
        rows,
        [
            Verdict("harm that is not named", silent, 0, most=True),
            Verdict("runs whose other segment is not shown", hidden, 0, most=True),
            Verdict("runs with an answer of status 500", failed, 0, most=True),
            Verdict("another run's answer meanwhile, slowest", waited, WAITS, most=True, unit=" s"),
        ],
        [
            (
                f"A third of the bits in the first {HEAD} bytes. Seconds until the server had "
                "answered for all curves, pictures, texts, histograms and the funnel, and until it "
                "had answered for another run that was asked for at the same time."
            )
        ],
        numbers={kind: [one._asdict() for one in those] for kind, those in found.items()},
    )
