"""Batch normalisation: with and without, at several dropouts."""

from __future__ import annotations

from scripts.experiments.conclusions import curves, detection_table, mean, points, samples_to
from scripts.experiments.recipe import Line, Outcome, Panel, Plot, Table, Trained, Variant
from scripts.experiments.results import Results, mean_and_spread
from scripts.experiments.settings import ALL, AUGMENTED, NET24

__all__ = ["EXPERIMENT"]

_RECIPE = {**NET24, **ALL, **AUGMENTED}
DROPOUTS = {"no": 0.0, "half": 0.5, "full": 1.0}
WITH, WITHOUT = "with", "without"
MEASURE = "augmented/accuracy"
BOTTOM = 0.75  # of whoever calls everything background


def _name(normalised: str, dropout: str) -> str:
    return f"{normalised} normalisation, {dropout} dropout"


def _conclude(results: Results) -> Outcome:
    early = {
        name: float(samples_to(results, name, 0.9, BOTTOM).mean()) for name in results.variants
    }
    final = {name: mean(results, MEASURE, name) for name in results.variants}
    ratios = [early[_name(WITH, d)] / early[_name(WITHOUT, d)] for d in DROPOUTS]
    faster = all(ratio < 1 for ratio in ratios)
    less = final[_name(WITH, "half")] - final[_name(WITHOUT, "full")]
    same = less > -0.002
    labels = tuple(f"{name} dropout" for name in DROPOUTS)
    bars = tuple(
        Line(f"{way} normalisation", list(range(3)), [early[_name(way, d)] for d in DROPOUTS])
        for way in (WITH, WITHOUT)
    )
    return Outcome(
        figure="Samples until 90 % of the way to the last accuracy, with normalisation over "
        "without: "
        + ", ".join(
            f"{ratio:.2f} ({name} dropout)" for name, ratio in zip(DROPOUTS, ratios, strict=True)
        )
        + f". With it and half the dropout {points(less)} from full dropout without it.",
        verdict="reproduced"
        if faster and same
        else "partly"
        if faster or same
        else "not reproduced",
        because=f"Convergence is {'faster at every dropout' if faster else 'not always faster'}; "
        f"less dropout {'costs no' if same else 'costs'} quality. The way begins at 75 %, which "
        "whoever calls everything background has.",
        tables=(
            detection_table(results),
            Table(
                "Samples until 90 % of the way from 75 % to the last validation accuracy; mean "
                "over the seeds.",
                ("", "samples", "last accuracy, augmented set"),
                tuple(
                    (
                        name,
                        f"{early[name]:,.0f}",
                        mean_and_spread(results.measure(MEASURE, name)),
                    )
                    for name in results.variants
                ),
            ),
        ),
        plots=(
            curves(results, "net24 with and without batch normalisation.", low=0.8),
            Plot(
                "steps",
                "Samples until 90 % of the way to the last accuracy.",
                (Panel("samples to 90 %", "", "samples", bars, labels=labels, bars=True),),
            ),
        ),
    )


EXPERIMENT = Trained(
    name="batch-norm",
    title="With and without batch normalisation, at several dropouts",
    source='"Two networks", "Batch normalization"',
    claim="The same quality with less dropout, and faster convergence: nets come quickly to 90 % "
    "of their final quality. (The comparison itself was lost.)",
    method="net24 with and without batch normalisation, with no, half and full dropout; all data, "
    "augmented; net12 and net48 with and without stand in rows of their own.",
    variants=tuple(
        Variant(_name(way, dropout), {**_RECIPE, "batch_norm": way == WITH, "dropout": factor})
        for dropout, factor in DROPOUTS.items()
        for way in (WITH, WITHOUT)
    ),
    conclude=_conclude,
)
