"""The rows of the report: one JSON file for each experiment, with its pictures beside it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, get_args

from scripts import experiments
from scripts.errors import RunError
from scripts.experiments.recipe import Experiment, Outcome, Table, Verdict

__all__ = ["Picture", "Row", "keep", "read_rows", "write_text"]

NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")  # of a plot or an example, as part of a file's name
T = TypeVar("T")


@dataclass(frozen=True)
class Picture:
    """A plot or a drawn example.

    Attributes
    ----------
    file : str
        Relative to the report's folder.
    caption, alt : str
        What is said of it, and what stands for it where it is not seen.
    width, height : int
        In pixels.
    """

    file: str
    caption: str
    alt: str
    width: int
    height: int


@dataclass(frozen=True)
class Row:
    """An experiment and what came of it; `facts` tell how it was made."""

    name: str
    title: str
    source: str
    claim: str
    method: str
    figure: str
    verdict: Verdict
    because: str
    tables: tuple[Table, ...] = ()
    plots: tuple[Picture, ...] = ()
    examples: tuple[Picture, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def command(self) -> str:
        """What makes this row."""
        return f"lasagnette reproduce {self.name}"

    @property
    def first_look(self) -> bool:
        """Whether it was made with --quick."""
        return self.facts.get("quick") is True


def keep(folder: Path, experiment: Experiment, outcome: Outcome, facts: Mapping[str, Any]) -> None:
    """Write an experiment's row and pictures into the report's folder.

    These are ``rows/NAME.json``, ``NAME-PLOT.svg`` and ``examples/NAME-EXAMPLE.jpg``; git ignores
    the examples. Letters and digits of a plot's name become part of the file's, with hyphens for
    the rest. Each file replaces an earlier one at once; pictures that the row no longer names are
    removed.

    Parameters
    ----------
    folder : Path
        Made where it is not there.
    experiment : Experiment
    outcome : Outcome
    facts : mapping
        How it was made, ready for JSON: ``quick``, ``made``, ``seconds``, ``command``, ``seeds``,
        ``runs`` (``run``, ``variant``, ``seed``, ``samples``, ``seconds`` of each), ``data``,
        ``versions``, ``machine``, ``notes``; others are reported, too.

    Raises
    ------
    ValueError
        If two plots or two examples share a name, a name has no letters, or a table's rows are not
        as long as its columns; nothing has been written then. So with the next one.
    TypeError
        If a text is none, or a fact is nothing for JSON.
    """
    from scripts.experiments.plots import draw
    from scripts.files import save_picture

    plots = _pictures(experiment, outcome)
    examples = [
        Picture(file, example.caption, example.caption, *example.image.shape[1::-1])
        for file, example in zip(
            _files("examples/{}-{}.jpg", experiment, [one.name for one in outcome.examples]),
            outcome.examples,
            strict=True,
        )
    ]
    row = Row(
        **{key: getattr(experiment, key) for key in ("name", "title", "source", "claim", "method")},
        **{key: getattr(outcome, key) for key in ("figure", "verdict", "because", "tables")},
        plots=tuple(plots),
        examples=tuple(examples),
        facts=dict(facts),
    )
    text = json.dumps(asdict(row), ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    _row(json.loads(text))  # what could not be read is not written
    for part in ("rows", "examples"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    write_text(folder / "examples" / ".gitignore", "*\n")
    for picture, plot in zip(plots, outcome.plots, strict=True):
        _replace(folder / picture.file, partial(draw, plot))
    for picture, example in zip(examples, outcome.examples, strict=True):
        save_picture(example.image, folder / picture.file)
    write_text(folder / "rows" / f"{row.name}.json", text)
    _remove_others(folder, row)


def read_rows(folder: Path) -> list[Row]:
    """Read the rows in the order of `NAMES`; an experiment without one is "not yet".

    Raises
    ------
    RunError
        If a file in ``rows`` is not what `keep` writes, or belongs to no experiment, or a plot
        that it names is not there.
    """
    rows = {path.stem: _read(path) for path in sorted((folder / "rows").glob("*.json"))}
    return [rows.get(name) or _not_run(name) for name in experiments.NAMES]


def write_text(path: Path, text: str) -> None:
    """Write a file under a temporary name and rename it."""
    _replace(path, lambda draft: draft.write_text(text, encoding="utf-8", newline="\n"))


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    draft = path.with_name(f".{path.name}.part")
    try:
        write(draft)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _pictures(experiment: Experiment, outcome: Outcome) -> list[Picture]:
    from scripts.experiments.plots import size

    files = _files("{}-{}.svg", experiment, [plot.name for plot in outcome.plots])
    pictures = []
    for file, plot in zip(files, outcome.plots, strict=True):
        panels = "; ".join(
            f"{panel.title or panel.up}: {panel.up} by {panel.across}"
            + "".join(f", {line.name}" for line in panel.lines if line.name)
            for panel in plot.panels
        )
        pictures.append(Picture(file, plot.caption, f"Plot. {panels}", *size(plot)))
    return pictures


def _files(pattern: str, experiment: Experiment, names: Sequence[str]) -> list[str]:
    parts = [re.sub("[^a-z0-9]+", "-", name.lower()).strip("-") for name in names]
    if "" in parts or len(set(parts)) < len(parts):
        raise ValueError(
            "plots and examples have names that differ in their letters and digits; "
            f"{experiment.name} has {list(names)}."
        )
    return [pattern.format(experiment.name, part) for part in parts]


def _remove_others(folder: Path, row: Row) -> None:
    """Remove the experiment's pictures that its row does not name."""
    named = {folder / picture.file for picture in row.plots + row.examples}
    longer = tuple(f"{name}-" for name in experiments.NAMES if name.startswith(f"{row.name}-"))
    for pattern in (f"{row.name}-*.svg", f"examples/{row.name}-*.jpg"):
        for path in folder.glob(pattern):
            if path not in named and not path.name.startswith(longer):
                path.unlink()


def _not_run(name: str) -> Row:
    told = experiments.experiment(name)
    return Row(name, told.title, told.source, told.claim, told.method, "", "not yet", "Not run.")


def _read(path: Path) -> Row:
    name = path.stem
    try:
        row = _row(json.loads(path.read_text(encoding="utf-8")))
        if row.name not in experiments.NAMES or row.name != name:
            raise ValueError(f"it names the experiment {row.name!r}")
        for picture in row.plots:
            if not re.fullmatch(rf"{name}-{NAME.pattern}\.svg", picture.file):
                raise ValueError(f"it names the plot {picture.file!r}")
            if not (path.parent.parent / picture.file).is_file():
                raise ValueError(f"its plot {picture.file} is not there")
        for picture in row.examples:
            if not re.fullmatch(rf"examples/{name}-{NAME.pattern}\.jpg", picture.file):
                raise ValueError(f"it names the example {picture.file!r}")
    except (OSError, ValueError, TypeError) as error:
        how = f", or make it again with `lasagnette reproduce {name}`"
        raise RunError(
            f"{path} is no row of the report: {error}. "
            f"Delete it{how if name in experiments.NAMES else ''}."
        ) from error
    return row


def _row(found: object) -> Row:
    """Check what a JSON file holds; raise TypeError or ValueError where it is something else."""
    texts = {
        key: _field(found, key, str)
        for key in ("name", "title", "source", "claim", "method", "figure", "because")
    }
    verdict = _field(found, "verdict", str)
    if verdict not in get_args(Verdict):
        raise ValueError(f"its verdict is {verdict!r}")
    return Row(
        **texts,
        verdict=verdict,  # type: ignore[arg-type]
        tables=tuple(_table(one) for one in _field(found, "tables", list)),
        plots=tuple(_picture(one) for one in _field(found, "plots", list)),
        examples=tuple(_picture(one) for one in _field(found, "examples", list)),
        facts=_field(found, "facts", dict),
    )


def _table(found: object) -> Table:
    columns = _texts(_field(found, "columns", list))
    rows = tuple(_texts(cells) for cells in _field(found, "rows", list))
    if any(len(cells) != len(columns) for cells in rows):
        raise ValueError(f"a table has not {len(columns)} cells in every row")
    return Table(_field(found, "caption", str), columns, rows)


def _picture(found: object) -> Picture:
    return Picture(
        _field(found, "file", str),
        _field(found, "caption", str),
        _field(found, "alt", str),
        _field(found, "width", int),
        _field(found, "height", int),
    )


def _field(found: object, key: str, kind: type[T]) -> T:
    value = found.get(key) if isinstance(found, dict) else None
    if not isinstance(value, kind):
        raise TypeError(f"{key!r} is missing or no {kind.__name__}")
    return value


def _texts(found: object) -> tuple[str, ...]:
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise TypeError(f"a table's row is {found!r:.60}")
    return tuple(found)
