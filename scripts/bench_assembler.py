"""Part of `lasagnette bench augment`: many workers that only sleep, to load the assembler."""

from __future__ import annotations

from contextlib import ExitStack

from augment.index import FACE, Index
from augment.recipe import Recipe
from augment.server import Server
from scripts.bench_part import Part, Verdict, medians, number, take_turns
from scripts.bench_processes import Clock, processes
from scripts.bench_sleepers import RATE
from scripts.bench_streams import Timed
from scripts.progress import Progress

__all__ = ["measure_assembler"]

SIDE, BATCHES = 48, (128, 512)
GOAL = 20_000.0
WATCHED = ("training", "assembler")


def measure_assembler(index: Index, workers: int, rounds: int, seconds: float) -> Part:
    """Time a server whose workers sleep, for several sizes of minibatch.

    Parameters
    ----------
    index
        Its faces are counted, not read.
    workers
        Simulated ones.
    rounds, seconds
        How often each size has its turn, and how long.
    """
    faces = index.select(index.labels == FACE)
    rates: dict[str, list[float]] = {}
    shares: dict[str, dict[str, float]] = {}
    with Progress(rounds * len(BATCHES), "assembler") as progress:
        for batch in BATCHES:
            recipe = Recipe(SIDE, batch, backgrounds_per_face=0)
            with ExitStack() as stack:
                server = stack.enter_context(
                    Server(faces, recipe, 1, workers=workers, worker="scripts.bench_sleepers")
                )
                side = Timed(f"minibatches of {batch}", server)
                side.warm()
                clock = Clock(processes(server))
                rates |= take_turns([side], rounds, seconds, progress)
                shares[side.name] = clock.shares()
    found = medians(rates)
    rows = [
        [name, number(rate), *(_percent(shares[name].get(one)) for one in WATCHED)]
        for name, rate in found.items()
    ]
    return Part(
        f"Samples per second from {workers} workers that sleep",
        ["", "rate", *(f"{one}'s core" for one in WATCHED)],
        rows,
        [
            Verdict(f"{workers} workers, {name}", rate, GOAL, unit="/s")
            for name, rate in found.items()
        ],
        [
            (
                f"Each worker sleeps 1/{RATE} s for a sample of {SIDE}x{SIDE}, then copies its "
                "pixels into the shared memory; the training copies every minibatch out of it."
            ),
            (
                "The last columns are shares of one core; what the assembler could do ends where "
                "its own reaches 100 %."
            ),
        ],
        numbers={"rates": rates, "medians": found, "shares": shares},
    )


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"
