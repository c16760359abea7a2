"""Detections in FDDB's text format: what its evaluator reads, and any detector can write.

For every photograph its name, the number of detections, and one line for each of them::

    2002/08/11/big/img_591
    2
    230.5 99 81 97.2 0.998
    12 40 33.5 41 0.21

that is: left, top, width, height in pixels, and a score. FDDB also takes ellipses: major and minor
semi-axis in pixels, angle of the major axis in radians, centre x and y, and a score. A file holds
rectangles or ellipses, of any number of photographs in any order.

The module needs nothing but Python to write, so that a detector in another Python can use it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    import numpy as np

__all__ = ["ResultsError", "read_results", "write_results"]


class ResultsError(ValueError):
    """A file of detections that cannot be read."""


def write_results(
    stream: TextIO, name: str, boxes: Iterable[Sequence[float]], scores: Iterable[float]
) -> None:
    """Write the detections of one photograph.

    Parameters
    ----------
    stream : text file
    name : str
        The photograph's name: FDDB's own have no ending, ``2002/08/11/big/img_591``.
    boxes : rows of four or five numbers
        x, y, width, height in pixels; or ellipses, as `read_results` returns them.
    scores : numbers
        As many. All numbers are written so that reading them gives the same ones.

    Raises
    ------
    ValueError
        If the name is empty, or more than one line, or there is not one score for each box.
    """
    if not name.strip() or len(name.splitlines()) != 1:
        raise ValueError(f"write_results: a photograph's name is one line of text; got {name!r}")
    lines = [
        " ".join(repr(float(value)) for value in (*box, score))
        for box, score in zip(boxes, scores, strict=True)
    ]
    stream.write("\n".join([name, str(len(lines)), *lines]) + "\n")


def read_results(
    path: str | os.PathLike[str],
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Read a file of detections.

    Parameters
    ----------
    path : path

    Returns
    -------
    dict
        By the photographs' names as they stand in the file: float64 arrays of regions and of
        scores ``(n,)``. Regions are ``(n, 4)``, x, y, width, height in pixels, or ``(n, 5)``, major
        and minor semi-axis in pixels, angle in radians, centre x and y in pixels; without a
        detection ``(0, 4)``.

    Raises
    ------
    ResultsError
        If the file is no such text, has a photograph twice, or mixes rectangles and ellipses; the
        message names the line.
    OSError
        If it cannot be read.
    """
    import numpy as np

    file = Path(path)
    try:
        lines = enumerate(file.read_text(encoding="utf-8").splitlines(), start=1)
    except UnicodeDecodeError as error:
        raise ResultsError(f"{file}: not a file of detections, but no text ({error})") from error
    numbered = ((number, line.strip()) for number, line in lines if line.strip())
    found: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    columns: int | None = None
    for number, name in numbered:
        if name in found:
            raise ResultsError(f"{file}, line {number}: the photograph {name!r} is there twice")
        rows = [_row(file, numbered, name) for _ in range(_count(file, numbered, name))]
        widths = {len(row) for row in rows} | ({columns} if columns else set())
        if len(widths) > 1:
            raise ResultsError(
                f"{file}: {name!r} mixes rectangles (x y width height score) and ellipses "
                "(semi-axes, angle, centre x y, score); a file holds one kind"
            )
        columns = max(widths, default=None)
        table = np.array(rows, np.float64).reshape(len(rows), len(rows[0]) if rows else 5)
        found[name] = table[:, :-1], table[:, -1]
    return found


def _count(file: Path, lines: Iterator[tuple[int, str]], name: str) -> int:
    number, text = next(lines, (0, ""))
    if not text.isdecimal():
        where = f", line {number}" if text else ""
        raise ResultsError(
            f"{file}{where}: the number of detections must follow the name {name!r}; "
            f"got {text[:80]!r}"
        )
    return int(text)


def _row(file: Path, lines: Iterator[tuple[int, str]], name: str) -> list[float]:
    number, text = next(lines, (0, ""))
    if not number:
        raise ResultsError(f"{file}: ends within the detections of {name!r}; was it cut off?")
    try:
        values = [float(word) for word in text.split()]
    except ValueError:
        values = []
    if len(values) not in (5, 6) or not all(math.isfinite(value) for value in values):
        raise ResultsError(
            f"{file}, line {number}: a detection of {name!r} is 5 or 6 finite numbers "
            f"(x y width height score); got {text[:80]!r}"
        )
    return values
