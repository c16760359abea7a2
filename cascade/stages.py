"""The stages of the cascade as generators ("Two networks").

Every stage takes an iterable of `Candidates`, one per photograph, and yields them on in the same
order. The later nets' stages cut the candidates of one photograph after another into one stream,
classify it in full batches, and give the results back to their photographs.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augment.calibration import adjust
from augment.functional import Levels, crop_many
from cascade.batching import Batch, batched, unbatched
from cascade.bundle import Net
from cascade.nms import filter_frames
from cascade.sweep import Sweep
from cascade.windows import level_images, pyramid, windows_of_level
from nets.plan import face_probability

__all__ = [
    "Candidates",
    "Step",
    "calibrate",
    "cut",
    "detect",
    "filter_all",
    "filter_sizes",
    "slide",
]


@dataclass(frozen=True)
class Step:
    """What one stage left over, for pictures and statistics.

    Attributes
    ----------
    stage : str
        A detection net's name for what fired, a calibration net's for the same frames moved,
        ``NET in size`` for what filtering inside each window size left, 'all sizes' for what
        filtering among all of them left, and 'at last'.
    frames : float32 array (n, 4)
    scores : float32 array (n,)
    """

    stage: str
    frames: NDArray[np.float32]
    scores: NDArray[np.float32]


@dataclass(eq=False)
class Candidates:
    """The frames of one photograph on their way through the stages.

    Attributes
    ----------
    key : hashable
        The caller's name of the photograph.
    photo : Levels or None
        The photograph; None when no later stage needs it.
    frames : float32 array (n, 4)
        x, y, width, height in pixels of the photograph.
    scores : float32 array (n,)
        Face probability by the last net.
    sizes : int array (n,)
        Number of the pyramid's level each frame comes from.
    crops : uint8 array (n, 3, side, side), or None
        What the last net saw of each frame, where a calibration net is to see it, too.
    windows : int
        Number of windows of all levels.
    steps : list of Step, or None
        What every stage left over; None where no trace was asked for.
    error : Exception or None
        Why the photograph failed; it then has no frames.
    """

    key: Any
    photo: Levels | None = None
    frames: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 4), np.float32))
    scores: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32))
    sizes: NDArray[np.intp] = field(default_factory=lambda: np.empty(0, np.intp))
    crops: NDArray[np.uint8] | None = None
    windows: int = 0
    steps: list[Step] | None = None
    error: Exception | None = None

    def keep(self, which: NDArray, stage: str) -> None:
        """Leave only some frames, given as indices or a mask, and note it in the trace."""
        self.frames, self.scores = self.frames[which], self.scores[which]
        self.sizes = self.sizes[which]
        if self.crops is not None:
            self.crops = self.crops[which]
        self.note(stage)

    def note(self, stage: str) -> None:
        """Note the frames in the trace, if there is one."""
        if self.steps is not None:
            self.steps.append(Step(stage, self.frames, self.scores))

    def fail(self, error: Exception) -> None:
        """Drop the photograph and its frames; the others in the stream go on."""
        none = np.empty(0, np.intp)
        self.frames, self.scores, self.sizes = self.frames[none], self.scores[none], none
        self.photo, self.crops, self.error = None, None, error


def slide(
    items: Iterable[Candidates],
    sweep: Sweep,
    name: str,
    threshold: float,
    *,
    min_face: float,
    factor: float,
    stride: int,
    crops: bool = False,
) -> Iterator[Candidates]:
    """First stage: all windows of all levels, those that fire go on.

    Parameters
    ----------
    items : iterable of Candidates
        With a photograph and no frames.
    sweep : Sweep
        The first net.
    name : str
        The net's name in the trace.
    threshold : float
        Smallest face probability that fires.
    min_face, factor, stride
        As in `cascade.windows.pyramid` and `windows_of_level`.
    crops : bool
        Keep the pixels of the windows that fired for a calibration net of the same side.

    Yields
    ------
    Candidates
    """
    for item in items:
        if item.photo is not None:
            try:
                _slide_one(item, sweep, threshold, min_face, factor, stride, crops)
                item.note(name)
            except Exception as error:
                item.fail(error)
        yield item


def _slide_one(item, sweep, threshold, min_face, factor, stride, crops) -> None:
    columns, rows = item.photo.size
    levels = pyramid(rows, columns, side=sweep.side, min_face=min_face, factor=factor)
    logits = [sweep.logits(image, stride) for image in level_images(item.photo, levels)]
    counts = [len(part) for part in logits]
    item.windows = sum(counts)
    if levels:
        probability = face_probability(np.concatenate(logits))
        fired = np.flatnonzero(probability >= threshold)
        item.scores, item.sizes = (
            probability[fired],
            np.repeat(np.arange(len(levels)), counts)[fired],
        )
        fired -= (np.cumsum(counts) - counts)[item.sizes]
        item.frames = np.empty((len(fired), 4), np.float32)
        for number in np.unique(item.sizes):
            here = item.sizes == number
            item.frames[here] = windows_of_level(levels[number], stride, fired[here])
    item.crops = crop_many(item.photo, item.frames, sweep.side) if crops else None


def detect(
    items: Iterable[Candidates],
    net: Net,
    threshold: float,
    *,
    batch_size: int,
    crops: bool = False,
    last: bool = False,
) -> Iterator[Candidates]:
    """Later stage: crop the frames, classify them in full batches, those that fire go on.

    Parameters
    ----------
    items : iterable of Candidates
    net : Net
    threshold : float
        Smallest face probability that fires.
    batch_size : int
        Crops of a batch.
    crops : bool
        Keep the crops that fired for a calibration net of the same side.
    last : bool
        Whether no later stage needs the photograph, so that it need not wait for its batch.

    Yields
    ------
    Candidates
        With the new scores.
    """
    items = cut(items, net.side, last=last)
    for item, probability in _classified(items, net.side, net.faces, batch_size):
        if item.error is None:
            item.scores = probability
            item.keep(probability >= threshold, net.name)
        if not crops:
            item.crops = None
        yield item


def calibrate(items: Iterable[Candidates], net: Net, *, batch_size: int) -> Iterator[Candidates]:
    """Move the frames onto the faces, as a calibration net advises.

    Parameters
    ----------
    items : iterable of Candidates
        With their crops.
    net : Net
    batch_size : int
        Crops of a batch.

    Yields
    ------
    Candidates
        With moved frames and without crops.
    """
    for item, probabilities in _classified(items, net.side, net.probabilities, batch_size):
        if item.error is None and item.crops is not None:
            item.frames = adjust(item.frames, probabilities)
            item.note(net.name)
        item.crops = None
        yield item


def cut(items: Iterable[Candidates], side: int, *, last: bool = False) -> Iterator[Candidates]:
    """Crop the frames.

    Parameters
    ----------
    items : iterable of Candidates
    side : int
        Rows and columns of a crop.
    last : bool
        Whether no later stage needs the photograph.

    Yields
    ------
    Candidates
        With their crops.
    """
    for item in items:
        if item.photo is not None:
            try:
                item.crops = crop_many(item.photo, item.frames, side)
            except Exception as error:
                item.fail(error)
            if last:
                item.photo = None
        yield item


def _classified(
    items: Iterable[Candidates],
    side: int,
    classify: Callable[[NDArray[np.uint8]], NDArray[np.float32]],
    batch_size: int,
) -> Iterator[tuple[Candidates, NDArray[np.float32]]]:
    """Candidates with what a net says of their crops, computed in full batches."""
    none = np.empty((0, 3, side, side), np.uint8)

    def crops() -> Iterator[tuple[Candidates, NDArray]]:
        for item in items:
            # So that a photograph without frames passes on in its turn, too.
            yield item, none if item.crops is None else item.crops

    def results() -> Iterator[Batch[Candidates]]:
        for owners, batch in batched(crops(), batch_size, weight=_held):
            yield owners, classify(batch)

    yield from unbatched(results())


def _held(item: Candidates) -> int:
    """Bytes of a photograph that waits."""
    return 0 if item.photo is None else item.photo.nbytes


def filter_sizes(items: Iterable[Candidates], name: str, threshold: float) -> Iterator[Candidates]:
    """Filter the frames of each window size (the article's blue frames).

    Parameters
    ----------
    items : iterable of Candidates
    name : str
        The last net's name in the trace.
    threshold : float
        Intersection over union above which a frame yields to a better one.

    Yields
    ------
    Candidates
    """
    for item in items:
        kept = filter_frames(item.frames, item.scores, threshold, groups=item.sizes)
        item.keep(kept, f"{name} in size")
        if not len(item.frames):
            item.photo = None  # no later stage needs it
        yield item


def filter_all(
    items: Iterable[Candidates],
    threshold: float,
    *,
    overlap: str = "iou",
    stage: str = "at last",
) -> Iterator[Candidates]:
    """Filter among the frames of all sizes (the article's green frames).

    Parameters
    ----------
    items : iterable of Candidates
    threshold, overlap
        As in `cascade.nms.filter_frames`.
    stage : str
        Its name in the trace.

    Yields
    ------
    Candidates
        Their frames by falling score.
    """
    for item in items:
        kept = filter_frames(item.frames, item.scores, threshold, overlap=overlap)
        item.keep(kept, stage)
        yield item
