"""What the reader of a run hands out."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

__all__ = [
    "Checkpoint",
    "Delta",
    "Funnel",
    "Histograms",
    "Media",
    "Picture",
    "Series",
    "Text",
]


class Series(NamedTuple):
    """A curve, in the order in which it was logged.

    Attributes
    ----------
    step : numpy.ndarray
        ``(n,)`` int64.
    epoch, time, value : numpy.ndarray
        ``(n,)`` float64; epochs are NaN where none was given, times are seconds since 1970.
    """

    step: np.ndarray
    epoch: np.ndarray
    time: np.ndarray
    value: np.ndarray


class Picture(NamedTuple):
    """Where a picture is to be found: `media` is what `Run.media` and `Run.boxes` take."""

    media: str
    tag: str
    step: int
    time: float
    kind: str


class Media(NamedTuple):
    """A picture: the bytes of a PNG or JPEG file (`kind`) and what was noted beside it."""

    encoded: bytes
    kind: str
    metadata: dict[str, Any]


class Histograms(NamedTuple):
    """Histograms over time: ``(n,)`` each, `counts` ``(n, 64)`` from `lowest` to `highest`."""

    step: np.ndarray
    time: np.ndarray
    lowest: np.ndarray
    highest: np.ndarray
    counts: np.ndarray


class Funnel(NamedTuple):
    """Windows through the cascade, ``(n,)`` each; `stage` is an array of names."""

    step: np.ndarray
    time: np.ndarray
    stage: np.ndarray
    windows_in: np.ndarray
    windows_out: np.ndarray
    faces_kept: np.ndarray


class Text(NamedTuple):
    """A note."""

    step: int
    time: float
    text: str


class Checkpoint(NamedTuple):
    """The mark of a saved checkpoint."""

    step: int
    time: float
    name: str


class Delta(NamedTuple):
    """What a run has gained since a cursor.

    Attributes
    ----------
    cursor : str
        Ask with this the next time.
    status : str
        See `Run.status`.
    masked_from : int or None
        Drop what was received before with this step or a later one, then append the rest: the run
        was resumed there. 0 at the first time.
    scalars, histograms : dict
        `Series` and `Histograms` by tag.
    pictures, texts, checkpoints : list
        `Picture`, `Text`, `Checkpoint`.
    funnel : Funnel
    """

    cursor: str
    status: str
    masked_from: int | None
    scalars: dict[str, Series]
    histograms: dict[str, Histograms]
    pictures: list[Picture]
    texts: list[Text]
    checkpoints: list[Checkpoint]
    funnel: Funnel
