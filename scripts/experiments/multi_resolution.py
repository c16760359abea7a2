"""The middle net, with the square at one and at three resolutions."""

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
from scripts.experiments.recipe import Outcome, Trained, Variant
from scripts.experiments.results import Results
from scripts.experiments.settings import ALL, AUGMENTED, NET24

__all__ = ["EXPERIMENT"]

_RECIPE = {**NET24, **ALL, **AUGMENTED, "batch_norm": True}
ONE, THREE = "one resolution", "three resolutions"
MEASURE = "augmented/accuracy"


def _conclude(results: Results) -> Outcome:
    gain = mean(results, MEASURE, THREE) - mean(results, MEASURE, ONE)
    early = {name: float(samples_to(results, name, 0.9, 0.75).mean()) for name in (ONE, THREE)}
    falls = {name: jumps(results, name) for name in (ONE, THREE)}
    faster, calmer = early[THREE] < early[ONE], falls[THREE] < falls[ONE]
    sure = better(results, MEASURE, THREE, ONE)
    return Outcome(
        figure=f"90 % of the way from 75 % to the last accuracy after {early[THREE]:,.0f} samples "
        f"with three resolutions, {early[ONE]:,.0f} with one; last accuracy {points(gain)}.",
        verdict="reproduced"
        if faster and calmer
        else "partly"
        if faster or calmer
        else "not reproduced",
        because=f"It converges {'faster' if faster else 'no faster'} and dangles "
        f"{'less' if calmer else 'no less'} (deepest fall of the validation accuracy between two "
        f"epochs {points(-falls[THREE])} against {points(-falls[ONE])}); the last accuracy is "
        f"{'better with every seed' if sure else 'not better with every seed'}. The author threw "
        "the idea out, too: the middle net need not be that good.",
        tables=(detection_table(results),),
        plots=(curves(results, "net24 with one and with three resolutions.", low=0.8),),
    )


EXPERIMENT = Trained(
    name="multi-resolution",
    title="The middle net, with one and with three resolutions",
    source='"Two networks", after "Detection ready"',
    claim="Converges faster and hangs about less (graphs); rejected all the same.",
    method="net24 (this project's, the article prints none), and the same with half and quarter "
    "resolution beside, their maps joined before the classifier; batch normalisation, all data.",
    variants=(
        Variant(ONE, _RECIPE),
        Variant(THREE, {**_RECIPE, "net": "net24_multi"}),
    ),
    conclude=_conclude,
)
