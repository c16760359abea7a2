"""`lasagnette data`: where the data sets come from, and whether what lies here is sound."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scripts.data import data_folder
from scripts.files import save_picture, writable_picture
from scripts.progress import Progress

if TYPE_CHECKING:
    import numpy as np

    from augment.datasets import Source
    from augment.datasets.base import Dataset
    from augment.datasets.checking import Report
    from augment.datasets.registry import Found

__all__ = ["data"]

SAMPLES, CELL = 8, 160  # pictures per set on the contact sheet, and their side in pixels
SHEET = "data-check.jpg"
FEW = 20  # so many folds or people are named, not only counted
COLUMN = 12  # width of the first column of the report
GREEN = (40, 200, 60)

JSON_OPTION = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object instead of lines."
)


@click.group()
def data() -> None:
    """Data sets: where they come from, and whether those that lie here are sound.

    \b
    lasagnette data where                 sources, terms and layouts
    lasagnette data check                 the research data
    lasagnette data check my_photos/      one's own photographs with boxes
    """


@data.command()
@JSON_OPTION
def where(as_json: bool) -> None:
    """Name each data set's source, terms of use, layout and counts.

    The folder that --data and LASAGNETTE_DATA name holds the research sets, each in a folder of
    its key: fddb/, lfw/, negatives/, smileys/. Nothing is downloaded.
    """
    from augment.datasets.registry import SOURCES

    if as_json:
        click.echo(json.dumps({key: _declaration(one) for key, one in SOURCES.items()}, indent=2))
        return
    for number, source in enumerate(SOURCES.values()):
        if number:
            click.echo()
        click.echo(f"{source.name} ({source.key})")
        _tell("from", [source.url or "your own files"])
        _tell("terms", [source.terms])
        _tell("layout", [source.layout])
        if source.images:
            _tell("counts", [f"{source.images:,} pictures, {source.faces:,} faces"])


def _declaration(source: Source) -> dict[str, Any]:
    names = ("name", "url", "terms", "layout", "images", "faces")
    return {name: getattr(source, name) for name in names}


@data.command()
@click.argument("path", required=False, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--headers",
    is_flag=True,
    help="Read the pictures' headers alone: faster, and blind to damage behind them.",
)
@click.option(
    "--names",
    type=click.IntRange(min=0),
    default=5,
    show_default=True,
    metavar="N",
    help="Name so many damaged or missing files per set; --json names all.",
)
@click.option(
    "--sheet",
    type=click.Path(dir_okay=False, path_type=Path),
    default=SHEET,
    show_default=True,
    metavar="FILE",
    help="Where the contact sheet is written, a JPEG.",
)
@click.option("--no-sheet", is_flag=True, help="Draw no contact sheet.")
@JSON_OPTION
@click.pass_context
def check(
    ctx: click.Context,
    path: Path | None,
    headers: bool,
    names: int,
    sheet: Path,
    no_sheet: bool,
    as_json: bool,
) -> None:
    """Say which data sets lie in PATH and what of them is damaged or missing.

    PATH is the folder of one data set, a folder of several, or the file of a list of boxes; by
    default the folder of the research data. The sets are recognised by their layout (see
    `lasagnette data where`), every picture is decoded, and a contact sheet shows some pictures of
    each set with the frames of their faces. Ends with exit code 1 when anything is damaged or
    missing; a set that is smaller than the official one is neither.
    """
    from augment.datasets.registry import recognise, unrecognised

    place = data_folder() if path is None else path
    if not no_sheet:
        writable_picture(sheet, "--sheet", [place])
    found = recognise(place)
    if not found:
        raise click.ClickException(
            f"no data set is recognised in {str(place)!r}; `lasagnette data where` names the "
            "layouts."
        )
    others = unrecognised(place, found)
    read = [(one, *_load(one)) for one in found]
    if not no_sheet and sheet.exists():
        _keep_from(sheet, read)
    total = sum(len(dataset.records) for _, dataset, _ in read if dataset)
    checked: list[tuple[Found, Dataset | None, Report]] = []
    with Progress(total, "checking pictures", shortest=500) as progress:
        for one, dataset, failure in read:
            checked.append((one, dataset, _examine(dataset, failure, headers, progress)))
    if as_json:
        sets = [_entry(one, report) for one, _, report in checked]
        click.echo(json.dumps({"sets": sets, "not_recognised": others}, indent=2))
    else:
        for one, _, report in checked:
            _print(one, report, names, headers)
        if others:
            click.echo(f"not recognised: {', '.join(others)}")
    rows = [_samples(one, dataset, report) for one, dataset, report in checked if dataset]
    if not no_sheet and any(rows):
        from scripts.sheet import draw_sheet

        save_picture(draw_sheet(rows, title=f"data check {place}", cell=CELL), sheet)
        click.echo(f"contact sheet: {sheet}", err=True)
    if not all(report.sound for _, _, report in checked):
        ctx.exit(1)


def _keep_from(sheet: Path, read: list[tuple[Found, Dataset | None, str]]) -> None:
    """Refuse to write the sheet over a picture that is checked."""
    for _, dataset, _ in read:
        if dataset is None:
            continue
        for record in dataset:
            if record.path.endswith(sheet.name) and sheet.samefile(dataset.root / record.path):
                raise click.BadParameter(
                    f"{str(sheet)!r} is one of the pictures that are checked.", param_hint="--sheet"
                )


def _load(one: Found) -> tuple[Dataset | None, str]:
    """The data set, or None and the reason why it cannot be used."""
    from augment.errors import DataError

    try:
        return one.load(), ""
    except DataError as error:
        return None, str(error)


def _examine(dataset: Dataset | None, failure: str, headers: bool, progress: Progress) -> Report:
    from augment.datasets.checking import Report, check

    if dataset is None:
        return Report([], {}, [], [failure], [])
    return check(dataset, decode=not headers, advance=progress.advance)


def _entry(one: Found, report: Report) -> dict[str, Any]:
    """One set as JSON."""
    return {
        "key": one.source.key,
        "path": str(one.path),
        "sound": report.sound,
        "images": len(report.readable),
        "faces": _faces(report),
        "official_images": one.source.images,
        "official_faces": one.source.faces,
        "groups": len({record.group for record in report.readable}),
        "damaged": [{"file": file, "error": why} for file, why in report.damaged.items()],
        "missing": report.absent,
        "problems": report.problems,
        "duplicates": report.duplicates,
    }


def _faces(report: Report) -> int:
    return sum(len(record.boxes) for record in report.readable)


def _print(one: Found, report: Report, names: int, headers: bool) -> None:
    """One set as lines."""
    source = one.source
    click.echo(f"{source.name}  {one.path}")
    how = "" if not headers else " (headers only)"
    _tell("pictures", [_count(len(report.readable), source.images) + how])
    _tell("faces", [_count(_faces(report), source.faces)])
    groups = sorted({record.group for record in report.readable} - {""})
    if source.groups and groups:
        shown = f": {', '.join(groups)}" if len(groups) <= FEW else ""
        _tell(source.groups, [f"{len(groups):,}{shown}"])
    damaged = [f"{file}: {why}" for file, why in report.damaged.items()]
    _tell("damaged", _some(damaged, names, "picture"))
    _tell("missing", _some(report.absent, names, "picture"))
    _tell("problems", _some(report.problems, names, "sentence"))
    doubled = [" = ".join(group) for group in report.duplicates]
    _tell("duplicates", _some(doubled, names, "photograph"))
    click.echo()


def _count(number: int, official: int | None) -> str:
    if official is None or number == official:
        return f"{number:,}"
    return f"{number:,} of {official:,} in the whole set"


def _some(things: list[str], most: int, noun: str) -> list[str]:
    """How many things there are, the first of them, and how many more."""
    if not things:
        return ["none"]
    more = [f"and {len(things) - most:,} more"] if 0 < most < len(things) else []
    count = f"{len(things):,} {noun}{'s' if len(things) > 1 else ''}"
    return [count, *things[:most], *more]


def _tell(topic: str, lines: Iterable[str]) -> None:
    """Lines beside a topic, wrapped."""
    first = f"  {topic:<{COLUMN}}"
    rest = " " * len(first)
    for number, line in enumerate(lines):
        start = rest if number else first
        wrapped = textwrap.wrap(
            line,
            100,
            initial_indent=start,
            subsequent_indent=rest,
            break_long_words=False,
            break_on_hyphens=False,
        )
        click.echo("\n".join(wrapped))


def _samples(one: Found, dataset: Dataset, report: Report) -> list[tuple[np.ndarray, str]]:
    """Captioned pictures from the whole length of a set, with their frames drawn."""
    import numpy as np

    from augment.datasets import LabelledRecord
    from augment.errors import ImageError
    from augment.images import read_image

    count = min(SAMPLES, len(report.readable))
    cells = []
    for row in np.linspace(0, len(report.readable) - 1, count).round().astype(int):
        record = report.readable[row]
        try:
            picture = read_image(dataset.root / record.path)
        except ImageError:  # behind a header that is in order
            continue
        facts = [one.source.key]
        if one.source.groups:
            facts.append(record.group)
        if isinstance(record, LabelledRecord):
            facts.append(f"class {record.label}")
        caption = f"{' '.join(facts)}\n{record.path}"
        cells.append((_framed(picture, record.boxes), caption))
    return cells


def _framed(picture: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """The picture with green frames, of lines that are still seen when it is a sheet's cell."""
    import numpy as np
    from PIL import Image, ImageDraw

    drawn = Image.fromarray(picture)
    pen = ImageDraw.Draw(drawn)
    line = max(1, round(max(drawn.size) / 80))
    for x, y, width, height in frames.tolist():
        pen.rectangle((x, y, x + width, y + height), outline=GREEN, width=line)
    return np.asarray(drawn)
