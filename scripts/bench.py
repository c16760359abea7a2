"""`lasagnette bench`: our nets beside PyTorch's, in one run."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import click

__all__ = ["bench"]

REPEATS = {("net12", "forward"): 10, ("net12", "training"): 10}
PASSES = [(net, kind) for net in ("net12", "net48") for kind in ("forward", "training")]


@click.command()
@click.option(
    "--threads",
    multiple=True,
    type=click.IntRange(1),
    default=(1, 2),
    show_default=True,
    help="Numbers of threads to time with.",
)
@click.option(
    "--rounds",
    type=click.IntRange(1),
    default=9,
    show_default=True,
    help="Both sides take turns so many times; the medians are compared.",
)
@click.option(
    "--torch-python",
    type=click.Path(exists=True, dir_okay=False),
    metavar="PYTHON",
    help="A Python that has PyTorch  [default: this one]",
)
def bench(threads: tuple[int, ...], rounds: int, torch_python: str | None) -> None:
    """Time net12 (batches of 1024) and net48 (of 128) against PyTorch, as ratios.

    The nets are the same on both sides: 'same' convolutions, all dropouts, plain SGD. Two processes
    take turns, so that what else the machine does falls on both. Install the rival with
    `pip install torch==2.13.0`, or name a Python that has it. Prints one line of JSON per case.
    """
    if torch_python is None and find_spec("torch") is None:
        raise click.UsageError(
            "this Python has no PyTorch to compare with; install torch==2.13.0 "
            "or name a Python that has it with --torch-python."
        )
    for count in threads:
        ours = _Side(sys.executable, "lasagnette", count)
        theirs = _Side(torch_python or sys.executable, "torch", count)
        with ours, theirs:
            for case in PASSES:
                _compare(ours, theirs, case, count, rounds)


def _compare(ours: _Side, theirs: _Side, case: tuple[str, str], threads: int, rounds: int) -> None:
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for side, found in zip((ours, theirs), times, strict=True):
            found.append(median(side.time(case)))
    mine, rival = median(times[0]), median(times[1])
    net, kind = case
    result = {
        "net": net,
        "pass": kind,
        "threads": threads,
        "ms": round(mine, 2),
        "torch_ms": round(rival, 2),
        "ratio": round(mine / rival, 3),
    }
    click.echo(json.dumps(result))


class _Side:
    """One process of `scripts.bench_nets`."""

    def __init__(self, python: str, side: str, threads: int) -> None:
        script = str(Path(__file__).with_name("bench_nets.py"))
        click.echo(f"Starting {side} with {threads} thread(s) ...", err=True)
        self._process = subprocess.Popen(
            [python, script, side, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer()

    def __enter__(self) -> _Side:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def time(self, case: tuple[str, str]) -> list[float]:
        """Return the milliseconds of every repeat of one case."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # said by _answer
            self._process.stdin.write(f"{case[0]} {case[1]} {REPEATS.get(case, 1)}\n")
            self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> list[float]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise click.ClickException("one side of the benchmark ended; its error stands above")
        return json.loads(line)
