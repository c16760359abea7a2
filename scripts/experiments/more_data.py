"""Three times the data: small, large and larger nets on FDDB, and on FDDB and LFW."""

from __future__ import annotations

from scripts.experiments.conclusions import (
    better,
    curves,
    detection_table,
    jumps,
    mean,
    points,
    samples_to,
)
from scripts.experiments.recipe import Outcome, Table, Trained, Variant
from scripts.experiments.results import Results
from scripts.experiments.settings import ALL, AUGMENTED, FDDB, NET12, NET48

__all__ = ["EXPERIMENT"]

_NETS = {
    "small": NET12,
    "large": NET48,
    "larger": {**NET48, "net": "net48_large"},
}
_DATA = {"FDDB": FDDB, "FDDB + LFW": ALL}
_COMMON = {**AUGMENTED, "batch_norm": True}
MEASURE = "augmented/accuracy"


def _conclude(results: Results) -> Outcome:
    gains, rows, sure = {}, [], True
    for net in _NETS:
        few, many = f"{net}, FDDB", f"{net}, FDDB + LFW"
        gains[net] = mean(results, MEASURE, many) - mean(results, MEASURE, few)
        sure &= better(results, MEASURE, many, few)
        rows.append(
            (
                net,
                points(gains[net]),
                *(f"{samples_to(results, name, 0.9, 0.75).mean():,.0f}" for name in (few, many)),
                *(points(-jumps(results, name)) for name in (few, many)),
            )
        )
    calmer = sum(
        jumps(results, f"{net}, FDDB + LFW") <= jumps(results, f"{net}, FDDB") for net in _NETS
    )
    larger = mean(results, MEASURE, "larger, FDDB + LFW") - mean(
        results, MEASURE, "large, FDDB + LFW"
    )
    all_better = all(gain > 0 for gain in gains.values())
    said = (
        "Every net gains with every seed"
        if sure
        else "It is not so that every net gains with each of three seeds, or has had as many"
    )
    return Outcome(
        figure="More data changes the accuracy on the augmented test set by "
        + ", ".join(f"{points(gain)} ({net})" for net, gain in gains.items())
        + f"; the larger net is {points(larger)} from the large one with all data.",
        verdict="reproduced" if all_better and calmer == 3 else "partly",
        because=f"{said}. The deepest fall "
        f"between two epochs is smaller, or the same, with more data for {calmer} of 3 nets. Our "
        "tuning side is four fifths LFW, whose faces are all frontal: training on LFW teaches just "
        "what is asked there; the column of FDDB's faces tells how much is left without that.",
        tables=(
            detection_table(results),
            Table(
                "FDDB alone against FDDB and LFW: change of accuracy on the augmented test set; "
                "samples until 90 % of the way from 75 % to the last accuracy; deepest fall of the "
                "validation accuracy between two epochs. Means over the seeds.",
                (
                    "net",
                    "gain",
                    "samples to 90 %, FDDB",
                    "samples to 90 %, FDDB + LFW",
                    "deepest fall, FDDB",
                    "deepest fall, FDDB + LFW",
                ),
                tuple(rows),
            ),
        ),
        plots=(curves(results, "Three nets with batch normalisation on two sets.", low=0.8),),
    )


EXPERIMENT = Trained(
    name="more-data",
    title="Small, large and larger nets on FDDB, and on FDDB and LFW",
    source='"Two networks", "Moar data!"',
    claim="With about three times the data the small net is better, faster and stabler; the large "
    "net's surges are gone, at the price of 0.17 %; a larger one is better still and very stable.",
    method="LFW adds 11,457 frontal faces to FDDB's 794, which is more than the article's factor "
    "of three; its own photographs are not public. All nets have batch normalisation, all training "
    "sets are augmented, and all see the same number of samples. The larger net is this project's "
    "(the article prints none).",
    variants=tuple(
        Variant(f"{net}, {data}", {**settings, **sources, **_COMMON})
        for net, settings in _NETS.items()
        for data, sources in _DATA.items()
    ),
    conclude=_conclude,
)
