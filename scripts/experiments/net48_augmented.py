"""The large net with augmentation: sky-high 99 %, with spikes."""

from __future__ import annotations

from scripts.experiments.conclusions import curves, detection_table, jumps, mean, points, said
from scripts.experiments.net12_plain import LINEAR, NORMALISED, PRINTED
from scripts.experiments.recipe import Outcome, Trained, Variant, Verdict
from scripts.experiments.results import Results
from scripts.experiments.settings import AUGMENTED, FDDB, NET48
from scripts.experiments.strides import drawn_strides

__all__ = ["EXPERIMENT"]

_RECIPE = {**NET48, **FDDB, **AUGMENTED}
SPIKE = 0.01  # what counts as one: a fall of the validation accuracy by this


def _conclude(results: Results) -> Outcome:
    measure = "augmented/accuracy"
    shares = {name: mean(results, measure, name) for name in results.variants}
    falls = {name: jumps(results, name) for name in results.variants}
    spikes = max(falls.values()) >= SPIKE
    high = max(shares.values()) >= 0.985  # 99 % as rounded in the article
    verdict: Verdict = "partly" if high or spikes else "not reproduced"
    worst = max(falls, key=lambda name: falls[name])
    return Outcome(
        figure="On the augmented test set "
        + ", ".join(f"{said(results, measure, name)} {name}" for name in results.variants)
        + ".",
        verdict="reproduced" if high and spikes else verdict,
        because=f"{'99 % is reached' if high else '99 % is not reached within these samples'}. "
        f"Spikes: the deepest fall of the validation accuracy between two epochs, after the first "
        f"quarter, is {points(-falls[worst])} on average ({worst})"
        f"{'' if spikes else ', which is no spike'}.",
        tables=(detection_table(results),),
        plots=(curves(results, "net48 on FDDB, training and test set augmented.", low=0.8),),
        examples=drawn_strides(results, NORMALISED),
    )


EXPERIMENT = Trained(
    name="net48-augmented",
    title="net48, augmented",
    source='"Brotherhood of data", "Hurray, we learn!"',
    claim='"Sky-high" 99 %, with strange spikes on the way.',
    method="net48 on FDDB, training and test sets augmented as for net12.",
    variants=(
        Variant(PRINTED, {**_RECIPE, "faithful": True}),
        Variant(LINEAR, _RECIPE),
        Variant(NORMALISED, {**_RECIPE, "batch_norm": True}),
    ),
    conclude=_conclude,
)
