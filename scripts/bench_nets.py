"""`lasagnette bench nets`: our nets beside PyTorch's and beside the NumPy kernels, in one run."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from itertools import product
from statistics import median
from typing import Any

import click

from scripts.bench_machine import load_average, machine
from scripts.bench_nets_report import SIDES, Case, as_dict, print_table
from scripts.bench_nets_side import BATCHES
from scripts.bench_process import TORCH_OPTION, Asked, find_torch
from scripts.bench_report import JSON_OPTION, open_json
from scripts.progress import Progress

__all__ = ["nets"]

REPEATS = {"net12": 10}  # in a round, whose result is their median; one of the larger nets
FALLBACK_ROUNDS = 3  # the NumPy kernels are shown for orientation
PASSES = ("forward", "training")

Work = tuple[str, str]  # net and pass
Times = dict[Work, dict[str, list[float]]]


@click.command()
@click.option(
    "--net",
    "chosen",
    multiple=True,
    type=click.Choice(list(BATCHES)),
    default=list(BATCHES),
    help="Net to time; may be given several times  [default: all four]",
)
@click.option(
    "--threads",
    multiple=True,
    type=click.IntRange(1),
    default=(1, 2),
    show_default=True,
    help="Threads of both sides; may be given several times.",
)
@click.option(
    "--rounds",
    type=click.IntRange(1),
    default=15,
    show_default=True,
    help="Both sides take turns so many times; the medians are compared.",
)
@TORCH_OPTION
@click.option(
    "--backend",
    type=click.Choice(["numba", "c", "jax"]),
    default="numba",
    show_default=True,
    help="What PyTensor compiles our side with.",
)
@click.option(
    "--device",
    type=click.Choice(["cpu", "gpu"]),
    default="cpu",
    show_default=True,
    help="Where both sides run; gpu needs --backend jax and PyTorch with CUDA.",
)
@click.option(
    "--fallback/--no-fallback",
    default=True,
    show_default=True,
    help=f"Time the NumPy kernels, too: one thread, {FALLBACK_ROUNDS} rounds.",
)
@JSON_OPTION
def nets(
    chosen: tuple[str, ...],
    threads: tuple[int, ...],
    rounds: int,
    torch_python: str | None,
    backend: str,
    device: str,
    fallback: bool,
    json_path: str | None,
) -> None:
    """Time the nets of the articles against PyTorch, as ratios of medians.

    net12 runs in batches of 1024; net48, net64_inception and net_smiles of 128. The nets are the
    same on both sides: float32, 'same' convolutions, all dropouts, batch normalisation in
    net_smiles, plain SGD. Two processes take turns, so that what else the machine does falls on
    both. Without PyTorch (`pip install torch==2.13.0`) only our side is timed.
    """
    if device == "gpu" and backend != "jax":
        raise click.UsageError("--device gpu needs --backend jax; the others run on the CPU only.")
    rival = find_torch(torch_python)
    if rival is None:
        click.echo(
            "This Python has no PyTorch to compare with; install torch==2.13.0 or name a Python "
            "that has it with --torch-python.",
            err=True,
        )
    json_file = open_json(json_path)
    work = list(product(dict.fromkeys(chosen), PASSES))
    counts = list(dict.fromkeys(threads)) if device == "cpu" else [1]
    slow_rounds = min(rounds, FALLBACK_ROUNDS) if fallback else 0
    facts = {**machine(), "load_before": load_average(), "rounds": rounds}
    sides: dict[str, Any] = {}
    slow: Times = {case: {} for case in work}
    cases: list[Case] = []
    with Progress(len(work) * (len(counts) * rounds + slow_rounds), "starting") as progress:
        if fallback:
            with _Side("numpy", sys.executable, 1, "cpu", "numba") as numpy:
                sides["numpy"] = numpy.call("facts")
                slow = _measure([numpy], work, slow_rounds, progress)
        for count in counts:
            with ExitStack() as stack:
                ours = _Side("lasagnette", sys.executable, count, device, backend)
                turns = [stack.enter_context(ours)]
                if rival is not None:
                    theirs = _Side("torch", rival, count, device, backend)
                    turns.append(stack.enter_context(theirs))
                sides |= {side.name: side.call("facts") for side in turns}
                for case, times in _measure(turns, work, rounds, progress).items():
                    cases.append(Case(*case, BATCHES[case[0]][0], count, times | slow[case]))
    facts["load_after"] = load_average()
    if json_file is not None:
        with json_file:
            json_file.write(json.dumps(as_dict(facts, sides, cases), indent=2) + "\n")
    if json_path != "-":
        print_table(facts, sides, cases)


def _measure(sides: list[_Side], work: list[Work], rounds: int, progress: Progress) -> Times:
    """Let the sides take turns; return the median of every round by case and side.

    A round goes through all cases, so that a slow minute of the machine falls on none alone.
    """
    for net in dict.fromkeys(net for net, _ in work):
        counted = {side.name: side.call("parameters", net) for side in sides}
        if len(set(counted.values())) != 1:
            raise click.ClickException(
                f"{net} has another number of parameters on each side: {counted!r}"
            )
    for side in sides:
        progress.note(f"Compiling for {SIDES[side.name]}, threads: {side.threads} ...")
        for case in work:
            progress.advance(0, f"compiling {' '.join(case)}")
            side.call("build", *case)
    times: Times = {case: {side.name: [] for side in sides} for case in work}
    for _ in range(rounds):
        for case in work:
            progress.advance(0, f"{' '.join(case)}, threads: {sides[0].threads}")
            for side in sides:
                repeats = side.call("time", *case, REPEATS.get(case[0], 1))
                times[case][side.name].append(median(repeats))
            progress.advance()
    return times


class _Side(Asked):
    """A process of `scripts.bench_nets_side`; `name` is one of `bench_nets_report.SIDES`."""

    def __init__(self, name: str, python: str, threads: int, device: str, backend: str) -> None:
        self.name, self.threads = name, threads
        library = "torch" if name == "torch" else "lasagnette"
        super().__init__(
            python,
            "bench_nets_side.py",
            [library, str(threads), device, backend],
            side=SIDES[name],
            environment={"LASAGNETTE_KERNELS": "numpy"} if name == "numpy" else None,
        )
