"""`lasagnette monitor`: the pages that show runs."""

from __future__ import annotations

import click

__all__ = ["monitor"]


@click.command()
@click.argument("runs_dir", type=click.Path(file_okay=False), default="runs")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8265,
    show_default=True,
    help="Port to listen on; 0 takes any free one.",
)
@click.option(
    "--token",
    help="What everybody has to know who looks, at least 16 characters. Made and printed where "
    "--host is not the own machine's.",
)
@click.option(
    "--name",
    "names",
    multiple=True,
    help="A name under which browsers reach this machine, where --host is not enough; repeatable.",
)
@click.option("--open/--no-open", "open_", default=False, help="Open the page in a browser.")
def monitor(
    runs_dir: str, host: str, port: int, token: str | None, names: tuple[str, ...], open_: bool
) -> None:
    """Show the runs in RUNS_DIR (by default runs/) in a browser, while they train and afterwards.

    Runs in folders of RUNS_DIR are found, too. The pages need no network.
    """
    from monitor.serve import serve

    serve(
        runs_dir,
        host=host,
        port=port,
        token=token,
        hosts=names,
        open_browser=open_,
        say=click.echo,
    )
