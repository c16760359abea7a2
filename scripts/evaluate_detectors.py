"""Whatever finds faces, in one form: the own detector, OpenCV's YuNet, and files of results."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import click

from scripts.fddb_text import read_results

if TYPE_CHECKING:
    import numpy as np

__all__ = ["PEERS", "Found", "Runner", "from_file", "own", "yunet"]

Found = tuple["np.ndarray", "np.ndarray"]  # regions (n, 4) or (n, 5), and scores (n,)
Photos = Iterable[tuple[str, "np.ndarray | Exception"]]
Runner = Callable[[Photos], Iterator[tuple[str, "Found | Exception"]]]

YUNET_SCORE, YUNET_OVERLAP, YUNET_MOST = 0.2, 0.3, 5000  # weak detections, too, for the curve


def own(detector: Any) -> Runner:
    """The detector of this project.

    Parameters
    ----------
    detector : Detector

    Returns
    -------
    callable
        From named photographs, RGB, or what kept them from being read, to named detections, or
        what kept them from being made.
    """

    def run(photos: Photos) -> Iterator[tuple[str, Found | Exception]]:
        for name, found in detector.detect_many(photos):
            yield name, found if isinstance(found, Exception) else (found.boxes, found.scores)

    return run


def yunet(model: str | os.PathLike[str]) -> Runner:
    """OpenCV's YuNet in this process, detections of a score above 0.2.

    Parameters
    ----------
    model : path
        Its ONNX file, from OpenCV's collection of models.

    Returns
    -------
    callable
        As from `own`.

    Raises
    ------
    click.ClickException
        If OpenCV cannot use the file.
    """
    import cv2
    import numpy as np

    try:
        detector = cv2.FaceDetectorYN.create(
            os.fspath(model), "", (320, 320), YUNET_SCORE, YUNET_OVERLAP, YUNET_MOST
        )
    except cv2.error as error:
        reason = str(error).strip().splitlines()[0]
        raise click.ClickException(
            f"{os.fspath(model)}: OpenCV {cv2.__version__} cannot read this model ({reason})"
        ) from error

    def run(photos: Photos) -> Iterator[tuple[str, Found | Exception]]:
        for name, image in photos:
            if isinstance(image, Exception):
                yield name, image
                continue
            try:
                detector.setInputSize((image.shape[1], image.shape[0]))
                _, faces = detector.detect(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
            except cv2.error as error:
                yield name, error
                continue
            table = np.empty((0, 15)) if faces is None else faces.astype(np.float64)
            yield name, (table[:, :4], table[:, -1])

    return run


PEERS: dict[str, Callable[[str], Runner]] = {"yunet": yunet}
"""Other detectors that run in this process, by name: from their model's file."""


def from_file(path: str | os.PathLike[str], names: Sequence[str]) -> dict[str, Found]:
    """Detections that another program wrote, in FDDB's text format.

    Parameters
    ----------
    path : path
    names : sequence of str
        FDDB's names of the photographs. The file may put folders before them and an ending of
        pictures behind.

    Returns
    -------
    dict
        By FDDB's names, of the photographs that the file has.

    Raises
    ------
    ResultsError
        As `scripts.fddb_text.read_results`.
    """
    from augment.images import SUFFIXES

    depths = {len(PurePosixPath(name).parts) for name in names}
    there: dict[str, Found] = {}
    for name, found in read_results(path).items():
        place = PurePosixPath(name.replace("\\", "/"))
        if place.suffix.lower() in SUFFIXES:
            place = place.with_suffix("")
        for depth in depths:
            there["/".join(place.parts[-depth:])] = found
    return {name: there[name] for name in names if name in there}
