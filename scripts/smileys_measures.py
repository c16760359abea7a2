"""How well smileys are told: on labelled squares, on the detector's squares, and by the vote."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from augment.datasets.smileys import SMILEYS
from augment.fixed import fixed_set
from augment.functional import Levels
from augment.images import read_image
from augment.index import Index
from augment.samples import Batch

if TYPE_CHECKING:
    from cascade.smiles import SmileNet
    from cascade.trained import Net

__all__ = [
    "Found",
    "Told",
    "as_smile_net",
    "baselines",
    "find_faces",
    "measure_square",
    "read_frames",
    "tell",
    "told_alone",
    "told_by_vote",
]

NEIGHBOUR_SIDE = 16  # pixels of the nearest-neighbour baseline's grey crops
MIN_FACE = 40  # a frame's face has 80 pixels
EVERY = 4  # frames of which one is searched to learn how the detector's squares lie
TOGETHER = 32  # frames that vote at once


class Told(NamedTuple):
    """How well classes were told.

    Attributes
    ----------
    accuracy : float
        Share of the frames.
    macro_f1 : float
        Mean of F1 over the classes that have frames or were said.
    confusion : numpy.ndarray
        int ``(17, 17)``: frames of which something was said, by their class and by that.
    """

    accuracy: float
    macro_f1: float
    confusion: np.ndarray


def tell(said: np.ndarray, labels: np.ndarray) -> Told:
    """Compare what was said of frames, int ``(n,)``, with their classes ``(n,)``.

    -1 is a frame of which nothing could be said, because no face was found: it counts as wrong.
    """
    confusion = np.zeros((len(SMILEYS), len(SMILEYS)), np.int64)
    answered = said >= 0
    np.add.at(confusion, (labels[answered], said[answered]), 1)
    hits = np.diag(confusion)
    shown = (confusion.sum(axis=0) + np.bincount(labels, minlength=len(SMILEYS))) / 2
    there = shown > 0
    f1 = float((hits[there] / shown[there]).mean()) if there.any() else 0.0
    return Told(float(hits.sum() / max(1, len(labels))), f1, confusion)


def baselines(learnt: Index, held: Index) -> dict[str, Told]:
    """What needs no net: the most frequent class, and the most similar learnt frame.

    The latter compares grey crops of 16 x 16 pixels by their Euclidean distance.
    """
    known, asked = (fixed_set(index, NEIGHBOUR_SIDE) for index in (learnt, held))
    most = np.bincount(known.labels).argmax()
    a, b = _grey(known), _grey(asked)
    distances = (a**2).sum(axis=1)[None] - 2 * b @ a.T  # the asked one's own length is the same
    return {
        "most frequent": tell(np.full(len(held), most), asked.labels),
        "nearest neighbour": tell(known.labels[distances.argmin(axis=1)], asked.labels),
    }


def _grey(batch: Batch) -> np.ndarray:
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    grey = np.tensordot(batch.images.astype(np.float32), weights, axes=(1, 0))
    return grey.reshape(len(grey), -1)


class Found(NamedTuple):
    """A detector's squares.

    Attributes
    ----------
    rows : numpy.ndarray
        int ``(k,)``: the index's rows in whose frame the labelled face was found.
    boxes : numpy.ndarray
        float32 ``(k, 4)``: the best square on it, in pixels of the frame.
    """

    rows: np.ndarray
    boxes: np.ndarray


def find_faces(index: Index) -> Found:
    """Look for the labelled faces with the detector that comes with the package."""
    from cascade.detector import Detector
    from cascade.smiler import one_per_face

    rows, boxes = [], []
    for row, found in Detector(min_face=MIN_FACE).detect_many(read_frames(index)):
        if isinstance(found, Exception):
            raise found
        best = found.boxes[one_per_face(found.boxes, found.scores)]
        x, y, width, height = index.frames[row]
        centre = x + width / 2, y + height / 2
        on = np.abs(best[:, :2] + best[:, 2:] / 2 - centre) < best[:, 2:] / 2
        hits = np.flatnonzero(on.all(axis=1))
        if len(hits):
            rows.append(row)
            boxes.append(best[hits[0]])
    return Found(np.array(rows, np.intp), np.array(boxes, np.float32).reshape(-1, 4))


def read_frames(index: Index) -> Iterator[tuple[int, np.ndarray]]:
    """Rows and pictures of an index, one after the other."""
    for row in range(len(index)):
        yield row, read_image(index.file(row))


def measure_square(learnt: Index) -> tuple[float, float, float]:
    """How the detector's squares become the labelled ones: see `cascade.smiles.SmileNet`.

    Medians over the faces found in one frame of `EVERY`; (1, 0, 0) where there are none.
    """
    index = learnt.select(np.arange(0, len(learnt), EVERY))
    found = find_faces(index)
    if not len(found.rows):
        return 1.0, 0.0, 0.0
    wanted = index.frames[found.rows].astype(np.float64)
    side = found.boxes[:, 2:].mean(axis=1)
    moved = (wanted[:, :2] + wanted[:, 2:] / 2) - (found.boxes[:, :2] + found.boxes[:, 2:] / 2)
    scale = np.median(wanted[:, 2] / side)
    right, down = np.median(moved / side[:, None], axis=0)
    return round(float(scale), 3), round(float(right), 3), round(float(down), 3)


def told_alone(net: SmileNet, index: Index) -> Told:
    """What the net says of the labelled squares."""
    batch = fixed_set(index, net.side)
    starts = range(0, len(batch.labels), TOGETHER)
    said = [net.logits(batch.images[at : at + TOGETHER]).argmax(axis=1) for at in starts]
    return tell(np.concatenate(said), batch.labels)


def told_by_vote(net: SmileNet, index: Index, found: Found) -> dict[str, Told]:
    """What the net says of the detector's squares: of each alone, and of its 45 neighbours.

    A frame whose face was not found counts as told wrong.
    """
    from augment.calibration import IDENTITY
    from cascade.voting import ballots

    squares = net.squares(found.boxes)
    alone, vote = np.full((2, len(index)), -1, np.intp)
    for at in range(0, len(squares), TOGETHER):
        rows = found.rows[at : at + TOGETHER]
        photos = [Levels(read_image(index.file(row))) for row in rows]
        said = ballots(net, photos, squares[at : at + TOGETHER])
        alone[rows] = said[:, IDENTITY].argmax(axis=1)
        vote[rows] = said.mean(axis=1).argmax(axis=1)
    return {
        "detector's square": tell(alone, index.labels),
        "vote of 45": tell(vote, index.labels),
    }


def as_smile_net(net: Net, square: tuple[float, float, float]) -> SmileNet:
    """A trained net with how the detector's squares become those it learned from.

    Raises
    ------
    ValueError
        If its classes are not the 17 smileys.
    """
    from cascade.smiles import SmileNet

    return SmileNet(net.name, net.plan, net.scaling, net.facts, square)
