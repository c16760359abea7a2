"""`lasagnette smielfy`: the page that collects faces for smileys, and what comes after it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scripts.groups import GroupWithDefault

if TYPE_CHECKING:
    import numpy as np

    from monitor.smielfy.store import Store

__all__ = ["smielfy"]

SMALLEST_FACE = 64
FOLDER = click.Path(file_okay=False, path_type=Path)
STORED = click.Path(exists=True, file_okay=False, path_type=Path)


@click.group(
    cls=GroupWithDefault,
    default="serve",
    options_metavar="",
    subcommand_metavar="DIR | COMMAND [ARGS]...",
)
def smielfy() -> None:
    """Collect pictures of faces for the smileys, with a page for browsers and phones.

    \b
    lasagnette smielfy DIR                    the page, on this machine
    lasagnette smielfy DIR --host 0.0.0.0     and for the phones of the same network
    lasagnette smielfy review DIR             accept or reject what has come
    """


@smielfy.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; 0.0.0.0 lets the phones of the same network in.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8443,
    show_default=True,
    help="Port to listen on; 0 takes any free one.",
)
@click.option("--http", is_flag=True, help="Without HTTPS, for browsers on this machine only.")
@click.option(
    "--name",
    "names",
    multiple=True,
    help="A name under which browsers reach this machine, where --host is not enough; repeatable.",
)
@click.option(
    "--contact",
    metavar="TEXT",
    help="Who collects the pictures and how to reach them; stands in the text of consent.",
)
@click.option(
    "--most",
    type=click.IntRange(1),
    default=2048,
    show_default=True,
    metavar="MB",
    help="Room for all pictures together.",
)
@click.option("--open/--no-open", "open_", default=False, help="Open the page in a browser.")
def serve(
    folder: Path,
    host: str,
    port: int,
    http: bool,
    names: tuple[str, ...],
    contact: str | None,
    most: int,
    open_: bool,
) -> None:
    """Show the page that collects into DIR.

    It asks for smileys and stores what people agree to send. `serve` may be left out.

    The certificate for HTTPS is made at the first start and kept in DIR; browsers warn of it,
    because it is signed by itself.
    """
    from augment.datasets.smileys import SMILEYS
    from monitor.smielfy.limits import Limits
    from monitor.smielfy.serve import serve as run

    run(
        folder,
        face_finder(),
        SMILEYS,
        host=host,
        port=port,
        http=http,
        hosts=names,
        contact=contact,
        limits=Limits(folder_bytes=most * 1024**2),
        open_browser=open_,
        say=click.echo,
    )


@smielfy.command()
@click.argument("folder", metavar="DIR", type=STORED)
@click.option("--list", "list_", is_flag=True, help="List the pictures, and show no page.")
@click.option(
    "--export",
    "export_to",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="CSV",
    help="Write the accepted ones as a list of smileys, and show no page. In DIR itself the list "
    "points to the pictures, elsewhere they are copied beside it. A list that is there keeps its "
    "lines of other pictures, and loses what was taken back, with the copies.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8266,
    show_default=True,
    help="Port of the page on this machine; 0 takes any free one.",
)
@click.option("--open/--no-open", "open_", default=False, help="Open the page in a browser.")
def review(folder: Path, list_: bool, export_to: Path | None, port: int, open_: bool) -> None:
    """Accept or reject the pictures in DIR.

    In a browser on this machine, before anything is trained with them.
    """
    from monitor.smielfy.export import export
    from monitor.smielfy.review import serve_review

    if list_ and export_to is not None:
        raise click.UsageError("--list and --export do not go together.")
    store = _store(folder)
    if list_:
        _list(store)
    elif export_to is not None:
        if export_to.suffix.lower() != ".csv":
            raise click.BadParameter(
                f"a list ends in .csv; got {str(export_to)!r}.", param_hint="--export"
            )
        count = export(store, export_to)
        click.echo(f"{export_to}: {count} pictures")
    else:
        serve_review(store, port=port, open_browser=open_, say=click.echo)


@smielfy.command()
@click.argument("folder", metavar="DIR", type=STORED)
@click.argument("code")
@click.pass_context
def withdraw(ctx: click.Context, folder: Path, code: str) -> None:
    """Delete the picture that CODE stands for.

    Its record goes, too. For people who send you their code instead of typing it into the page.
    Copies that were exported earlier go with the next `review DIR --export CSV`.
    """
    if _store(folder).withdraw(code):
        click.echo(
            "The picture and its record are deleted. A copy that was exported earlier goes with "
            "the next: lasagnette smielfy review DIR --export CSV"
        )
    else:
        click.echo(f"There is no picture with the code {code!r} in {str(folder)!r}.", err=True)
        ctx.exit(1)


def face_finder() -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return what finds faces: the cascade that comes with the package."""
    from cascade import Detector

    detector = Detector(min_face=SMALLEST_FACE)

    def find(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = detector.detect(image)
        return found.boxes, found.scores

    return find


def _store(folder: Path) -> Store:
    from augment.datasets.smileys import SMILEYS
    from monitor.smielfy.store import Store

    return Store(folder, SMILEYS, make=False)


def _list(store: Store) -> None:
    for record in store.records():
        asked, shown = (store.smileys[number] for number in (record.smiley, record.label))
        other = f" as {shown}" if shown != asked else ""
        released = "  released" if record.released else ""
        path = store.picture(record).relative_to(store.folder)
        click.echo(f"{record.status:9} {asked:4}{other}  {path}  {record.day}{released}")
    click.echo(f"{len(store.records())} pictures, {store.withdrawn()} taken back", err=True)
    if store.damaged:
        click.echo(f"{store.damaged} records are damaged and left out", err=True)
