"""The printed relu on the two-unit output, after dropout, against a linear one."""

from __future__ import annotations

from scripts.experiments.conclusions import curves, detection_table, mean, points
from scripts.experiments.recipe import Outcome, Trained, Variant
from scripts.experiments.results import Results
from scripts.experiments.settings import AUGMENTED, FDDB, NET12, NET48, PLAIN

__all__ = ["EXPERIMENT"]

_NETS = {"net12": NET12, "net48": NET48}
_SETS = {"plain": PLAIN, "augmented": AUGMENTED}
RELU, LINEAR = "relu", "linear"
MEASURE = "clean/balanced_accuracy"
CLEAR = 0.005


def _conclude(results: Results) -> Outcome:
    kinds = [f"{net}, {data}" for net in _NETS for data in _SETS]
    losses = {
        kind: mean(results, MEASURE, f"{kind}, {LINEAR}")
        - mean(results, MEASURE, f"{kind}, {RELU}")
        for kind in kinds
    }
    silent = {kind: mean(results, "dead/logits", f"{kind}, {RELU}") for kind in kinds}
    worse = [kind for kind, loss in losses.items() if loss > CLEAR]
    dead = [kind for kind, share in silent.items() if share > 0.5]
    return Outcome(
        figure="A linear output changes the balanced accuracy by "
        + ", ".join(f"{points(loss)} ({kind})" for kind, loss in losses.items())
        + "; with relu both outputs are 0, and say nothing, for "
        + ", ".join(f"{100 * share:.1f} %" for share in silent.values())
        + " of the crops.",
        verdict="reproduced"
        if len(worse) == len(kinds)
        else "partly"
        if worse
        else "not reproduced",
        because="Where both outputs are negative a relu gives 0 and 0, and no gradient: the sample "
        "teaches nothing. "
        + (
            f"On average over the seeds that is most of the crops for {', '.join(dead)}: nets that "
            "died. "
            if dead
            else "No variant dies of it altogether. "
        )
        + "The article does not discuss it; its later nets have linear outputs.",
        tables=(detection_table(results),),
        plots=(curves(results, "Relu and linear outputs.", low=0.5),),
    )


EXPERIMENT = Trained(
    name="dropout-output",
    title="The printed relu on the output against a linear one",
    source='"Brotherhood of data", the listings of net12 and net48',
    claim="Both nets are printed with a relu on their two outputs, behind dropout; the nets of "
    "the second article have linear outputs. The reproduction holds if relu does worse.",
    method="The nets of the rows above, which share these trainings: net12 and net48 on FDDB, "
    "plain and augmented, without normalisation.",
    variants=tuple(
        Variant(f"{net}, {data}, {out}", {**settings, **FDDB, **how, "faithful": out == RELU})
        for net, settings in _NETS.items()
        for data, how in _SETS.items()
        for out in (RELU, LINEAR)
    ),
    conclude=_conclude,
    seeds=(1, 2),
)
