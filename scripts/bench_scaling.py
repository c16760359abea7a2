"""Part of `lasagnette bench augment`: two workers beside one."""

from __future__ import annotations

from contextlib import ExitStack

from augment.index import FACE, Index
from augment.recipe import Recipe
from augment.server import Server
from scripts.bench_part import Part, Verdict, medians, number, take_turns
from scripts.bench_processes import Clock, processes
from scripts.bench_streams import Timed
from scripts.progress import Progress

__all__ = ["measure_scaling"]

SIDE, BATCHES = 48, (128, 512)
GOAL = 1.8


def measure_scaling(index: Index, rounds: int, seconds: float) -> Part:
    """Time the server with one worker and with two, for several sizes of minibatch.

    Parameters
    ----------
    index
        Its faces are shown.
    rounds, seconds
        How often each server has its turn, and how long.
    """
    faces = index.select(index.labels == FACE)
    rates: dict[str, dict[str, list[float]]] = {}
    shares: dict[str, dict[str, dict[str, float]]] = {}
    with Progress(len(BATCHES) * 2 * rounds, "scaling") as progress:
        for batch in BATCHES:
            recipe = Recipe(SIDE, batch, backgrounds_per_face=0)
            with ExitStack() as stack:
                servers = [
                    stack.enter_context(Server(faces, recipe, 1, workers=count)) for count in (1, 2)
                ]
                sides = [Timed(str(count), server) for count, server in enumerate(servers, 1)]
                for side in sides:
                    side.warm()
                rates[str(batch)] = take_turns(sides, rounds, seconds, progress)
                shares[str(batch)] = {
                    side.name: _shares(side, server, seconds)
                    for side, server in zip(sides, servers, strict=True)
                }
    found = {batch: medians(times) for batch, times in rates.items()}
    rows = [
        [
            *(batch, workers, number(rate), f"{rate / of_batch['1']:.2f}"),
            ", ".join(f"{share:.0%}" for share in shares[batch][workers].values()),
        ]
        for batch, of_batch in found.items()
        for workers, rate in of_batch.items()
    ]
    return Part(
        "Samples per second, by workers",
        ["minibatch", "workers", "rate", "scale", "cores: training, assembler, workers"],
        rows,
        [
            Verdict(f"minibatches of {batch}, 2 workers / 1 worker", rate["2"] / rate["1"], GOAL)
            for batch, rate in found.items()
        ],
        [
            (
                "The training copies every minibatch and does nothing else. It, the assembler and "
                "the workers share the cores; the last column is the part of one that each used."
            ),
        ],
        texts=0,
        numbers={"rates": rates, "medians": found, "shares": shares},
    )


def _shares(side: Timed, server: Server, seconds: float) -> dict[str, float]:
    """What each of a server's processes takes of a core while it is read."""
    clock = Clock(processes(server))
    side.rate(seconds)
    return clock.shares()
