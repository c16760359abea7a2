"""The same small net, with the first article's augmentation of training and test set."""

from __future__ import annotations

from scripts.experiments.conclusions import better, curves, detection_table, mean, points, said
from scripts.experiments.net12_plain import LINEAR, NORMALISED, PRINTED
from scripts.experiments.recipe import Outcome, Trained, Variant
from scripts.experiments.results import Results
from scripts.experiments.settings import AUGMENTED, FDDB, NET12, PLAIN
from scripts.experiments.strides import drawn_strides

__all__ = ["EXPERIMENT"]

_RECIPE = {**NET12, **FDDB, **AUGMENTED}
_PLAIN = {**NET12, **FDDB, **PLAIN}
UNCHANGED = "linear output, not augmented"


def _conclude(results: Results) -> Outcome:
    measure = "augmented/accuracy"
    gain = mean(results, measure, LINEAR) - mean(results, measure, UNCHANGED)
    sure = better(results, measure, LINEAR, UNCHANGED)
    return Outcome(
        figure=f"On the augmented test set {said(results, measure, PRINTED)} as printed, "
        f"{said(results, measure, LINEAR)} with a linear output, "
        f"{said(results, measure, NORMALISED)} with batch normalisation; the net that learnt from "
        f"unchanged frames has {said(results, measure, UNCHANGED)} there.",
        verdict="reproduced" if sure else "partly" if gain > 0 else "not reproduced",
        because="The article shows a graph only. Augmentation changes the accuracy of the net with "
        f"a linear output by {points(gain)} on the augmented set, "
        f"{'with every seed' if sure else 'not with every seed, or of fewer than three'}; on the "
        "frames as they stand it is "
        f"{said(results, 'clean/accuracy', LINEAR)} after "
        f"{said(results, 'clean/accuracy', UNCHANGED)}.",
        tables=(detection_table(results),),
        plots=(curves(results, "net12 on FDDB, training and test set augmented."),),
        examples=drawn_strides(results, NORMALISED),
    )


EXPERIMENT = Trained(
    name="net12-augmented",
    title="net12, augmented training and test sets",
    source='"Brotherhood of data", "Augmentation"',
    claim="Better (a graph only); drawn with a smaller stride, windows are filtered in their own "
    "size first (blue), then among all sizes (green).",
    method="Each face is moved, scaled and stretched at random, and mirrored with probability .5, "
    "anew every time; the validation crops are changed by the same intervals, once. Beside it, the "
    "net that learnt from unchanged frames, on the same crops.",
    variants=(
        Variant(PRINTED, {**_RECIPE, "faithful": True}),
        Variant(LINEAR, _RECIPE),
        Variant(NORMALISED, {**_RECIPE, "batch_norm": True}),
        Variant(UNCHANGED, _PLAIN),
    ),
    conclude=_conclude,
)
