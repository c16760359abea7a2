"""The detector: photographs in, faces out.

Two levels for now. The small net sweeps over all windows and leaves a few hundred; the large net
looks at these in full resolution. After each of them the frames of every window size are filtered
among themselves, and at last all that is left is filtered once more.
"""

import os
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augment.functional import Levels
from cascade.stages import Candidates, Net, Step, detect, filter_all, filter_sizes, slide
from cascade.sweep import Sweep
from nets import weights as net_weights
from nets.inference import forward
from nets.registry import spec

__all__ = ["NETS", "THRESHOLDS", "Detection", "Detector", "Trace", "load_pretrained"]

NETS = ("net12", "net48")
"""The nets of the pretrained cascade, in the order of its stages."""

THRESHOLDS = (0.2, 0.98)
"""Face probabilities from which a frame goes on, chosen on FDDB's fold 04 (0.01 false
positives per photograph)."""


@dataclass(frozen=True)
class Trace:
    """What the stages did with one photograph.

    Attributes
    ----------
    windows : int
        Number of windows that the first net saw.
    steps : list of Step
        What every stage left over, in their order: 'net12', 'net12 in size', 'net48' (the
        article's red frames), 'net48 in size' (blue), 'at last' (green).
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
    sweep : Sweep
        The first net, evaluated on all windows.
    nets : sequence of Net
        The later nets; without any, the first one decides alone.
    thresholds : sequence of float
        For the first and each later net the face probability from which a frame goes on.
    first_name : str
        The first net's name in the trace.
    min_face : float
        Smallest window in pixels.
    factor : float
        Ratio of neighbouring window sizes.
    stride : int
        Step of the windows in pixels of the first net's input, even.
    size_overlaps : sequence of float
        For the first and each later net the intersection over union above which a frame yields
        to a better one of the same window size. The first net knows little about where exactly
        a face lies: it should leave several frames around each.
    overlap : float
        The same for the last filtering, among all sizes.
    overlap_of : {'iou', 'min'}
        What the last filtering divides the intersection by: the union or the smaller frame.
    merge : bool
        Whether a face's box is the mean of the frames found for it, weighted by their scores, or
        the best of them, as in the article. Windows lie a third of their side apart: the mean is
        much nearer to the face (FDDB's fold 04 at 0.02 false positives per photograph: .97 of the
        faces against .45).
    batch_size : int
        Crops that a later net sees at once.

    Raises
    ------
    ValueError
        If there is not one threshold and one overlap per net, or another number is out of range.
    """

    def __init__(
        self,
        sweep: Sweep,
        nets: Sequence[Net],
        thresholds: Sequence[float],
        *,
        first_name: str = "net12",
        min_face: float = 40,
        factor: float = 1.2,
        stride: int = 4,
        size_overlaps: Sequence[float] = (0.7, 0.5),
        overlap: float = 0.2,
        overlap_of: str = "iou",
        merge: bool = True,
        batch_size: int = 64,
    ):
        for name, values in (("thresholds", thresholds), ("size_overlaps", size_overlaps)):
            if len(values) != 1 + len(nets):
                raise ValueError(
                    f"Detector needs one of {name} for each of its {1 + len(nets)} nets; "
                    f"got {values!r}"
                )
        if stride < 2 or stride % 2:
            raise ValueError(f"Detector's stride must be even and at least 2; got {stride!r}")
        if not (min_face > 0 and factor > 1):
            raise ValueError(
                "Detector's min_face must be positive and its factor above 1; "
                f"got {min_face!r} and {factor!r}"
            )
        self.sweep, self.first_name = sweep, first_name
        self.nets, self.thresholds = list(nets), list(thresholds)
        self.min_face, self.factor, self.stride = min_face, factor, stride
        self.size_overlaps = list(size_overlaps)
        self.overlap, self.overlap_of, self.merge = overlap, overlap_of, merge
        self.batch_size = batch_size

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
            Its boxes may reach beyond the border by less than a pixel of the level they come from.

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
    ) -> Iterator[tuple[Any, Detection | Exception]]:
        """Find the faces of many photographs, filling the later nets' batches across them.

        Parameters
        ----------
        photos : iterable of (key, image)
            Taken one at a time as they are needed. An exception in the place of an image, say from
            reading it, comes out again in its turn.
        trace : bool
            As in `detect`.

        Yields
        ------
        key, Detection or Exception
            In the order of the photographs, some of them behind those taken.
        """
        items = self.candidates(photos, trace=trace)
        for item in filter_all(items, self.overlap, overlap=self.overlap_of, merge=self.merge):
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
            Number of nets to use; all by default.
        trace : bool
            Keep what every stage left over.

        Yields
        ------
        Candidates
        """
        items: Iterator[Candidates] = (_admitted(key, image, trace) for key, image in photos)
        items = slide(
            items,
            self.sweep,
            self.first_name,
            self.thresholds[0],
            min_face=self.min_face,
            factor=self.factor,
            stride=self.stride,
        )
        items = filter_sizes(items, self.first_name, self.size_overlaps[0])
        nets = self.nets if depth is None else self.nets[: max(0, depth - 1)]
        for number, net in enumerate(nets, start=1):
            items = detect(
                items,
                net,
                self.thresholds[number],
                batch_size=self.batch_size,
                last=number == len(nets),
            )
            items = filter_sizes(items, net.name, self.size_overlaps[number])
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
        item.photo = Levels(image)
    return item


def load_pretrained(
    *,
    weights: str | os.PathLike[str] | None = None,
    threshold: float | None = None,
    **options: Any,
) -> Detector:
    """Build the detector from trained weights.

    Parameters
    ----------
    weights : path, optional
        Folder of net12.h5 and net48.h5; those that come with the package by default.
    threshold : float, optional
        Smallest score of a face; by default the last of `THRESHOLDS`.
    **options
        Further arguments of `Detector`.

    Returns
    -------
    Detector

    Raises
    ------
    nets.weights.WeightsError
        If a file is missing, damaged or holds another net.
    """
    paths = [
        net_weights.pretrained(name) if weights is None else Path(weights) / f"{name}.h5"
        for name in NETS
    ]
    first, *later = (net_weights.load(path, name) for path, name in zip(paths, NETS, strict=True))
    thresholds = [*THRESHOLDS[:-1], THRESHOLDS[-1] if threshold is None else threshold]
    nets = [Net(one.name, spec(one.name).side, one.scaling, forward(one.layer)) for one in later]
    sweep = Sweep(first.layer, first.scaling)
    return Detector(sweep, nets, thresholds, first_name=first.name, **options)
