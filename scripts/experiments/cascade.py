"""The whole cascade: its picture, FDDB's curve, and what every step leaves over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from augment.images import SUFFIXES, read_image
from cascade import Detector
from cascade.bundle import Cascade
from cascade.draw_stages import draw_stages
from cascade.evaluation import Roc, rate_at
from lasagnette.ops.kernels.pools import threads
from scripts.cascade_photos import SMALLEST
from scripts.cascade_table import PAPER, measure_stages
from scripts.evaluate_report import NOTE, published
from scripts.experiments.photographs import (
    ERRORS,
    FEW_ERRORS,
    Photographs,
    curve_line,
    loosened,
    rates,
    search,
    split_cascade,
)
from scripts.experiments.recipe import (
    Bench,
    Example,
    Line,
    Measured,
    Outcome,
    Panel,
    Plot,
    Table,
    Verdict,
)
from scripts.experiments.results import percent

__all__ = ["EXPERIMENT", "judge"]

EVERY_QUICK = 20  # one photograph in so many
DRAWN_QUICK = 2  # photographs with a picture of the stages
ALL = "all photographs"
NEARLY = 0.1  # below the paper's recall by no more counts as partly


def judge(first: Mapping[str, Any], last: Mapping[str, Any]) -> tuple[Verdict, str]:
    """Hold the first and the last step's frames and recall against the paper's.

    Parameters
    ----------
    first, last
        Entries of `scripts.cascade_table.measure_stages`: all windows, and what is left at last.
    """
    windows, _ = PAPER["windows"]
    frames, recall = PAPER["calibrate 3"]
    fewer = last["frames"] / first["frames"] <= frames / windows
    verdict: Verdict = "not reproduced"
    if fewer and last["recall"] >= recall:
        verdict = "reproduced"
    elif last["recall"] >= recall - NEARLY:
        verdict = "partly"
    return verdict, (
        f"Of {first['frames']:,.0f} windows in a photograph {last['frames']:.1f} are left, which "
        f"show {percent(last['recall'], 1)} of the faces; in the paper behind the cascade "
        f"{frames:g} of {windows:,.0f}, and {percent(recall, 1)} on all of FDDB."
    )


def _measure(bench: Bench) -> Outcome:
    every = EVERY_QUICK if bench.quick else 1
    cascade = split_cascade()
    with threads(bench.threads, compiled=False):
        photographs = Photographs.reporting(bench.data, bench.say, every)
        bench.say(f"FDDB's curve on {len(photographs.records)} photographs ...")
        found = search(loosened(cascade), photographs)
        curves = {ALL: found.curve()}
        crowded = photographs.crowded()
        if crowded.records:
            curves["two faces or more"] = found.curve(crowded)
        bench.say("What every step leaves over ...")
        stages = measure_stages(cascade, bench.data, every)["stages"]
        bench.say("Pictures of the stages ...")
        examples = _drawn(cascade, bench.data / "demo", DRAWN_QUICK if bench.quick else None)
    return _conclude(curves, stages, bench.data / "roc", examples)


def _drawn(cascade: Cascade, folder: Path, most: int | None) -> tuple[Example, ...]:
    """The whole road of every photograph that may be shown."""
    detector = Detector(cascade, min_face=SMALLEST)
    files = [path for path in sorted(folder.glob("*")) if path.suffix.lower() in SUFFIXES]
    examples = []
    for path in files[:most]:
        image = read_image(path)
        found = detector.detect(image, trace=True)
        assert found.trace is not None
        examples.append(
            Example(
                f"stages-{path.stem}",
                f"{path.name}: {found.trace.windows:,} windows. Red fired, blue left in each "
                f"window size, green left at last: {len(found.boxes)}.",
                draw_stages(image, found),
            )
        )
    return tuple(examples)


def _conclude(
    curves: Mapping[str, Roc],
    stages: Sequence[Mapping[str, Any]],
    references: Path,
    examples: tuple[Example, ...],
) -> Outcome:
    curve = curves[ALL]
    verdict, why = judge(stages[0], stages[-1])
    return Outcome(
        figure=f"{percent(rate_at(curve, ERRORS), 1)} of the faces at {ERRORS:g} false positives "
        f"per photograph ({curve.images} photographs, {curve.faces} faces).",
        verdict=verdict,
        because=f"{why} The article shows a picture and gives no number. The part of FDDB that is "
        "here is easier than the whole: no crowded photographs, few small faces, so that our "
        "figures cannot be set beside published curves; and the first two thresholds were chosen "
        "on the fold that the table of steps is of.",
        tables=(_rates_table(curves), _stages_table(stages)),
        plots=(_plot(curves, references),),
        examples=examples,
    )


def _rates_table(curves: Mapping[str, Roc]) -> Table:
    return Table(
        "Share of the faces found (discrete score, boxes unstretched) at so many false positives "
        f"per photograph; FDDB's folds 06 to 08, smallest face {SMALLEST} pixels.",
        ("", "photographs", "faces", *(f"{errors:g}" for errors in FEW_ERRORS)),
        tuple(
            (name, str(curve.images), str(curve.faces), *rates(curve))
            for name, curve in curves.items()
        ),
    )


def _stages_table(stages: Sequence[Mapping[str, Any]]) -> Table:
    def shown(value: float | None, share: bool = False) -> str:
        if value is None:
            return ""
        return percent(value, 1) if share else f"{value:,.1f}"

    rows = []
    for row in stages:
        frames, recall = PAPER.get(row["role"], (None, None))
        step = row["role"] if row["step"] == row["role"] else f"{row['role']}: {row['step']}"
        rows.append(
            (
                step,
                shown(row["frames"]),
                shown(row["recall"], share=True),
                shown(row["overlap"], share=True),
                shown(frames),
                shown(recall, share=True),
            )
        )
    return Table(
        "What every step leaves over: frames per photograph, share of the faces that one of them "
        "overlaps by half, and mean overlap with the face; FDDB's fold 04. Beside it Li et al. "
        "(CVPR 2015), on all of FDDB, who count after filtering and filter before the last "
        "calibration, too.",
        ("step", "frames", "recall", "overlap", "paper: frames", "recall"),
        tuple(rows),
    )


def _plot(curves: Mapping[str, Roc], references: Path) -> Plot:
    lines = [curve_line(f"ours, {name}", curve) for name, curve in curves.items()]
    for name, (errors, found) in published(references, "discrete").items():
        shown = (errors > 0) & (errors <= FEW_ERRORS[-1])
        lines.append(Line(name, errors[shown].tolist(), found[shown].tolist(), dashed=True))
    return Plot(
        "roc",
        "Share of FDDB's faces found against false positives per photograph (discrete score). "
        "Solid: folds 06 to 08 as far as they are here, an easier part. " + NOTE.capitalize() + ".",
        (
            Panel(
                "FDDB, discrete score",
                "false positives per photograph",
                "share of the faces",
                tuple(lines),
                log_x=True,
                low=0.5,
                high=1,
            ),
        ),
    )


EXPERIMENT = Measured(
    name="cascade",
    title="The whole cascade",
    source='"Two networks", "Detection ready"',
    claim="Classification, calibration and filtering three times over, and a last filtering: a "
    "picture shows how the windows dwindle to one on each face.",
    method="The packaged cascade that never saw the reporting side (cascade-split.h5), trained by "
    "this project's recipe. The picture of the whole pipeline on photographs that may be shown, "
    "FDDB's curve on folds 06 to 08, and what every step leaves over on fold 04, beside the paper "
    "that the cascade follows.",
    measure=_measure,
)
