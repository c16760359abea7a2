"""What the two calibration experiments are made of: one recipe for a small and a large net."""

from __future__ import annotations

from functools import partial
from typing import Any

from scripts.experiments.conclusions import better, mean, points, said
from scripts.experiments.moved import drawn_moves
from scripts.experiments.recipe import Outcome, Plot, Trained, Variant
from scripts.experiments.results import Results
from scripts.experiments.settings import ALL, FDDB, PLAIN

__all__ = ["calibration"]

LITTLE, MUCH = "FDDB", "FDDB + LFW"
ACCURACY = "calibration/accuracy"
BEFORE, AFTER = "calibration/iou_before", "calibration/iou_after"
CLEAR = 0.05  # a gain of accuracy that is called dramatic


def calibration(size: str, **net: Any) -> Trained:
    """Describe the experiment of a calibration net.

    Parameters
    ----------
    size
        'small' or 'large'.
    **net
        Settings of the net and of its training.
    """
    recipe = {**net, **PLAIN, "batch_norm": True}
    return Trained(
        name=f"calibration-{size}",
        title=f"{size.capitalize()} calibration net, with little and with all data",
        source='"Two networks", "Let us try to train this network" and "Moar data!"',
        claim="Calibration works: windows group around the faces. With more data, unlike the "
        "detection nets, a dramatic improvement (graphs), because calibration sets are not "
        "augmented.",
        method=f"{net['net']} with batch normalisation, each training face cut in all 45 classes, "
        "nothing else changed; the faces of FDDB, and those of FDDB and LFW, for the same number "
        "of samples. Measured on 150 faces of the tuning side in all 45 classes: intersection over "
        "union of the crops' squares with the faces', before and after the net has moved them."
        + (
            " As in the cascade, the large net has a second pooling, which the printed one lacks."
            if size == "large"
            else ""
        ),
        variants=(
            Variant(LITTLE, {**recipe, **FDDB}),
            Variant(MUCH, {**recipe, **ALL}),
        ),
        conclude=partial(_conclude, size),
    )


def _conclude(size: str, results: Results) -> Outcome:
    gain = mean(results, ACCURACY, MUCH) - mean(results, ACCURACY, LITTLE)
    works = mean(results, AFTER, MUCH) > mean(results, BEFORE, MUCH) + CLEAR
    sure = better(results, ACCURACY, MUCH, LITTLE)
    return Outcome(
        figure=f"With little data {said(results, ACCURACY, LITTLE)} of the crops in their class, "
        f"with all {said(results, ACCURACY, MUCH)}; overlap with the face "
        f"{mean(results, BEFORE, MUCH):.3f} before, {mean(results, AFTER, LITTLE):.3f} and "
        f"{mean(results, AFTER, MUCH):.3f} after.",
        verdict=(
            "reproduced"
            if works and sure and gain >= CLEAR
            else "partly"
            if works
            else "not reproduced"
        ),
        because=f"{'The net moves windows onto faces' if works else 'The windows hardly move'}. "
        f"All data change the accuracy by {points(gain)} and the overlap afterwards by "
        f"{mean(results, AFTER, MUCH) - mean(results, AFTER, LITTLE):+.3f}. Half of the measured "
        "faces are about as easy as LFW's, which only the second net has seen.",
        tables=(
            results.table(
                "Last weights on faces of the tuning side in all 45 classes; means ± standard "
                "deviations over the seeds.",
                {ACCURACY: "accuracy", BEFORE: "overlap before", AFTER: "overlap after"},
            ),
        ),
        plots=(
            Plot(
                "curves",
                f"The {size} calibration net. Solid: validation, dashed: training, with dropout "
                "on; bands: lowest and highest of the seeds.",
                (
                    results.panel("loss", "valid/loss", beside="train/loss", low=0),
                    results.panel("accuracy", "valid/accuracy", beside="train/accuracy", low=0),
                ),
            ),
        ),
        examples=drawn_moves(results, MUCH),
    )
