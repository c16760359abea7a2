"""The detector: photographs in, faces out ("Two networks", parts 2 and 3).

Three times over: detect, calibrate, filter. The smallest net sweeps over all windows, the next two
look at what it left in double and fourfold resolution; after each of them a calibration net moves
the frames onto the faces, and the frames of every window size are filtered among themselves.

The last calibration net is the dearest. It comes after the filtering among all sizes, as in Li et
al. (CVPR 2015), and sees one frame per face.
"""

import os
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augment.functional import Levels
from cascade import bundle
from cascade.bundle import Cascade, Stage
from cascade.parallel import in_threads
from cascade.stages import (
    Candidates,
    Step,
    calibrate,
    cut,
    detect,
    filter_all,
    filter_sizes,
    slide,
)
from cascade.sweep import Sweep

__all__ = ["Detection", "Detector", "Trace"]

_NESTED = 0.6  # of the smaller box: neighbours that touch share less, chosen on FDDB's fold 04


@dataclass(frozen=True)
class Trace:
    """What the stages did with one photograph.

    Attributes
    ----------
    windows : int
        Number of windows that the first net saw.
    steps : list of Step
        What every step left over, in their order. For each stage: what fired, under the detection
        net's name (the article's red frames); the same frames moved, under the calibration net's;
        ``NET in size``, what the filtering inside each window size left (blue). Then 'all sizes',
        what the filtering among these left, the last calibration, and 'at last' (green).
    """

    windows: int
    steps: list[Step]


@dataclass(frozen=True)
class Detection:
    """The faces of one photograph, by falling score.

    Attributes
    ----------
    boxes : float32 array (n, 4)
        x, y, width, height in pixels of the photograph.
    scores : float32 array (n,)
        Face probability by the last net.
    trace : Trace or None
        Where it was asked for.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    trace: Trace | None = None


class Detector:
    """A cascade of nets.

    Parameters
    ----------
    cascade : Cascade or path, optional
        The nets with their thresholds, or a cascade file; by default the one that comes with the
        package.
    threshold : float, optional
        Smallest score of a face; by default the last stage's.
    min_face : float
        Smallest window in pixels.
    factor, stride : optional
        Ratio of neighbouring window sizes, and step of the windows in pixels of the first net's
        input, even; by default as the cascade was tuned.
    overlap_of : {'min', 'iou'}
        What the very last filtering, of the faces' moved boxes, divides the intersection by: the
        smaller box, so that a frame around two faces or inside one goes, too, or the union.
    batch_size : int
        Crops that a later net sees at once.

    Raises
    ------
    WeightsError
        If the file cannot be used.
    ValueError
        If a number is out of range.

    Examples
    --------
    >>> from cascade import Detector
    >>> found = Detector().detect(np.zeros((120, 160, 3), np.uint8))
    >>> len(found.boxes)
    0
    """

    def __init__(
        self,
        cascade: Cascade | str | os.PathLike[str] | None = None,
        *,
        threshold: float | None = None,
        min_face: float = 40,
        factor: float | None = None,
        stride: int | None = None,
        overlap_of: str = "min",
        batch_size: int = 64,
    ):
        if not isinstance(cascade, Cascade):
            cascade = bundle.load(cascade)
        if threshold is not None:
            cascade = cascade.with_thresholds([*cascade.thresholds[:-1], threshold])
        self.cascade = cascade
        self.min_face = min_face
        self.factor = cascade.factor if factor is None else factor
        self.stride = cascade.stride if stride is None else stride
        self.overlap_of, self.batch_size = overlap_of, batch_size
        if self.stride < 2 or self.stride % 2:
            raise ValueError(f"Detector's stride must be even and at least 2; got {self.stride!r}")
        if not (min_face >= 1 and self.factor > 1):
            raise ValueError(
                "Detector's min_face must be at least 1 pixel and its factor above 1; "
                f"got {min_face!r} and {self.factor!r}"
            )
        if overlap_of not in ("min", "iou"):
            raise ValueError(f"Detector's overlap_of must be 'min' or 'iou'; got {overlap_of!r}")
        if batch_size < 1:
            raise ValueError(f"Detector's batch_size must be at least 1; got {batch_size!r}")
        first = cascade.stages[0].detection
        self.sweep = Sweep(first.plan, first.scaling)

    def detect(self, image: NDArray[np.uint8], *, trace: bool = False) -> Detection:
        """Find the faces of one photograph.

        Parameters
        ----------
        image : uint8 array (rows, columns, 3)
            RGB, upright.
        trace : bool
            Also return what every stage left over.

        Returns
        -------
        Detection
            Its boxes may reach beyond the photograph's border.

        Raises
        ------
        ValueError
            If `image` is no such array.
        """
        ((_, found),) = self.detect_many([(None, image)], trace=trace)
        if isinstance(found, Exception):
            raise found
        return found

    def detect_many(
        self,
        photos: Iterable[tuple[Hashable, NDArray[np.uint8] | Exception]],
        *,
        trace: bool = False,
        jobs: int = 1,
    ) -> Iterator[tuple[Any, Detection | Exception]]:
        """Find the faces of many photographs, filling the later nets' batches across them.

        Parameters
        ----------
        photos : iterable of (key, image)
            Taken one at a time as they are needed. An exception in the place of an image, say from
            reading it, comes out again in its turn.
        trace : bool
            As in `detect`.
        jobs : int
            Threads, each of which takes a few photographs at a time (`cascade.parallel`).

        Yields
        ------
        key, Detection or Exception
            In the order of the photographs, some of them behind those taken.

        Raises
        ------
        ValueError
            If `jobs` is below 1.
        """
        if jobs != 1:
            yield from in_threads(lambda part: self.detect_many(part, trace=trace), photos, jobs)
            return
        overlap, last = self.cascade.overlap, self.cascade.stages[-1].calibration
        items = self._through(photos, self.cascade.stages, trace, moved=False)
        items = filter_all(items, overlap, stage="all sizes")
        if last is not None:
            items = cut(items, last.side, last=True)
            items = calibrate(items, last, batch_size=self.batch_size)
        nested = _NESTED if self.overlap_of == "min" else overlap
        for item in filter_all(items, nested, overlap=self.overlap_of):
            if item.error is not None:
                yield item.key, item.error
            else:
                steps = None if item.steps is None else Trace(item.windows, item.steps)
                yield item.key, Detection(item.frames, item.scores, steps)

    def candidates(
        self,
        photos: Iterable[tuple[Hashable, NDArray[np.uint8] | Exception]],
        *,
        depth: int | None = None,
        trace: bool = False,
    ) -> Iterator[Candidates]:
        """Run the stages before the last filtering.

        Parameters
        ----------
        photos : iterable of (key, image)
            As in `detect_many`.
        depth : int, optional
            Number of stages to run; all by default. Each of them calibrates what it found.
        trace : bool
            Keep what every step left over.

        Yields
        ------
        Candidates
        """
        return self._through(photos, self.cascade.stages[:depth], trace, moved=True)

    def _through(
        self,
        photos: Iterable[tuple[Hashable, NDArray[np.uint8] | Exception]],
        stages: Sequence[Stage],
        trace: bool,
        moved: bool,
    ) -> Iterator[Candidates]:
        """The stages one after another; `moved`: the last one calibrates, too."""
        items: Iterator[Candidates] = (_admitted(key, image, trace) for key, image in photos)
        for stage in stages:
            last = stage is stages[-1]
            net, calibration = stage.detection, stage.calibration
            moves = calibration is not None and (moved or not last)
            if stage is stages[0]:
                items = slide(
                    items,
                    self.sweep,
                    net.name,
                    stage.threshold,
                    min_face=self.min_face,
                    factor=self.factor,
                    stride=self.stride,
                    crops=moves,
                )
            else:
                items = detect(
                    items,
                    net,
                    stage.threshold,
                    batch_size=self.batch_size,
                    crops=moves,
                    last=last and (moved or calibration is None),
                )
            if moves and calibration is not None:
                items = calibrate(items, calibration, batch_size=self.batch_size)
            items = filter_sizes(items, net.name, stage.overlap)
        return items


def _admitted(key: Hashable, image: NDArray[np.uint8] | Exception, trace: bool) -> Candidates:
    item = Candidates(key, steps=[] if trace else None)
    if isinstance(image, Exception):
        item.error = image
    elif (
        not isinstance(image, np.ndarray)
        or image.dtype != np.uint8
        or image.ndim != 3
        or image.shape[2] != 3
    ):
        what = getattr(image, "dtype", type(image).__name__), getattr(image, "shape", ())
        item.error = ValueError(
            f"a photograph must be an RGB array (rows, columns, 3) of uint8; got {what!r}"
        )
    else:
        try:
            item.photo = Levels(image)
        except ValueError as error:
            item.error = error
    return item
