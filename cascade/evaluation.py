"""The FDDB protocol: detections against annotated ellipses.

V. Jain and E. Learned-Miller, "FDDB: A Benchmark for Face Detection in Unconstrained Settings",
UM-CS-2010-009, and its evaluator's source, whose rounding is kept:

- An ellipse is the mask that OpenCV fills on an 8-bit picture of the photograph's size, its
  centre rounded and its semi-axes truncated to whole pixels. A box is the filled rectangle between
  its rounded corners, both included. Both end at the photograph's border.
- Intersection over union counts pixels of these masks. Detections may be ellipses, too.
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
    annotation: Annotation, regions: ArrayLike, *, vertical_stretch: float = 1.0
) -> NDArray[np.float64]:
    """Intersection over union of every annotated ellipse with every detection, in pixels.

    Parameters
    ----------
    annotation : Annotation
    regions : float array (m, 4) or (m, 5)
        Boxes, x, y, width, height in pixels; or ellipses like those of an `Annotation`.
    vertical_stretch : float
        Factor of the boxes' heights, about their centres; Li et al. use 1.2. Ellipses stay as they
        are.

    Returns
    -------
    float array (k, m)

    Raises
    ------
    ValueError
        If the regions have neither four nor five columns.
    """
    regions = np.asarray(regions, np.float64)
    if not regions.size:
        regions = regions.reshape(0, 4)
    if regions.ndim != 2 or regions.shape[1] not in (4, 5):
        raise ValueError(
            "overlaps needs detections of four numbers (x, y, width, height) or five (an ellipse); "
            f"got shape {regions.shape!r}"
        )
    ellipses = np.asarray(annotation.ellipses, np.float64).reshape(-1, 5)
    if regions.shape[1] == 5:
        return _overlaps_of_masks(annotation, ellipses, regions)
    x, y, width, height = regions.T
    y = y + height * (1 - vertical_stretch) / 2
    height = height * vertical_stretch
    size = annotation.columns, annotation.rows
    # First pixels and those after the last, inside the photograph.
    left, right = _between(x, x + width, size[0])
    top, bottom = _between(y, y + height, size[1])
    areas = (right - left) * (bottom - top)
    result = np.zeros((len(ellipses), len(x)))
    for row, ellipse in zip(result, ellipses, strict=True):
        sums = cv2.integral(_ellipse_mask(annotation, ellipse))
        common = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
        union = areas + sums[-1, -1] - common
        np.divide(common, union, out=row, where=union > 0)
    return result


def _overlaps_of_masks(
    annotation: Annotation, ellipses: NDArray[np.float64], others: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Intersection over union of ellipses (k, 5) with ellipses (m, 5)."""
    result = np.zeros((len(ellipses), len(others)))
    masks = [_ellipse_mask(annotation, ellipse) for ellipse in ellipses]
    for column, other in enumerate(others):
        found = _ellipse_mask(annotation, other)
        for row, mask in enumerate(masks):
            union = np.count_nonzero(mask | found)
            result[row, column] = np.count_nonzero(mask & found) / union if union else 0
    return result


def _ellipse_mask(annotation: Annotation, ellipse: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Ones inside an ellipse, on a picture of the photograph's size."""
    major, minor, angle, x, y = ellipse
    mask = np.zeros((annotation.rows, annotation.columns), np.uint8)
    centre = int(np.rint(x)), int(np.rint(y))
    axes = int(major), int(minor)
    cv2.ellipse(mask, centre, axes, float(np.degrees(angle)), 0, 360, 1, cv2.FILLED)
    return mask


def _between(
    one: NDArray[np.float64], other: NDArray[np.float64], stop: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """First pixel and that after the last of those from one corner to the other, clipped."""
    one, other = np.rint(one), np.rint(other)
    first, last = np.minimum(one, other), np.maximum(one, other)
    return np.clip(first, 0, stop).astype(np.intp), np.clip(last + 1, 0, stop).astype(np.intp)


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
    detections : sequence of (regions, scores (m,))
        For the same photographs in the same order; regions as in `overlaps`.
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
    for annotation, (regions, scores) in zip(annotations, detections, strict=True):
        pairs = overlaps(annotation, regions, vertical_stretch=vertical_stretch)
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
