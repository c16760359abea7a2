"""Parts of `lasagnette bench monitor`: the list of many runs, and browsers that ask again."""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path
from statistics import median

from monitor.runlog import RunLog
from scripts.bench_monitor_runs import TAGS, many_runs
from scripts.bench_monitor_server import Browser, Server, cpu_seconds
from scripts.bench_part import Part, Verdict, number
from scripts.progress import Progress

__all__ = ["measure_list", "measure_polling"]

LIST, POLLING = 200.0, 5.0  # ms, percent of a core
AGAIN = 20
POLL_SECONDS = 1.0
STEPS = 20  # a second, of the training that is looked at
KINDS = {"a run that trains": STEPS, "a run that is finished": 0}


def measure_list(runs: int, rounds: int) -> Part:
    """Ask for the list of runs; each round with a new server.

    Parameters
    ----------
    runs
        In the folder, some of them killed.
    rounds
        How often.
    """
    pages, firsts, complete, again = [], [], [], []
    with (
        tempfile.TemporaryDirectory(prefix="lasagnette-bench-") as place,
        Progress(rounds, "lists") as progress,
    ):
        many_runs(Path(place, "runs"), runs)
        for _ in range(rounds):
            with Server(Path(place, "runs")) as server:
                browser = server.browser()
                pages.append(1000 * browser.get("/").seconds)
                begun = time.perf_counter()
                answer = browser.get("/api/runs")
                firsts.append(1000 * answer.seconds)
                assert len(answer.json()["runs"]) == runs
                while answer.json()["pending"]:
                    answer = browser.get("/api/runs")
                complete.append(1000 * (time.perf_counter() - begun))
                again += [1000 * browser.get("/api/runs").seconds for _ in range(AGAIN)]
            progress.advance()
    rows = [
        ["the page itself, first of the server", *_figures(pages)],
        ["its first list, nothing read before", *_figures(firsts)],
        ["until every run was read", *_figures(complete)],
        ["the list again", *_figures(again)],
    ]
    return Part(
        f"The list of {runs} runs: milliseconds",
        ["", "median", "fastest", "slowest"],
        rows,
        [
            Verdict("first list of a new server, median", median(firsts), LIST, True, " ms"),
            Verdict("the list again, median", median(again), LIST, True, " ms"),
        ],
        [f"Every tenth run was killed; {len(TAGS)} curves of 1,000 points each."],
        numbers={"page": pages, "first": firsts, "complete": complete, "again": again},
    )


def measure_polling(browsers: int, seconds: float) -> Part:
    """Let browsers ask once a second what is new, and see what the server computes.

    Parameters
    ----------
    browsers
        How many.
    seconds
        How long, for each kind of run.
    """
    shares: dict[str, float] = {}
    answers: dict[str, dict[str, int]] = {}
    slowest: dict[str, float] = {}
    for kind, steps in KINDS.items():
        with tempfile.TemporaryDirectory(prefix="lasagnette-bench-") as place:
            folder = Path(place, "runs")
            shares[kind], answers[kind], slowest[kind] = _poll(folder, browsers, seconds, steps)
    rows = [
        [
            kind,
            f"{shares[kind]:.2f}",
            f"{answers[kind].get('200', 0)}",
            f"{answers[kind].get('304', 0)}",
            number(slowest[kind]),
        ]
        for kind in KINDS
    ]
    return Part(
        f"{browsers} browsers that ask once a second",
        ["", "% of a core", "news", "nothing new", "slowest, ms"],
        rows,
        [
            Verdict(f"{kind}: the server's share of a core", shares[kind], POLLING, True, " %")
            for kind in KINDS
        ],
        [
            (
                f"{seconds:.0f} s each; the training logs {len(TAGS)} numbers {STEPS} times a "
                "second. A page of the list asks every other second, too."
            )
        ],
        numbers={"shares": shares, "answers": answers, "slowest": slowest},
    )


def _poll(
    folder: Path, browsers: int, seconds: float, steps: int
) -> tuple[float, dict[str, int], float]:
    """Return the share of a core in percent, answers by status, and the slowest one in ms."""
    ended = threading.Event()
    with RunLog(folder / "run") as log:
        _log(log, 0)
        if not steps:
            log.close()
        log.flush()
        with Server(folder) as server:
            pages = [_Page(server.browser()) for _ in range(browsers)]
            listing = server.browser()
            while listing.get("/api/runs").json()["pending"]:
                time.sleep(0.05)
            training = threading.Thread(target=_train, args=(log, steps, ended))
            training.start()
            for page in pages:
                page.ask()
            spent, begun = cpu_seconds(server.pid), time.perf_counter()
            threads = [
                threading.Thread(target=page.live, args=(begun + seconds, number / browsers))
                for number, page in enumerate(pages)
            ]
            for thread in threads:
                thread.start()
            while time.perf_counter() < begun + seconds:
                listing.get("/api/runs", cached=True)
                time.sleep(2 * POLL_SECONDS)
            for thread in threads:
                thread.join()
            share = (cpu_seconds(server.pid) - spent) / (time.perf_counter() - begun)
            ended.set()
            training.join()
    counts: dict[str, int] = {}
    for page in pages:
        assert not page.failed, page.failed
        for status in page.statuses:
            counts[str(status)] = counts.get(str(status), 0) + 1
    return 100 * share, counts, 1000 * max(page.slowest for page in pages)


class _Page:
    """A run's page that stays open."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self.statuses: list[int] = []
        self.slowest = 0.0
        self.failed = ""
        query = [*(("tag", tag) for tag in TAGS), ("width", 1200)]
        self._cursor = browser.get("/api/runs/run/series", query).json()["cursor"]

    def ask(self) -> None:
        """Ask what is new."""
        query = [("cursor", self._cursor), *(("tag", tag) for tag in TAGS)]
        answer = self._browser.get("/api/runs/run/delta", query)
        self.statuses.append(answer.status)
        self.slowest = max(self.slowest, answer.seconds)
        if answer.status == 200:
            self._cursor = answer.json()["cursor"]
        elif answer.status != 304:
            self.failed = answer.body.decode()

    def live(self, end: float, delay: float) -> None:
        """Ask once a second until the time is over."""
        self.statuses.clear()
        time.sleep(delay)
        while time.perf_counter() < end and not self.failed:
            begun = time.perf_counter()
            self.ask()
            time.sleep(max(0.0, POLL_SECONDS - (time.perf_counter() - begun)))


def _train(log: RunLog, steps: int, ended: threading.Event) -> None:
    step = 0
    while steps and not ended.wait(1 / steps):
        step += 1
        _log(log, step)


def _log(log: RunLog, step: int) -> None:
    for tag in TAGS:
        log.scalar(tag, 1 / (step + 1), step, step / 100)


def _figures(values: list[float]) -> list[str]:
    return [number(value) for value in (median(values), min(values), max(values))]
