"""What an evaluation on FDDB leaves: rates as JSON and as a table, curves as CSV and pictures."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from cascade.evaluation import Roc

__all__ = ["FEW_ERRORS", "Measured", "as_json", "published", "table", "write_curves"]

FEW_ERRORS = (0.02, 0.06, 0.35, 1.0)  # false positives per photograph at which rates are given
KINDS = ("discrete", "continuous")
DIGITS = 5
WHOLE = 2845  # photographs of the whole FDDB, behind the published curves
PUBLISHED = {  # files of the folder roc that are drawn: the cascade's paper, and what frames it
    "Cascade CNN, 2015": "CasCNN-",
    "MTCNN, 2016": "MTCNN-",
    "Joint Cascade, 2014": "JointCascade_",
    "Viola-Jones (OpenCV)": "ViolaJonesScore_n0_",
}
ABBREVIATIONS = {"discrete": "Disc", "continuous": "Cont"}
NOTE = "dashed: whole FDDB, published: not comparable point by point"

Lines = dict[str, tuple["np.ndarray", "np.ndarray"]]


@dataclass(frozen=True)
class Measured:
    """One detector's curve in one view.

    Attributes
    ----------
    view, detector : str
    stretch : float
        Factor of the boxes' heights.
    curve : Roc
        Over all photographs of the view.
    folds : dict of str to Roc
        Over those of a fold, where it has an annotated face.
    """

    view: str
    detector: str
    stretch: float
    curve: Roc
    folds: dict[str, Roc]


def as_json(measured: Sequence[Measured]) -> list[dict[str, Any]]:
    """One entry per view, with all its curves' rates.

    Parameters
    ----------
    measured : sequence of Measured

    Returns
    -------
    list of dict
        ``view``, ``photographs``, ``faces`` and ``curves``; a curve has ``detector``, ``stretch``,
        ``rates`` and, by fold, ``folds``. Rates, 0 to 1, by false positives per photograph and
        kind.
    """
    views: dict[str, dict[str, Any]] = {}
    for one in measured:
        start = {"view": one.view, "photographs": one.curve.images, "faces": one.curve.faces}
        entry = views.setdefault(one.view, {**start, "curves": []})
        entry["curves"].append(
            {
                "detector": one.detector,
                "stretch": one.stretch,
                "rates": _rates(one.curve),
                "folds": {fold: _rates(curve) for fold, curve in one.folds.items()},
            }
        )
    return list(views.values())


def _rates(curve: Roc) -> dict[str, dict[str, float]]:
    from cascade.evaluation import rate_at

    return {
        f"{errors:g}": {kind: round(rate_at(curve, errors, kind=kind), DIGITS) for kind in KINDS}
        for errors in FEW_ERRORS
    }


def table(measured: Iterable[Measured]) -> str:
    """The rates as a Markdown table, discrete and continuous.

    Parameters
    ----------
    measured : iterable of Measured

    Returns
    -------
    str
        Lines without the last one's end.
    """
    heads = ["view", "detector", "stretch", *(f"{errors:g}" for errors in FEW_ERRORS)]
    rows = [heads, ["---"] * len(heads)]
    for one in measured:
        rates = [" / ".join(f"{r[kind]:.3f}" for kind in KINDS) for r in _rates(one.curve).values()]
        rows.append([one.view, one.detector, f"{one.stretch:g}", *rates])
    lines = ["Discrete / continuous rates at false positives per photograph:", ""]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def published(folder: Path, kind: str) -> Lines:
    """Some of the curves that were published for the whole of FDDB.

    Parameters
    ----------
    folder : path
        Of files with a rate and a number of false positives per line.
    kind : {'discrete', 'continuous'}

    Returns
    -------
    dict
        By name: false positives per photograph, rising, and rates; only of files that are there.
    """
    import numpy as np

    curves: Lines = {}
    for name, file in PUBLISHED.items():
        path = folder / f"{file}{ABBREVIATIONS[kind]}ROC.txt"
        if path.is_file():
            rates, errors = np.loadtxt(path, usecols=(0, 1), ndmin=2).T
            order = np.lexsort((rates, errors))
            curves[name] = errors[order] / WHOLE, rates[order]
    return curves


def write_curves(
    measured: Sequence[Measured], folder: Path, folds: Sequence[str], references: Path
) -> None:
    """Write roc.csv, and for every view a picture of the discrete and of the continuous curves.

    Parameters
    ----------
    measured : sequence of Measured
    folder : path
    folds : sequence of str
        Their names, for the pictures' titles.
    references : path
        Folder of the published curves, which go with the view of all photographs.
    """
    _write_csv(measured, folder / "roc.csv")
    for view in dict.fromkeys(one.view for one in measured):
        shown = [one for one in measured if one.view == view]
        for kind in KINDS:
            name = f"roc-{view}.png" if kind == "discrete" else f"roc-{view}-{kind}.png"
            others = published(references, kind) if view == "all" else {}
            _draw(shown, folder / name, kind, folds, others)


def _draw(
    shown: Sequence[Measured], path: Path, kind: str, folds: Sequence[str], others: Lines
) -> None:
    from cascade.evaluation import rate_at
    from scripts.plot import draw_roc

    several = len({one.stretch for one in shown}) > 1
    curves: Mapping[str, tuple] = {
        f"{one.detector}, stretch {one.stretch:g}" if several else one.detector: (
            one.curve.false_positives / one.curve.images,
            getattr(one.curve, kind),
        )
        for one in shown
    }
    # What lies lower is seen as such; a curve of which nothing would be left sets the border.
    worst = min(rate_at(one.curve, max(FEW_ERRORS), kind=kind) for one in shown)
    lowest = min(0.5, max(0.0, math.floor(worst * 10 - 1) / 10))
    curve, stretches = shown[0].curve, "" if several else f", stretch {shown[0].stretch:g}"
    title = f"FDDB folds {', '.join(folds)}, {shown[0].view}: {curve.images} photographs, "
    draw_roc(
        path,
        curves,
        title=f"{title}{curve.faces} faces{stretches}",
        kind=kind,
        dashed=others,
        note=NOTE if others else "",
        lowest=lowest,
    )


def _write_csv(measured: Iterable[Measured], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(
            [
                *("view", "detector", "stretch", "score"),
                *("false_positives", "per_photograph", "discrete", "continuous"),
            ]
        )
        for one in measured:
            curve = one.curve
            for score, errors, discrete, continuous in zip(
                curve.thresholds.tolist(),
                curve.false_positives.tolist(),
                curve.discrete.tolist(),
                curve.continuous.tolist(),
                strict=True,
            ):
                start = [one.view, one.detector, one.stretch, score]
                rows.writerow([*start, errors, errors / curve.images, discrete, continuous])
