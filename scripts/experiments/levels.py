"""Cascades of one, two and three levels: what the small and the middle net are there for."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

import numpy as np

from cascade import Detector
from cascade.bundle import Cascade
from cascade.evaluation import Roc, rate_at
from lasagnette.ops.kernels.pools import threads
from scripts.cascade_photos import SMALLEST
from scripts.experiments.photographs import (
    ERRORS,
    FEW_ERRORS,
    Photographs,
    Search,
    curve_line,
    loosened,
    rates,
    search,
    split_cascade,
)
from scripts.experiments.recipe import Bench, Line, Measured, Outcome, Panel, Plot, Table, Verdict
from scripts.experiments.results import percent
from scripts.experiments.turns import in_turns

__all__ = ["EXPERIMENT", "LARGE", "SMALL", "THREE", "TWO", "Level", "judge", "seen", "variants"]

SMALL, LARGE = "small alone", "large alone"
TWO, THREE = "two levels", "three levels"
EVERY, EVERY_QUICK = 10, 100  # one photograph in so many: the large net alone takes seconds
REST, REST_QUICK = 1, 12  # the same where it does not take part
TIMED, TIMED_QUICK = 4, 2  # photographs of a turn
ROUNDS, ROUNDS_QUICK = 2, 1
STRICT = FEW_ERRORS[0]  # false positives per photograph by which the small net's quality is judged
WORSE = 0.05  # recall by which the small net alone has to be worse
SLOWER = 10.0  # times as long: more than tricks could win back


@dataclass(frozen=True)
class Level:
    """What a variant found and took.

    Attributes
    ----------
    name : str
    recall : float
        Share of the faces at `ERRORS` false positives per photograph, on the few photographs.
    strict : float
        At `STRICT`, on all photographs that it was measured on.
    milliseconds : float
        Time of a photograph.
    seen : mapping
        Windows per photograph by the detection net that classifies them.
    """

    name: str
    recall: float
    strict: float
    milliseconds: float
    seen: Mapping[str, float]


def variants(cascade: Cascade) -> dict[str, Cascade]:
    """Return cascades of the nets of a cascade with three stages."""
    small, _, large = cascade.stages
    everything = replace(small, threshold=0.0, calibration=None, overlap=1.0)
    return {
        SMALL: replace(cascade, stages=(small,)),
        # A first net that lets all windows pass costs little beside what comes after it.
        LARGE: replace(cascade, stages=(everything, large)),
        TWO: replace(cascade, stages=(small, large)),
        THREE: cascade,
    }


def seen(cascade: Cascade, found: Search) -> dict[str, float]:
    """Return windows per photograph by detection net, without one that lets everything pass."""
    counts, before = {}, "windows"
    for stage in cascade.stages:
        if stage.threshold > 0:
            counts[stage.detection.name] = found.step(before).frames
        before = f"{stage.detection.name} in size"
    return counts


def judge(levels: Sequence[Level]) -> tuple[Verdict, str]:
    """Hold the four variants against what the article says of them."""
    by_name = {level.name: level for level in levels}
    small, large, two, three = (by_name[name] for name in (SMALL, LARGE, TWO, THREE))
    poor = small.strict < three.strict - WORSE
    slow = large.milliseconds > SLOWER * three.milliseconds
    quicker = three.milliseconds < two.milliseconds
    why = (
        f"At {STRICT:g} false positives per photograph the small net alone finds "
        f"{percent(small.strict, 1)}, three levels {percent(three.strict, 1)}: "
        f"{'as' if poor else 'not what'} the article says. The large net alone takes "
        f"{large.milliseconds / three.milliseconds:.0f} times as long as three levels; at "
        f"{ERRORS:g} false positives it finds {percent(large.recall, 1)}, they "
        f"{percent(three.recall, 1)}. Three levels take "
        f"{percent(three.milliseconds / two.milliseconds, 0)} of the time of two, which find "
        f"{percent(two.recall, 1)}: the middle net {'pays' if quicker else 'does not pay'}."
    )
    held = poor + slow + quicker
    verdict: Verdict = "reproduced" if held == 3 else "partly" if held else "not reproduced"
    return verdict, why


def _measure(bench: Bench) -> Outcome:
    quick = bench.quick
    made = variants(split_cascade())
    few = Photographs.reporting(bench.data, bench.say, EVERY_QUICK if quick else EVERY)
    many = Photographs.reporting(bench.data, bench.say, REST_QUICK if quick else REST)
    with threads(bench.threads, compiled=False):
        found, curves = {}, {}
        for name, cascade in made.items():
            bench.say(f"{name} on {len(few.records)} photographs ...")
            found[name] = search(loosened(cascade), few)
            curves[name] = found[name].curve()
        rest = {}
        for name in (SMALL, TWO, THREE):
            bench.say(f"{name} on {len(many.records)} photographs ...")
            rest[name] = search(loosened(made[name]), many).curve()
    # With more, few windows would pay for waking threads, the more the busier they are.
    with threads(1, compiled=False):
        images = few.first(TIMED_QUICK if quick else TIMED).images()
        rounds = ROUNDS_QUICK if quick else ROUNDS
        bench.say(f"Time of {len(images)} photographs, {rounds} rounds ...")
        ready = {name: loosened(made[name], _threshold(curves[name])) for name in made}
        ways = {name: _way(cascade, images) for name, cascade in ready.items()}
        seconds = in_turns(ways, rounds)
    levels = [
        Level(
            name,
            rate_at(curves[name], ERRORS),
            rate_at(rest.get(name, curves[name]), STRICT),
            1000 * median(seconds[name]) / len(images),
            seen(made[name], found[name]),
        )
        for name in made
    ]
    return _conclude(levels, curves, rest, f"{len(images)} of them")


def _threshold(curve: Roc) -> float:
    """The lowest score that brings no more than `ERRORS` false positives per photograph."""
    within = curve.thresholds[curve.false_positives <= ERRORS * curve.images]
    return float(within[-1]) if len(within) else 1.0


def _way(cascade: Cascade, images: Sequence[np.ndarray]) -> Callable[[], object]:
    detector = Detector(cascade, min_face=SMALLEST)
    return lambda: deque(detector.detect_many(enumerate(images)), maxlen=0)


def _conclude(
    levels: Sequence[Level],
    curves: Mapping[str, Roc],
    rest: Mapping[str, Roc],
    timed: str,
) -> Outcome:
    verdict, why = judge(levels)
    nets = list(levels[-1].seen)
    names = tuple(level.name for level in levels)
    some, whole = curves[THREE], rest[THREE]
    by_name = {level.name: level for level in levels}
    return Outcome(
        figure="Found: "
        + "; ".join(
            f"{name} {percent(by_name[name].recall, 1)} in {by_name[name].milliseconds:,.0f} ms"
            for name in names
        )
        + f" (faces at {ERRORS:g} false positives per photograph, time of a photograph).",
        verdict=verdict,
        because=f"{why} The nets are those of the packaged cascade, each trained for its place: "
        "the large one on windows that the nets before it had moved onto the faces, so that alone "
        "it sees windows of another kind.",
        tables=(
            Table(
                f"The same {some.images} photographs with {some.faces} faces for all, evenly from "
                "FDDB's folds 06 to 08 (for more, the large net alone is too slow): recall at so "
                f"many false positives per photograph, time on {timed} "
                f"at {ERRORS:g} false positives (one thread, median of turns), and windows per "
                "photograph that each net classifies.",
                (
                    "",
                    *(f"recall at {errors:g}" for errors in FEW_ERRORS),
                    "milliseconds",
                    *(f"windows, {net}" for net in nets),
                ),
                tuple(
                    (
                        level.name,
                        *rates(curves[level.name]),
                        f"{level.milliseconds:,.1f}",
                        *(f"{level.seen[net]:,.1f}" if net in level.seen else "" for net in nets),
                    )
                    for level in levels
                ),
            ),
            Table(
                f"Recall on {whole.images} photographs with {whole.faces} faces, without the large "
                "net alone.",
                ("", *(f"at {errors:g}" for errors in FEW_ERRORS)),
                tuple((name, *rates(curve)) for name, curve in rest.items()),
            ),
        ),
        plots=(
            Plot(
                "levels",
                "Cascades of one, two and three levels on the same photographs: share of the faces "
                "found against false positives, and time of a photograph.",
                (
                    Panel(
                        f"{some.images} photographs of FDDB",
                        "false positives per photograph",
                        "share of the faces",
                        tuple(curve_line(name, curves[name]) for name in names),
                        log_x=True,
                    ),
                    Panel(
                        "time of a photograph",
                        "",
                        "milliseconds",
                        (Line("", range(len(levels)), [one.milliseconds for one in levels]),),
                        names,
                        bars=True,
                        low=0,
                    ),
                ),
            ),
        ),
    )


EXPERIMENT = Measured(
    name="levels",
    title="One, two and three levels",
    source='"Two networks", "Optimisation II"',
    claim="A small net does not give the quality, a large one cannot look at thousands of windows. "
    "Two levels were still rather slow; with a middle one between them it is fast enough.",
    method="The packaged cascade's nets, each with its calibration net: the small one alone, the "
    "large one alone on the same windows, small and large, and all three; windows from "
    f"{SMALLEST} pixels on, the first thresholds as packaged.",
    measure=_measure,
)
