"""Training with data made between the steps, on a thread beside them, and by the server."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from scripts.experiments.recipe import Bench, Line, Measured, Outcome, Panel, Plot, Table, Verdict
from scripts.experiments.results import percent

__all__ = ["EXPERIMENT", "Act", "acts_of", "judge"]

WORKERS = (1, 2)
PICTURES, PICTURES_QUICK = 400, 60
PLANS = {"net12": (512, 100, 9), "net48": (128, 6, 2)}  # batch size, steps and rounds of turns
PLANS_QUICK = {"net12": (512, 40, 1)}
JUDGED = "net12"  # the article's loss was largest with small nets
BUSY = 0.1  # share of waiting below which a step "almost never" waits
SHORT = ("one minibatch again and again", "between the steps", "one thread")


@dataclass(frozen=True)
class Act:
    """One way of making the data.

    Attributes
    ----------
    name : str
    rate : float
        Training samples per second, the median over the rounds.
    waiting : float
        Share of the time without a minibatch, the median over the rounds.
    slowest, fastest : float
        Lowest and highest rate of a round.
    """

    name: str
    rate: float
    waiting: float
    slowest: float
    fastest: float


def acts_of(numbers: Mapping[str, Any]) -> list[Act]:
    """Return the acts of one net: nothing made, between, thread, and servers by their workers.

    Parameters
    ----------
    numbers
        What `scripts.bench_acts.measure_acts` found of the net.
    """
    names = (*SHORT, *(f"server, {count} worker{'s' * (count > 1)}" for count in WORKERS))
    samples = numbers["batch_size"] * numbers["steps"]
    acts = []
    for name, turns in zip(names, numbers["turns"].values(), strict=True):
        rates = [samples / turn["seconds"] for turn in turns]
        waiting = median(turn["waited"] / turn["seconds"] for turn in turns)
        acts.append(Act(name, median(rates), waiting, min(rates), max(rates)))
    return acts


def judge(acts: Sequence[Act]) -> tuple[Verdict, str]:
    """Hold the acts of a small net against the article's three.

    Parameters
    ----------
    acts
        From `acts_of`.

    Returns
    -------
    str, str
        The verdict, and what it rests on.
    """
    _, between, thread, *servers = acts
    server = min(servers, key=lambda act: act.waiting)
    hardly = thread.waiting > between.waiting / 2
    fed = server.waiting < BUSY
    faster = server.rate > max(between.rate, thread.rate)
    held = hardly + fed + faster
    why = (
        f"A thread beside the steps leaves {percent(thread.waiting / between.waiting, 0)} of the "
        f"waiting ({'hardly a help' if hardly else 'a help, unlike in the article'}). "
        f"With the server the steps wait {percent(server.waiting, 1)} of the time "
        f"({'almost never' if fed else 'not as rarely as in the article'}), and the training is "
        f"{'faster' if faster else 'not faster'} than in both other ways."
    )
    verdict: Verdict = "reproduced" if held == 3 else "partly" if held else "not reproduced"
    return verdict, why


def _measure(bench: Bench) -> Outcome:
    from lasagnette.ops import kernels
    from lasagnette.ops.kernels.pools import threads
    from scripts.bench_acts import Act as Plan
    from scripts.bench_acts import measure_acts
    from scripts.bench_pictures import make_pictures

    kernels.keep_memory()  # as a training does
    found: dict[str, list[Act]] = {}
    plans = PLANS_QUICK if bench.quick else PLANS
    count = PICTURES_QUICK if bench.quick else PICTURES
    with tempfile.TemporaryDirectory(prefix="lasagnette-pictures-") as place:
        index, pictures = make_pictures(Path(place), count, bench.data)
        with threads(bench.threads):
            cores = kernels.get_threads()
            for net, (batch_size, steps, rounds) in plans.items():
                bench.say(f"{net}: {rounds} rounds ...")
                part = measure_acts(index, [Plan(net, batch_size, steps)], WORKERS, rounds)
                found[net] = acts_of(part.numbers[net])
    return _conclude(found, pictures, cores)


def _conclude(found: Mapping[str, Sequence[Act]], pictures: str, cores: int) -> Outcome:
    acts = found[JUDGED]
    _, between, thread, *servers = acts
    best = max(servers, key=lambda act: act.rate)
    verdict, why = judge(acts)
    return Outcome(
        figure=f"{JUDGED}: {between.rate:,.0f} samples per second with data made between the steps "
        f"({percent(between.waiting, 0)} of the time waiting), {thread.rate:,.0f} "
        f"({percent(thread.waiting, 0)}) with a thread, {best.rate:,.0f} "
        f"({percent(best.waiting, 0)}) with the {best.name}.",
        verdict=verdict,
        because=f"{why} There is no GPU here and there are not 32 cores: steps and workers share "
        "the same few, so that the server can win no more than the cores that the steps leave.",
        tables=(
            Table(
                f"Training steps by where their data comes from; medians over the rounds, in "
                f"which the ways take turns. {cores} thread{'s' * (cores > 1)} in the kernels; "
                f"{pictures}. With one minibatch again and again nothing is made: the ceiling.",
                ("net", "data", "samples per second", "lowest to highest", "waiting"),
                tuple(
                    (
                        net,
                        act.name,
                        f"{act.rate:,.0f}",
                        f"{act.slowest:,.0f} to {act.fastest:,.0f}",
                        percent(act.waiting, 1),
                    )
                    for net, acts in found.items()
                    for act in acts
                ),
            ),
        ),
        plots=tuple(_plot(net, acts) for net, acts in found.items()),
    )


def _plot(net: str, acts: Sequence[Act]) -> Plot:
    places, labels = tuple(range(len(acts))), tuple(act.name for act in acts)

    def bars(values: Sequence[float], low: Any = None, high: Any = None) -> tuple[Line, ...]:
        return (Line("", places, values, low, high),)

    rates = bars(
        [act.rate for act in acts], [act.slowest for act in acts], [act.fastest for act in acts]
    )
    waiting = bars([100 * act.waiting for act in acts])
    return Plot(
        f"acts-{net}",
        f"{net}, trained on data made in five ways: speed, with lowest and highest round, and "
        "share of the time without a minibatch.",
        (
            Panel("speed", "", "samples per second", rates, labels, bars=True, low=0),
            Panel("waiting for data", "", "% of the time", waiting, labels, bars=True, low=0),
        ),
    )


EXPERIMENT = Measured(
    name="augmentation-server",
    title="Augmentation between the steps, on a thread, and by the server",
    source='"Brotherhood of data", "Optimisation I"',
    claim="Between the steps, the GPU slept while the processor made the data. One thread beside "
    "hardly helped. A server with 32 processes kept the GPU busy from the second epoch on.",
    method="Augmented minibatches of net12 (and of net48, which is slow enough to be fed by "
    "anything) from FDDB photographs, made in the training process, on one thread, and by the "
    "server with one worker and two; one minibatch again and again shows what training alone "
    "takes. On processor cores instead of a GPU and 32 of them.",
    measure=_measure,
)
