"""Plots as SVG: the same bytes from the same numbers, light, and readable at 700 pixels' width."""

from __future__ import annotations

import io
import itertools
import re
import textwrap
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scripts.experiments.points import drawn_points
from scripts.plot import COLOURS, FAINT, GRID, INK, PAPER

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from scripts.experiments.recipe import Line, Panel, Plot

__all__ = ["draw", "size"]

ALONE, BESIDE = (480, 320), (380, 310)  # pixels of a panel: on its own, and one of two in a row
KEY_ROW = 20  # pixels of a row of names
LETTER = 6.6  # pixels, rather too many than too few
MARGIN = 70  # pixels of a panel beside its axes
DPI = 96  # a browser's pixels per inch
FEW = 12  # as many points are marked, as many bars are labelled with their values
FONT = "DejaVu Sans"  # comes with Matplotlib: distances are the same everywhere
SOLID, DASHES = (0.0, ()), (0.0, (4.0, 2.0))
SETTINGS: dict[str, Any] = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "lasagnette",  # else every run invents its own names
    "font.family": FONT,
    "font.size": 9,
    "text.parse_math": False,  # a dollar is a dollar
    "text.color": INK,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": "#888888",
    "axes.labelcolor": INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": GRID,
    "grid.linewidth": 0.5,
    "xtick.color": "#888888",
    "ytick.color": "#888888",
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "lines.linewidth": 1.5,
    "lines.markersize": 4,
    "legend.frameon": False,
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.w_pad": 0.08,
    "figure.constrained_layout.h_pad": 0.08,
}

Drawn = list[tuple["Line", str]]
"""Lines with their colours."""


def draw(plot: Plot, path: Path) -> None:
    """Draw a plot, and write it as SVG on white paper.

    A name has one colour in all panels and stands once above them. Unnamed dashed lines have the
    colours of the panel's named lines, in the same order: say training beside validation. Another
    unnamed line has the colour of the line before it. Two panels stand in a row. Points that are
    not finite, or not above 0 on a logarithmic axis, are left out.

    Parameters
    ----------
    plot : Plot
    path : Path
        File to write.

    Raises
    ------
    ValueError
        If a line's sequences are not equally long, or the labels fit no line.
    """
    import matplotlib.style
    from matplotlib.figure import Figure

    panels = [(panel, _coloured(panel, _colours(plot))) for panel in plot.panels]
    width, height = size(plot)
    # Without the reader's own settings.
    with matplotlib.style.context(SETTINGS, after_reset=True):
        figure = Figure(figsize=(width / DPI, height / DPI))
        columns = min(2, len(panels))
        for place, (panel, lines) in enumerate(panels, 1):
            axes = figure.add_subplot(-(-len(panels) // columns), columns, place)
            _draw_panel(axes, panel, lines, int((width / columns - MARGIN) / LETTER))
        _draw_key(figure, panels, width)
        text = io.StringIO()
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(text, format="svg", metadata=nothing)
    path.write_text(_shortened(text.getvalue()), encoding="utf-8", newline="\n")


def size(plot: Plot) -> tuple[int, int]:
    """Return the width and height of the drawn plot, in pixels."""
    columns = min(2, len(plot.panels))
    width, height = ALONE if columns == 1 else BESIDE
    rows = -(-len(plot.panels) // 2)
    names = list(_colours(plot))
    key = -(-len(names) // _key_columns(names, width * columns)) if len(names) > 1 else 0
    return width * columns, height * rows + KEY_ROW * key


def _colours(plot: Plot) -> dict[str, str]:
    """Give every name a colour, in the order in which they come."""
    names = dict.fromkeys(line.name for panel in plot.panels for line in panel.lines if line.name)
    palette = COLOURS + FAINT
    return {name: palette[place % len(palette)] for place, name in enumerate(names)}


def _coloured(panel: Panel, colours: dict[str, str]) -> Drawn:
    named = [colours[line.name] for line in panel.lines if line.name] or [INK]
    turns, colour, lines = itertools.cycle(named), INK, []
    for line in panel.lines:
        if line.name:
            colour = colours[line.name]
        elif line.dashed:
            colour = next(turns)
        lines.append((line, colour))
    return lines


def _draw_panel(axes: Axes, panel: Panel, lines: Drawn, letters: int) -> None:
    """Draw a panel; `letters` of text stand under its width."""
    from matplotlib.ticker import ScalarFormatter

    place = None
    if panel.bars or panel.labels is not None:
        place = _label_axis(axes, panel, letters)
    else:
        _scale_axis(axes, panel)
    upwards = ScalarFormatter(useOffset=False)
    upwards.set_scientific(False)
    axes.yaxis.set_major_formatter(upwards)
    if panel.bars:
        _draw_bars(axes, panel, lines, place)
    else:
        for line, colour in lines:
            _draw_curve(axes, panel, line, colour, place)
    axes.set_title(textwrap.fill(panel.title, int(letters * 0.9)))
    axes.set_xlabel(panel.across)
    axes.set_ylabel(panel.up)
    axes.set_ylim(bottom=panel.low, top=panel.high)


def _draw_curve(axes: Axes, panel: Panel, line: Line, colour: str, place: Callable | None) -> None:
    x, low, y, high = drawn_points(panel, line)
    if place is not None:
        x = place(x)
    axes.plot(
        x,
        y,
        color=colour,
        linestyle=DASHES if line.dashed else SOLID,
        marker="o" if len(x) <= FEW else "",
    )
    if line.low is not None or line.high is not None:
        axes.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0)


def _draw_bars(axes: Axes, panel: Panel, lines: Drawn, place: Callable | None) -> None:
    assert place is not None
    thick = 0.8 / max(1, len(lines))
    labelled = sum(len(line.x) for line, _ in lines) <= FEW
    axes.grid(visible=False, axis="x")
    for number, (line, colour) in enumerate(lines):
        x, low, y, high = drawn_points(panel, line)
        around = line.low is not None or line.high is not None
        bars = axes.bar(
            place(x) + (number - (len(lines) - 1) / 2) * thick,
            y,
            0.92 * thick,
            color=colour,
            alpha=0.55 if line.dashed else 1,
            yerr=np.abs([y - low, high - y]) if around else None,
            error_kw={"ecolor": INK, "elinewidth": 1, "capsize": 2},
        )
        if labelled:
            axes.bar_label(bars, [f"{value:,.4g}" for value in y], padding=2, fontsize=8)
            axes.margins(y=0.12)


def _scale_axis(axes: Axes, panel: Panel) -> None:
    """Write round numbers under distances that tell how far they are apart."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, StrMethodFormatter

    if panel.log_x:
        axes.set_xscale("log")
        x = np.concatenate([drawn_points(panel, line)[0] for line in panel.lines])
        far = len(x) > 0 and x.max() > 100 * x.min()
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0,) if far else (1.0, 2.0, 5.0)))
        axes.xaxis.set_minor_locator(NullLocator())
    else:
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.10g}"))


def _label_axis(axes: Axes, panel: Panel, letters: int) -> Callable[[np.ndarray], np.ndarray]:
    """Write labels under equal distances; return the function from x to places."""
    xs = np.unique([float(x) for line in panel.lines for x in line.x])
    labels = panel.labels if panel.labels is not None else tuple(f"{x:g}" for x in xs)
    if len(labels) != len(xs):
        raise ValueError(
            f"a panel has one label for each place of its lines; {panel.title!r} has "
            f"{len(labels)} labels and {len(xs)} places."
        )
    each = max(4, letters // max(1, len(labels)) - 1)
    fits = all(len(word) <= each for label in labels for word in label.split())
    axes.set_xticks(
        range(len(xs)), [textwrap.fill(label, each) if fits else label for label in labels]
    )
    axes.tick_params("x", length=0)
    if not fits:
        axes.tick_params("x", labelrotation=30)
        for text in axes.get_xticklabels():
            text.set(horizontalalignment="right", rotation_mode="anchor")
    return lambda x: np.searchsorted(xs, x).astype(float)


def _key_columns(names: Sequence[str], width: int) -> int:
    """Return how many names stand beside each other above panels of `width` pixels."""
    longest = max((len(name) for name in names), default=0)
    return min(max(1, int(width / (LETTER * longest + 50))), max(1, len(names)))


def _draw_key(figure: Figure, panels: Iterable[tuple[Panel, Drawn]], width: int) -> None:
    """Write the names above the panels, unless there is only one."""
    from matplotlib.artist import Artist
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    keys: dict[str, Artist] = {}
    for panel, lines in panels:
        for line, colour in lines:
            if line.name and panel.bars:
                keys.setdefault(line.name, Patch(color=colour, alpha=0.55 if line.dashed else 1))
            elif line.name:
                style = DASHES if line.dashed else SOLID
                keys.setdefault(line.name, Line2D([], [], color=colour, linestyle=style))
    if len(keys) > 1:
        figure.legend(
            list(keys.values()),
            list(keys),
            loc="outside upper left",
            ncols=_key_columns(list(keys), width),
        )


def _shortened(svg: str) -> str:
    """Leave out digits that nobody sees; let other fonts stand in for one that is not there."""

    def path(found: re.Match[str]) -> str:
        hundredths = re.sub(r"(\.\d\d)\d+", r"\1", found[2])
        return found[1] + re.sub(r" ?\n", "", hundredths)

    svg = re.sub(r'(<path [^>]*?\bd=")([^"]*)', path, svg)
    return svg.replace(f"font-family: '{FONT}'", f"font-family: '{FONT}', Verdana, sans-serif")
