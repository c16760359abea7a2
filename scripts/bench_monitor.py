"""`lasagnette bench monitor`: the run log and the monitor, beside TensorBoard."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from scripts.bench_monitor_tensorboard import TENSORBOARD_OPTION, find_tensorboard
from scripts.bench_report import JSON_OPTION, Report, part_option

if TYPE_CHECKING:
    from scripts.bench_part import Part

__all__ = ["PARTS", "monitor"]

PARTS = ("page", "list", "polling", "logging", "training", "kills", "damage")


@click.command()
@part_option(PARTS)
@click.option(
    "--points",
    type=click.IntRange(1000),
    default=1_000_000,
    show_default=True,
    help="Of the large run, in ten curves.",
)
@click.option(
    "--pictures",
    type=click.IntRange(1),
    default=2000,
    show_default=True,
    help="Of the large run.",
)
@click.option("--runs", type=click.IntRange(1), default=100, show_default=True, help="In the list.")
@click.option(
    "--browsers", type=click.IntRange(1), default=8, show_default=True, help="That ask again."
)
@click.option(
    "--seconds",
    type=click.FloatRange(0, min_open=True),
    default=20.0,
    show_default=True,
    help="How long the browsers ask, for each kind of run.",
)
@click.option(
    "--rounds",
    type=click.IntRange(1),
    default=5,
    show_default=True,
    help="Servers that are started, and turns of the training; medians are compared.",
)
@click.option(
    "--steps", type=click.IntRange(1), default=500, show_default=True, help="Of a training's turn."
)
@click.option(
    "--kills", type=click.IntRange(1), default=100, show_default=True, help="Trainings killed."
)
@click.option(
    "--flips", type=click.IntRange(2), default=300, show_default=True, help="Bits damaged."
)
@TENSORBOARD_OPTION
@JSON_OPTION
def monitor(
    chosen: tuple[str, ...],
    points: int,
    pictures: int,
    runs: int,
    browsers: int,
    seconds: float,
    rounds: int,
    steps: int,
    kills: int,
    flips: int,
    tensorboard_python: str | None,
    json_path: str | None,
) -> None:
    """Time the monitor, and damage what it reads: seven parts, each with its goals.

    \b
    page        a large run's page: first data, zoom, memory; TensorBoard with the same points
    list        the list of many runs
    polling     browsers that stay open
    logging     a number logged
    training    what the log costs net12 in all
    kills       trainings that are killed at random moments
    damage      bits that are flipped in the files

    TensorBoard may be another Python's; without it only our side is timed.
    """
    report = Report(json_path, rounds=rounds)
    measures = _measures(
        points,
        pictures,
        runs,
        browsers,
        seconds,
        rounds,
        steps,
        kills,
        flips,
        find_tensorboard(tensorboard_python),
    )
    for name in PARTS:
        if name in chosen:
            report.take(name, measures[name]())
    report.finish()


def _measures(
    points: int,
    pictures: int,
    runs: int,
    browsers: int,
    seconds: float,
    rounds: int,
    steps: int,
    kills: int,
    flips: int,
    tensorboard: str | None,
) -> dict[str, Callable[[], Part]]:
    """What measures each part."""

    def page() -> Part:
        from scripts.bench_monitor_page import measure_page

        return measure_page(points, pictures, rounds, tensorboard)

    def list_() -> Part:
        from scripts.bench_monitor_list import measure_list

        return measure_list(runs, rounds)

    def polling() -> Part:
        from scripts.bench_monitor_list import measure_polling

        return measure_polling(browsers, seconds)

    def logging() -> Part:
        from scripts.bench_monitor_logging import measure_logging

        return measure_logging(rounds)

    def training() -> Part:
        from scripts.bench_monitor_logging import measure_training

        return measure_training(rounds, steps)

    def kill() -> Part:
        from scripts.bench_monitor_kills import measure_kills

        return measure_kills(kills)

    def damage() -> Part:
        from scripts.bench_monitor_damage import measure_damage

        return measure_damage(flips)

    every = (page, list_, polling, logging, training, kill, damage)
    return dict(zip(PARTS, every, strict=True))
