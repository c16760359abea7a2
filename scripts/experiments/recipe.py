"""What an experiment is: a description that reads like a recipe, and what comes of it.

An experiment either trains nets (`Trained`: variants of settings, each with several seeds) or
measures something that needs no training (`Measured`). Both end in an `Outcome`: a figure beside
the article's, a verdict, tables, plots and drawn examples, which become a row of the report.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np

    from scripts.experiments.results import Results

__all__ = [
    "Bench",
    "Example",
    "Experiment",
    "Line",
    "Measured",
    "Outcome",
    "Panel",
    "Plot",
    "Table",
    "Trained",
    "Variant",
    "Verdict",
]

Verdict = Literal["reproduced", "partly", "not reproduced", "not yet"]


@dataclass(frozen=True)
class Line:
    """A curve of a plot.

    Attributes
    ----------
    name : str
        For the legend; an empty name is not listed there.
    x, y : sequence of float
        Equally long.
    low, high : sequence of float, optional
        A band around it, such as the spread over the seeds.
    dashed : bool
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None
    dashed: bool = False


@dataclass(frozen=True)
class Panel:
    """One pair of axes; `bars` draws each line as bars instead, one group for each `x` label."""

    title: str
    across: str
    up: str
    lines: tuple[Line, ...]
    labels: tuple[str, ...] | None = None
    bars: bool = False
    log_x: bool = False
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Plot:
    """Panels side by side, written as a picture of its own.

    Attributes
    ----------
    name : str
        Becomes part of the file's name.
    caption : str
    panels : tuple of Panel
    """

    name: str
    caption: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Table:
    """Rows under headings; numbers are already written out as text."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Example:
    """A drawn photograph: for local reports only, never committed.

    Attributes
    ----------
    name : str
        Becomes part of the file's name.
    caption : str
    image : numpy.ndarray
        uint8 RGB ``(rows, columns, 3)``.
    """

    name: str
    caption: str
    image: np.ndarray


@dataclass(frozen=True)
class Outcome:
    """What an experiment showed.

    Attributes
    ----------
    figure : str
        Our figure, one or two short sentences.
    verdict : str
        'reproduced', 'partly', 'not reproduced'; 'not yet' where it could not be run.
    because : str
        Why this verdict, with what limits it.
    tables, plots, examples : tuple
    """

    figure: str
    verdict: Verdict
    because: str
    tables: tuple[Table, ...] = ()
    plots: tuple[Plot, ...] = ()
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True)
class Bench:
    """What a measurement may use.

    Attributes
    ----------
    data : Path
        Folder of fddb/, lfw/, negatives/ and demo/.
    folder : Path
        The experiment's own folder, for intermediate results; kept between runs.
    quick : bool
        A first look: few photographs, one round.
    threads : int or None
        Of the kernels.
    say : callable
        Takes one line for the terminal.
    """

    data: Path
    folder: Path
    quick: bool
    threads: int | None
    say: Callable[[str], None]


@dataclass(frozen=True)
class Variant:
    """One way to train.

    Attributes
    ----------
    name : str
        Short, for legends and tables.
    settings : mapping
        Those of `scripts.runner.Settings`, without the seed.
    """

    name: str
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Experiment:
    """What all experiments have.

    Attributes
    ----------
    name : str
        Word on the command line.
    title : str
    source : str
        Which article, and where in it.
    claim : str
        What the article says, in our words.
    method : str
        What we do, with what departs from the article.
    """

    name: str
    title: str
    source: str
    claim: str
    method: str


@dataclass(frozen=True)
class Trained(Experiment):
    """An experiment that trains nets.

    Attributes
    ----------
    variants : tuple of Variant
    conclude : callable
        From the trainings' `Results` to the `Outcome`.
    seeds : tuple of int
        One training of each variant for each.
    quick_samples : int
        Samples of each training in a first look; less for slow nets.
    """

    variants: tuple[Variant, ...]
    conclude: Callable[[Results], Outcome]
    seeds: tuple[int, ...] = (1, 2, 3)
    quick_samples: int = 2_000


@dataclass(frozen=True)
class Measured(Experiment):
    """An experiment that needs no training.

    Attributes
    ----------
    measure : callable
        From a `Bench` to the `Outcome`.
    """

    measure: Callable[[Bench], Outcome]
