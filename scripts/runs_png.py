"""`lasagnette runs export --png`: a run's curves as a picture."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from monitor.reduce import reduce_minmax
from scripts.plot import COLOURS, GRID, INK
from scripts.runs_curves import Curve, Panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_png"]

WIDTH, HEIGHT, DPI = 9.0, 2.8, 110  # inches of a panel
BUCKETS = 1000  # about as many as there are pixels across
SETTINGS: dict[str, Any] = {
    "font.size": 9,
    "text.parse_math": False,  # a dollar in a name is a dollar
    "text.color": INK,
    "axes.edgecolor": "#888888",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": GRID,
    "grid.linewidth": 0.5,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "figure.constrained_layout.use": True,
}


def draw_png(path: Path, title: str, drawn: Sequence[Panel], *, along: str, log: bool) -> None:
    """Draw panels one below the other and write them as a PNG.

    Of a long curve, the mean is drawn and the band of the extremes around it; of a smoothed one,
    the average, and the curve itself faintly.

    Parameters
    ----------
    path : Path
        File to write.
    title : str
    drawn : sequence of Panel
    along : str
        See `scripts.runs_curves.AXES`.
    log : bool
        Draw upwards in powers of ten.
    """
    import matplotlib.style
    from matplotlib.figure import Figure

    with matplotlib.style.context(SETTINGS, after_reset=True):
        figure = Figure(figsize=(WIDTH, HEIGHT * len(drawn) + 0.4), dpi=DPI)
        figure.suptitle(title, x=0.01, ha="left", fontsize=10, fontweight="bold")
        for place, panel in enumerate(drawn, 1):
            axes = figure.add_subplot(len(drawn), 1, place)
            if log:
                axes.set_yscale("log")
            for number, curve in enumerate(panel.curves):
                _draw_curve(axes, curve, COLOURS[number % len(COLOURS)])
            axes.set_xlabel("seconds" if along == "time" else along)
            axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
        draft = path.with_name(f".{path.name}.part")
        try:
            figure.savefig(draft, format="png")
            os.replace(draft, path)
        finally:
            draft.unlink(missing_ok=True)


def _draw_curve(axes: Axes, curve: Curve, colour: str) -> None:
    x, y, smooth = curve.x, curve.y, curve.smooth
    faint = smooth is not None
    if len(x) > BUCKETS:
        band = reduce_minmax(x, y, BUCKETS)
        axes.fill_between(
            band.step, band.lowest, band.highest, color=colour, alpha=0.2, linewidth=0
        )
        starts = np.searchsorted(x, band.step)
        counts = np.diff([*starts, len(x)])
        y = np.add.reduceat(y, starts) / counts
        smooth = None if smooth is None else smooth[starts + counts - 1]
        x = band.step
    axes.plot(
        x,
        y,
        color=colour,
        alpha=0.3 if faint else 1,
        linewidth=0.8 if faint else 1.4,
        label=None if faint else curve.tag,
        marker="o" if len(x) == 1 else "",
    )
    if smooth is not None:
        axes.plot(x, smooth, color=colour, label=curve.tag)
