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

SIDE, BATCH = 48, 128
GOAL = 1.8


def measure_scaling(index: Index, rounds: int, seconds: float) -> Part:
    """Time the server with one worker and with two.

    Parameters
    ----------
    index
        Its faces are shown.
    rounds, seconds
        How often each server has its turn, and how long.
    """
    recipe, faces = Recipe(SIDE, BATCH, backgrounds_per_face=0), index.select(index.labels == FACE)
    with ExitStack() as stack, Progress(2 * rounds, "scaling") as progress:
        servers = [stack.enter_context(Server(faces, recipe, 1, workers=count)) for count in (1, 2)]
        sides = [Timed(f"workers: {count}", server) for count, server in enumerate(servers, 1)]
        for side in sides:
            side.warm()
        rates = take_turns(sides, rounds, seconds, progress)
        shares = {
            side.name: _shares(side, server, seconds)
            for side, server in zip(sides, servers, strict=True)
        }
    found = medians(rates)
    one, two = found.values()
    rows = [
        [
            *(name, number(rate), f"{rate / one:.2f}"),
            ", ".join(f"{share:.0%}" for share in shares[name].values()),
        ]
        for name, rate in found.items()
    ]
    return Part(
        "Samples per second, by workers",
        ["", "rate", "scale", "cores: training, assembler, workers"],
        rows,
        [Verdict("2 workers / 1 worker", two / one, GOAL)],
        [
            (
                "The training copies every minibatch and does nothing else. It, the assembler and "
                "the workers share the cores; the last column is the part of one that each used."
            ),
        ],
        numbers={"rates": rates, "medians": found, "shares": shares},
    )


def _shares(side: Timed, server: Server, seconds: float) -> dict[str, float]:
    """What each of a server's processes takes of a core while it is read."""
    clock = Clock(processes(server))
    side.rate(seconds)
    return clock.shares()
