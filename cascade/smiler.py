"""The smiler: photographs in, smileys out ("The return of smileys").

The detector finds the faces, one square is chosen for each, and the squares around it vote about
the smiley (`cascade.voting`).

>>> from cascade import Smiler
>>> smiler = Smiler()  # doctest: +SKIP
>>> [smile.smiley for smile in smiler.smile(image)]  # doctest: +SKIP
[':-)', ':-O']
"""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from augment.calibration import IDENTITY
from augment.datasets.smileys import SMILEYS
from augment.functional import Levels
from cascade import smiles
from cascade.detector import Detection, Detector
from cascade.parallel import in_threads
from cascade.smiles import SmileNet
from cascade.voting import GRID, vote_photos

__all__ = ["Smile", "Smiler", "one_per_face"]

_PIECE_BYTES, _PIECE_PHOTOS = 64_000_000, 32  # searched together, and held in memory for the vote

Photo = tuple[Hashable, NDArray[np.uint8] | Exception]


@dataclass(frozen=True, eq=False)
class Smile:
    """One face and its smiley.

    Attributes
    ----------
    box : float32 array (4,)
        x, y, width, height of the detector's square in pixels of the photograph.
    face_score : float
        How sure the detector is that this is a face, 0 to 1.
    label : int
        The smiley's number in `augment.datasets.smileys.SMILEYS`.
    smiley : str
    score : float
        Its part of the votes, 0 to 1.
    probabilities : float32 array (17,)
        Those of all smileys.
    """

    box: NDArray[np.float32]
    face_score: float
    label: int
    smiley: str
    score: float
    probabilities: NDArray[np.float32]


class Smiler:
    """Reads smileys off faces.

    Parameters
    ----------
    smile_net : SmileNet or path, optional
        The net that tells smileys apart, or a smile file; by default the one that comes with the
        package.
    detector : optional
        What finds the faces, with the `detect_many` of `cascade.Detector`; that by default.
    vote : bool
        Let 45 neighbouring squares vote (`cascade.voting`), or ask the net about the detector's
        square alone.

    Raises
    ------
    WeightsError
        If a file cannot be used.
    """

    def __init__(
        self,
        smile_net: SmileNet | str | os.PathLike[str] | None = None,
        detector: Any = None,
        *,
        vote: bool = True,
    ) -> None:
        self.net = smile_net if isinstance(smile_net, SmileNet) else smiles.load(smile_net)
        self.detector = Detector() if detector is None else detector
        self.grid: Sequence[int] = GRID if vote else (IDENTITY,)

    def smile(self, image: NDArray[np.uint8]) -> list[Smile]:
        """Read the smileys off one photograph.

        Parameters
        ----------
        image : uint8 array (rows, columns, 3)
            RGB, upright.

        Returns
        -------
        list of Smile
            One per face, from left to right.

        Raises
        ------
        ValueError
            If `image` is no such array.
        """
        ((_, found),) = self.smile_many([(None, image)])
        if isinstance(found, Exception):
            raise found
        return found

    def smile_many(
        self, photos: Iterable[Photo], *, jobs: int = 1
    ) -> Iterator[tuple[Any, list[Smile] | Exception]]:
        """Read the smileys off many photographs, filling the nets' batches across them.

        Parameters
        ----------
        photos : iterable of (key, image)
            Taken a few at a time. An exception in the place of an image comes out again in its
            turn.
        jobs : int
            Threads, each of which takes a few photographs at a time (`cascade.parallel`).

        Yields
        ------
        key, list of Smile or Exception
            In the order of the photographs.

        Raises
        ------
        ValueError
            If `jobs` is below 1.
        """
        if jobs != 1:
            yield from in_threads(self._together, photos, jobs)
            return
        for piece in _pieces(photos):
            yield from self._together(piece)

    def read(self, photos: Sequence[Levels], found: Sequence[Detection]) -> list[list[Smile]]:
        """The smileys of faces that are found already.

        Parameters
        ----------
        photos : sequence of Levels
        found : sequence of Detection
            One per photograph; of several squares on one face the best counts (`one_per_face`).

        Returns
        -------
        list of list of Smile
            One list per photograph, from left to right.
        """
        chosen = [one_per_face(one.boxes, one.scores) for one in found]
        boxes = [one.boxes[kept] for one, kept in zip(found, chosen, strict=True)]
        scores = [one.scores[kept] for one, kept in zip(found, chosen, strict=True)]
        together = np.concatenate([np.empty((0, 4), np.float32), *boxes])
        owners = [photo for photo, kept in zip(photos, chosen, strict=True) for _ in kept]
        votes = vote_photos(self.net, owners, self.net.squares(together), grid=self.grid)
        each = [
            Smile(box, float(face), int(label), SMILEYS[label], float(score), probabilities)
            for box, face, label, score, probabilities in zip(
                together,
                np.concatenate([np.empty(0, np.float32), *scores]),
                votes.label,
                votes.score,
                votes.probabilities,
                strict=True,
            )
        ]
        ends = np.cumsum([len(kept) for kept in chosen]).tolist()
        parts = zip([0, *ends], ends, strict=False)
        return [sorted(each[first:end], key=_centre) for first, end in parts]

    def _together(self, piece: Iterable[Photo]) -> Iterator[tuple[Any, list[Smile] | Exception]]:
        """Search a few photographs, then let the squares of all their faces vote at once."""
        piece = list(piece)
        numbered = ((number, image) for number, (_, image) in enumerate(piece))
        results: list[Any] = [one for _, one in self.detector.detect_many(numbered)]
        good = [n for n, one in enumerate(results) if not isinstance(one, Exception)]
        photos = [Levels(piece[n][1]) for n in good]  # type: ignore[arg-type]
        for number, faces in zip(good, self.read(photos, [results[n] for n in good]), strict=True):
            results[number] = faces
        yield from ((key, result) for (key, _), result in zip(piece, results, strict=True))


def one_per_face(boxes: ArrayLike, scores: ArrayLike) -> NDArray[np.intp]:
    """Choose the best square of each face.

    The detector drops squares that overlap a better one by much. Two of one face may be left, say
    its whole and its mouth, or its left and its right half; the article chose one for its smileys.
    Here two squares are of one face where the centre of either lies inside the other: of two
    people, even cheek to cheek, the centres are further apart than half a face.

    Parameters
    ----------
    boxes : float array (n, 4)
        x, y, width, height.
    scores : float array (n,)
        The higher the better. Of equal scores the earlier square is taken as the better one.

    Returns
    -------
    intp array (faces,)
        Indices of the squares, by falling score.
    """
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    half = boxes[:, 2:] / 2
    centres = boxes[:, :2] + half
    apart = np.abs(centres[:, None] - centres[None])
    reach = np.maximum(half[:, None], half[None])
    kept: list[int] = []
    for number in np.argsort(-np.asarray(scores), kind="stable").tolist():
        if not (apart[number, kept] < reach[number, kept]).all(axis=1).any():
            kept.append(number)
    return np.array(kept, np.intp)


def _centre(smile: Smile) -> float:
    return float(smile.box[0] + smile.box[2] / 2)


def _pieces(photos: Iterable[Photo]) -> Iterator[list[Photo]]:
    """A few photographs at a time; what the stream raises comes after what it gave before."""
    piece: list[Photo] = []
    held = 0
    try:
        for key, image in photos:
            piece.append((key, image))
            held += getattr(image, "nbytes", 0)
            if len(piece) >= _PIECE_PHOTOS or held >= _PIECE_BYTES:
                yield piece
                piece, held = [], 0
    except Exception:
        if piece:
            yield piece
        raise
    if piece:
        yield piece
