"""`lasagnette bench augment`: the augmentation server beside its rivals, in one run."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scripts.bench_process import TORCH_OPTION, find_torch
from scripts.bench_report import JSON_OPTION, Report, part_option
from scripts.files import writable_folder
from scripts.train import DEFAULTS

if TYPE_CHECKING:
    from augment.index import Index
    from scripts.bench_part import Part

__all__ = ["PARTS", "augment"]

PARTS = ("loader", "scaling", "assembler", "acts", "memory")
STEPS = {"net12": 200, "net48": 20}  # of a turn: seconds each
WORKERS = (1, 2)


@click.command()
@part_option(PARTS)
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Work from copies of the FDDB photographs there  [default: from drawn pictures]",
)
@click.option(
    "--pictures",
    type=click.IntRange(2),
    default=500,
    show_default=True,
    help="JPEGs of 400 pixels that are made, in a temporary folder.",
)
@click.option(
    "--rounds",
    type=click.IntRange(1),
    default=9,
    show_default=True,
    help="All sides take turns so many times; the medians are compared.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(0, min_open=True),
    default=1.0,
    show_default=True,
    help="How long a turn takes.",
)
@click.option(
    "--steps",
    type=click.IntRange(1),
    help="Training steps of a turn in the acts  "
    f"[default: {', '.join(f'{steps} for {net}' for net, steps in STEPS.items())}]",
)
@click.option(
    "--net",
    "nets",
    multiple=True,
    type=click.Choice(list(STEPS)),
    default=list(STEPS),
    help="Net of the acts; may be given several times  [default: both]",
)
@click.option(
    "--simulated",
    type=click.IntRange(1, 1024),
    default=32,
    show_default=True,
    help="Sleeping workers that load the assembler.",
)
@click.option(
    "--minutes",
    type=click.FloatRange(0, min_open=True),
    default=10.0,
    show_default=True,
    help="How long the memory is watched.",
)
@TORCH_OPTION
@JSON_OPTION
@click.option("--out", metavar="FOLDER", help="Draw the acts and the memory over time there.")
def augment(
    chosen: tuple[str, ...],
    data: Path | None,
    pictures: int,
    rounds: int,
    seconds: float,
    steps: int | None,
    nets: tuple[str, ...],
    simulated: int,
    minutes: float,
    torch_python: str | None,
    json_path: str | None,
    out: str | None,
) -> None:
    """Time the augmentation server: five parts, each with its goal.

    \b
    loader      samples per second, beside the same transforms in PyTorch's DataLoader
    scaling     two workers beside one
    assembler   many workers that sleep instead of computing
    acts        training on data made in this process, on a thread, and by the server
    memory      of all processes, over a stream of --minutes

    The rival of the first part needs torch, opencv-python-headless and, for one of its three
    variants, albumentations, which another Python may have; without it only our side is timed.
    """
    folder = writable_folder(out, "--out") if out else None
    report = Report(json_path, rounds=rounds)
    from lasagnette.ops import kernels
    from scripts.bench_pictures import make_pictures
    from scripts.bench_processes import PROC

    kernels.keep_memory()  # as a training does
    rival = find_torch(torch_python)
    with tempfile.TemporaryDirectory(prefix="lasagnette-bench-") as place:
        click.echo(f"Making {pictures} pictures ...", err=True)
        index, report.facts["pictures"] = make_pictures(Path(place), pictures, data)
        measures = _measures(index, rival, rounds, seconds, nets, steps, simulated, minutes)
        for name in PARTS:
            if name not in chosen:
                continue
            if name == "memory" and not PROC.is_dir():
                click.echo(f"This system has no {PROC}: the memory is not watched.", err=True)
                continue
            report.take(name, measures[name]())
    report.finish()
    if folder is not None:
        _draw(folder, report.parts)


def _measures(
    index: Index,
    rival: str | None,
    rounds: int,
    seconds: float,
    nets: tuple[str, ...],
    steps: int | None,
    simulated: int,
    minutes: float,
) -> dict[str, Callable[[], Part]]:
    """What measures each part."""

    def loader() -> Part:
        from scripts.bench_loader import measure_loader

        return measure_loader(index, rival, WORKERS, rounds, seconds)

    def scaling() -> Part:
        from scripts.bench_scaling import measure_scaling

        return measure_scaling(index, rounds, seconds)

    def assembler() -> Part:
        from scripts.bench_assembler import measure_assembler

        return measure_assembler(index, simulated, rounds, seconds)

    def acts() -> Part:
        from scripts.bench_acts import Act, measure_acts

        plans = [
            Act(net, DEFAULTS[net]["batch_size"], steps or STEPS[net])
            for net in dict.fromkeys(nets)
        ]
        return measure_acts(index, plans, WORKERS, rounds)

    def memory() -> Part:
        from scripts.bench_memory import measure_memory

        return measure_memory(index, 60 * minutes)

    return dict(zip(PARTS, (loader, scaling, assembler, acts, memory), strict=True))


def _draw(folder: Path, parts: dict[str, Part]) -> None:
    from scripts.bench_plots import draw_acts, draw_memory

    if "acts" in parts:
        draw_acts(folder / "acts.png", parts["acts"].numbers, parts["acts"].title)
    if "memory" in parts:
        part = parts["memory"]
        draw_memory(
            folder / "memory.png", part.numbers["seconds"], part.numbers["pss_mb"], part.title
        )
