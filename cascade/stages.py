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

from augment.functional import Levels, crop_many
from cascade.batching import Batch, batched, unbatched
from cascade.nms import filter_frames, merge_frames
from cascade.sweep import Sweep
from cascade.windows import count_windows, level_images, pyramid, windows_of_level
from nets.inference import face_probability
from nets.scaling import Scaling

__all__ = [
    "Candidates",
    "Net",
    "Step",
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
        'net12', 'net12 in size', 'net48', 'net48 in size', 'at last'.
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
    windows: int = 0
    steps: list[Step] | None = None
    error: Exception | None = None

    def keep(self, which: NDArray, stage: str) -> None:
        """Leave only some frames, given as indices or a mask, and note it in the trace."""
        self.frames, self.scores = self.frames[which], self.scores[which]
        self.sizes = self.sizes[which]
        if self.steps is not None:
            self.steps.append(Step(stage, self.frames, self.scores))

    def fail(self, error: Exception) -> None:
        """Drop the photograph and its frames; the others in the stream go on."""
        none = np.empty(0, np.intp)
        self.frames, self.scores, self.sizes = self.frames[none], self.scores[none], none
        self.photo, self.error = None, error


@dataclass(frozen=True)
class Net:
    """A deep net of a later stage.

    Attributes
    ----------
    name : str
    side : int
        Side of its input in pixels.
    scaling : Scaling
        What turns pixels into its input.
    forward : callable
        From a float32 batch (n, 3, side, side) to logits (n, classes).
    """

    name: str
    side: int
    scaling: Scaling
    forward: Callable[[NDArray[np.float32]], NDArray[np.float32]]

    def probabilities(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Face probabilities (n,) of crops (n, 3, side, side)."""
        if not len(crops):
            return np.empty(0, np.float32)
        return face_probability(self.forward(self.scaling.apply(crops))).astype(
            np.float32, copy=False
        )


def slide(
    items: Iterable[Candidates],
    sweep: Sweep,
    name: str,
    threshold: float,
    *,
    min_face: float,
    factor: float,
    stride: int,
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

    Yields
    ------
    Candidates
    """
    for item in items:
        if item.photo is not None:
            try:
                _slide_one(item, sweep, threshold, min_face, factor, stride)
                item.keep(np.arange(len(item.frames)), name)
            except Exception as error:
                item.fail(error)
        yield item


def _slide_one(item, sweep, threshold, min_face, factor, stride) -> None:
    columns, rows = item.photo.size
    levels = pyramid(rows, columns, side=sweep.side, min_face=min_face, factor=factor)
    item.windows = count_windows(levels, stride)
    frames, scores, sizes = [item.frames], [item.scores], [item.sizes]
    for number, image in enumerate(level_images(item.photo, levels)):
        probability = face_probability(sweep.logits(image, stride)).astype(np.float32, copy=False)
        fired = np.flatnonzero(probability >= threshold)
        frames.append(windows_of_level(levels[number], stride)[fired])
        scores.append(probability[fired])
        sizes.append(np.full(len(fired), number))
    item.frames, item.scores = np.concatenate(frames), np.concatenate(scores)
    item.sizes = np.concatenate(sizes)


def detect(
    items: Iterable[Candidates],
    net: Net,
    threshold: float,
    *,
    batch_size: int,
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
    last : bool
        Whether no later stage needs the photograph, so that it need not wait for its batch.

    Yields
    ------
    Candidates
        With the new scores.
    """

    def crops() -> Iterator[tuple[Candidates, NDArray]]:
        for item in items:
            photo = item.photo
            # So that a photograph without frames passes on in its turn, too.
            yield item, np.empty((0, 3, net.side, net.side), np.uint8)
            if photo is None:
                continue
            try:
                for start in range(0, len(item.frames), batch_size):
                    frames = item.frames[start : start + batch_size]
                    yield item, crop_many(photo, frames, net.side)
            except Exception as error:
                item.fail(error)
            if last:
                item.photo = None

    def classified() -> Iterator[Batch[Candidates]]:
        for owners, batch in batched(crops(), batch_size):
            yield owners, net.probabilities(batch)

    item: Candidates
    for item, probability in unbatched(classified()):
        if item.error is None:
            item.scores = probability
            item.keep(probability >= threshold, net.name)
        yield item


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
        yield item


def filter_all(
    items: Iterable[Candidates], threshold: float, *, overlap: str = "iou", merge: bool = False
) -> Iterator[Candidates]:
    """Filter among the frames of all sizes (the article's green frames).

    Parameters
    ----------
    items : iterable of Candidates
    threshold, overlap
        As in `cascade.nms.filter_frames`.
    merge : bool
        Put the mean of a kept frame and those it dropped in its place, weighted by the scores.

    Yields
    ------
    Candidates
        Their frames by falling score.
    """
    for item in items:
        if merge:
            kept, frames = merge_frames(item.frames, item.scores, threshold, overlap=overlap)
            item.frames = item.frames.copy()
            item.frames[kept] = frames
        else:
            kept = filter_frames(item.frames, item.scores, threshold, overlap=overlap)
        item.keep(kept, "at last")
        yield item
