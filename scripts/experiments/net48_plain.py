"""The large net on little data: the first article's disappointment."""

from __future__ import annotations

from scripts.experiments.conclusions import curves, detection_table, mean, overfit, said
from scripts.experiments.net12_plain import LINEAR, NORMALISED, PRINTED
from scripts.experiments.recipe import Outcome, Trained, Variant, Verdict
from scripts.experiments.results import Results
from scripts.experiments.settings import FDDB, NET48, PLAIN

__all__ = ["EXPERIMENT"]

_RECIPE = {**NET48, **FDDB, **PLAIN}
UNDROPPED = "linear output, a quarter of the dropout"


def _conclude(results: Results) -> Outcome:
    final = {name: mean(results, "clean/balanced_accuracy", name) for name in results.variants}
    rise = {name: overfit(results, name) for name in results.variants}
    stuck = [name for name in (PRINTED, LINEAR) if final[name] < 0.75]
    overfits = [name for name in results.variants if rise[name] > 0.02]
    told = []
    if stuck:
        told.append(f"It does not converge {_with(stuck)}.")
    if overfits:
        told.append(
            "The validation loss ends above its lowest value "
            + ", ".join(f"by {rise[name]:.3f} ({name})" for name in overfits)
            + "."
        )
    failed = stuck or [name for name in overfits if name != NORMALISED]
    if not failed:
        told.append(
            "Without normalisation it converges and does not overfit within these samples: Adam "
            "and a rate that falls along a cosine may be kinder than what the article used, which "
            "it does not say."
        )
    rest: Verdict = "partly" if overfits else "not reproduced"
    return Outcome(
        figure=", ".join(f"{said(results, 'clean/accuracy', name)} {name}" for name in final) + ".",
        verdict="reproduced" if failed else rest,
        because=" ".join(told),
        tables=(detection_table(results),),
        plots=(curves(results, "net48 on FDDB alone, without augmentation."),),
    )


def _with(variants: list[str]) -> str:
    return " and ".join(
        {PRINTED: "as printed", LINEAR: "with a linear output"}[v] for v in variants
    )


EXPERIMENT = Trained(
    name="net48-plain",
    title="net48, little data",
    source='"Brotherhood of data", before "Augmentation"',
    claim="Nothing comes of it: the large net does not converge, or, with less dropout, overfits.",
    method="net48 on the same 794 faces and fixed squares: as printed, with a linear output, with "
    "batch normalisation, and with a quarter of the dropout.",
    variants=(
        Variant(PRINTED, {**_RECIPE, "faithful": True}),
        Variant(LINEAR, _RECIPE),
        Variant(NORMALISED, {**_RECIPE, "batch_norm": True}),
        Variant(UNDROPPED, {**_RECIPE, "dropout": 0.25}),
    ),
    conclude=_conclude,
    seeds=(1, 2),
)
