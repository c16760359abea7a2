"""The FDDB protocol: detections against annotated ellipses.

V. Jain and E. Learned-Miller, "FDDB: A Benchmark for Face Detection in Unconstrained Settings",
UM-CS-2010-009, and its evaluator's source, whose rounding is kept:

- An ellipse is the mask that OpenCV fills on an 8-bit picture of the photograph's size, its
  centre rounded and its semi-axes truncated to whole pixels. A box is the filled rectangle between
  its rounded corners, both included. Both end at the photograph's border.
- Intersection over union counts pixels of these masks.
- For each score s, the detections of a photograph from s on are matched to its ellipses one to one,
  so that the sum of intersection over union is largest; pairs that do not touch are no match.
- Discrete score: a match above 0.5 is one true positive. Continuous score: a match counts its
  intersection over union. Kept detections that are no true positives are false positives.
- One curve over all photographs, in units of all annotated faces.

Squares lose against upright ellipses. Li et al. (CVPR 2015) stretch their squares vertically
by 20 % before the evaluation. That is a convention of reporting, not of detecting: it has to be
said where it is used, and here it has to be asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

__all__ = ["Annotation", "Roc", "overlaps", "rate_at", "roc"]


@dataclass(frozen=True)
class Annotation:
    """The faces of one photograph.

    Attributes
    ----------
    ellipses : float array (k, 5)
        Major and minor semi-axis in pixels, angle of the major axis against the x axis in radians
        (y pointing down), centre x and y in pixels.
    rows, columns : int
        The photograph's size in pixels.
    """

    ellipses: ArrayLike
    rows: int
    columns: int


@dataclass(frozen=True)
class Roc:
    """Points of the curves, one per score that occurs, by falling score.

    Attributes
    ----------
    thresholds : float array (n,)
        Smallest score of the detections kept.
    false_positives : int array (n,)
        Their number in all photographs.
    discrete, continuous : float array (n,)
        Shares of the annotated faces, 0 to 1.
    images, faces : int
        Numbers of photographs and of annotated faces.
    """

    thresholds: NDArray[np.float64]
    false_positives: NDArray[np.intp]
    discrete: NDArray[np.float64]
    continuous: NDArray[np.float64]
    images: int
    faces: int


def overlaps(
    annotation: Annotation, boxes: ArrayLike, *, vertical_stretch: float = 1.0
) -> NDArray[np.float64]:
    """Intersection over union of every ellipse with every box, in pixels of their masks.

    Parameters
    ----------
    annotation : Annotation
    boxes : float array (m, 4)
        x, y, width, height in pixels.
    vertical_stretch : float
        Factor of the boxes' heights, about their centres; Li et al. use 1.2.

    Returns
    -------
    float array (k, m)
    """
    ellipses = np.asarray(annotation.ellipses, np.float64).reshape(-1, 5)
    x, y, width, height = np.asarray(boxes, np.float64).reshape(-1, 4).T
    y = y + height * (1 - vertical_stretch) / 2
    height = height * vertical_stretch
    size = annotation.columns, annotation.rows
    # First pixels and those after the last, inside the photograph.
    left, top = _clipped(np.rint(x), size[0]), _clipped(np.rint(y), size[1])
    right = _clipped(np.rint(x + width) + 1, size[0])
    bottom = _clipped(np.rint(y + height) + 1, size[1])
    areas = (right - left) * (bottom - top)
    result = np.zeros((len(ellipses), len(x)))
    mask = np.empty((annotation.rows, annotation.columns), np.uint8)
    for row, (major, minor, angle, centre_x, centre_y) in zip(result, ellipses, strict=True):
        mask[:] = 0
        centre = int(np.rint(centre_x)), int(np.rint(centre_y))
        axes = int(major), int(minor)
        cv2.ellipse(mask, centre, axes, float(np.degrees(angle)), 0, 360, 1, cv2.FILLED)
        sums = cv2.integral(mask)
        common = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
        union = areas + sums[-1, -1] - common
        np.divide(common, union, out=row, where=union > 0)
    return result


def _clipped(values: NDArray[np.float64], stop: int) -> NDArray[np.intp]:
    return np.clip(values, 0, stop).astype(np.intp)


def roc(
    annotations: Sequence[Annotation],
    detections: Sequence[tuple[ArrayLike, ArrayLike]],
    *,
    vertical_stretch: float = 1.0,
) -> Roc:
    """Evaluate detections on photographs.

    Parameters
    ----------
    annotations : sequence of Annotation
    detections : sequence of (boxes (m, 4), scores (m,))
        For the same photographs in the same order.
    vertical_stretch : float
        As in `overlaps`.

    Returns
    -------
    Roc
        Empty arrays where nothing was detected.

    Raises
    ------
    ValueError
        If the two sequences differ in length, or no face is annotated.
    """
    if len(annotations) != len(detections):
        raise ValueError(
            f"roc needs detections for each of the {len(annotations)} photographs; "
            f"got {len(detections)!r}"
        )
    faces = sum(len(np.asarray(one.ellipses).reshape(-1, 5)) for one in annotations)
    if not faces:
        raise ValueError("roc needs at least one annotated face")
    # Rows: score, and by how much its detections change kept, true positives and sum of overlaps.
    changes = [np.empty((0, 4))]
    for annotation, (boxes, scores) in zip(annotations, detections, strict=True):
        pairs = overlaps(annotation, boxes, vertical_stretch=vertical_stretch)
        changes.append(_changes(pairs, np.asarray(scores, np.float64)))
    table = np.concatenate(changes)
    thresholds, where = np.unique(-table[:, 0], return_inverse=True)
    kept, true, overlap = (
        np.cumsum(np.bincount(where, table[:, c], minlength=len(thresholds))) for c in (1, 2, 3)
    )
    return Roc(
        thresholds=-thresholds,
        false_positives=np.rint(kept - true).astype(np.intp),
        discrete=true / faces,
        continuous=overlap / faces,
        images=len(annotations),
        faces=faces,
    )


def _changes(pairs: NDArray[np.float64], scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Match anew at each score of one photograph; what changes from each to the next."""
    thresholds = np.unique(scores)[::-1]
    counts = np.zeros((len(thresholds) + 1, 3))
    for number, threshold in enumerate(thresholds, start=1):
        kept = scores >= threshold
        at = pairs[:, kept]
        matched = at[linear_sum_assignment(at, maximize=True)]
        counts[number] = kept.sum(), (matched > 0.5).sum(), matched.sum()
    return np.column_stack([thresholds, np.diff(counts, axis=0)])


def rate_at(curve: Roc, false_positives_per_image: float, *, kind: str = "discrete") -> float:
    """Highest share of faces found with no more than so many false positives per photograph.

    Parameters
    ----------
    curve : Roc
    false_positives_per_image : float
    kind : {'discrete', 'continuous'}

    Returns
    -------
    float
        0 to 1; 0 where even the best score brings more false positives.

    Raises
    ------
    ValueError
        If `kind` is another one.
    """
    if kind not in ("discrete", "continuous"):
        raise ValueError(f"rate_at: kind must be 'discrete' or 'continuous'; got {kind!r}")
    within = curve.false_positives <= false_positives_per_image * curve.images
    return float(getattr(curve, kind)[within].max(initial=0))
