"""The first net of the first article: net12 on FDDB alone, faces as they are annotated."""

from __future__ import annotations

from scripts.experiments.conclusions import curves, detection_table, mean, overfit, said
from scripts.experiments.recipe import Outcome, Trained, Variant
from scripts.experiments.results import Results
from scripts.experiments.settings import FDDB, NET12, PLAIN

__all__ = ["EXPERIMENT"]

_RECIPE = {**NET12, **FDDB, **PLAIN}
PRINTED, LINEAR, NORMALISED = "as printed", "linear output", "batch normalisation"


def _conclude(results: Results) -> Outcome:
    shares = {name: mean(results, "clean/accuracy", name) for name in results.variants}
    best = max(shares.values())
    reached = min(shares.values()) >= 0.895
    return Outcome(
        figure=f"{said(results, 'clean/accuracy', PRINTED)} as printed, "
        f"{said(results, 'clean/accuracy', LINEAR)} with a linear output, "
        f"{said(results, 'clean/accuracy', NORMALISED)} with batch normalisation.",
        verdict="reproduced" if reached else "partly" if best >= 0.895 else "not reproduced",
        because="The small net learns at once from 794 faces, as the article says; its set was "
        "another one, so that only the order of the numbers can be compared. The validation loss "
        f"ends {overfit(results, LINEAR):.3f} above its lowest value without normalisation and "
        f"{overfit(results, NORMALISED):.3f} with it: it does not overfit badly.",
        tables=(detection_table(results),),
        plots=(curves(results, "net12 on FDDB alone, without augmentation."),),
    )


EXPERIMENT = Trained(
    name="net12-plain",
    title="net12, FDDB only, no augmentation",
    source='"Brotherhood of data", "All is there, let us learn!"',
    claim="89.5 % of validation crops right at first, 92 % in the graph shown.",
    method="net12 as printed (relu on the two outputs), with a linear output, and with batch "
    "normalisation besides, because the published curves were drawn later from nets that had it. "
    "Faces of FDDB's folds 01 to 03 and 05 as they are annotated, and as many fixed squares "
    "without a face.",
    variants=(
        Variant(PRINTED, {**_RECIPE, "faithful": True}),
        Variant(LINEAR, _RECIPE),
        Variant(NORMALISED, {**_RECIPE, "batch_norm": True}),
    ),
    conclude=_conclude,
)
