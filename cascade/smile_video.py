"""The smileys of a video, frame by frame.

A vote of 45 squares for every face of every frame is dear, and neighbouring frames show nearly the
same. Two things are spared here, both as the caller asks:

- the whole frame is searched only every so often; between, the last detection net tells whether the
  face is still where it was, and the last calibration net moves the square after it, as in the
  cascade itself;
- the 45 squares of a vote are spread over several frames: each of them asks the net about a part of
  the grid, and the latest answers of all 45 squares count.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augment.calibration import adjust
from augment.datasets.smileys import SMILEYS
from augment.functional import Levels, crop_many
from cascade.smiler import Smile, Smiler, one_per_face
from cascade.tracking import Letters, Track, Tracker, smoothed
from cascade.voting import ballots

__all__ = ["HOLD", "Follow", "SmileVideo", "TrackedSmile", "follow_with", "in_hindsight"]

HOLD = 0.2
"""Seconds for which another smiley must win before it is shown."""

_LINGER = 0.2  # seconds for which a face that is not found stays in sight, so that no box flickers

Follow = Callable[[Levels, NDArray[np.float32]], tuple[NDArray[np.float32], NDArray[np.float32]]]
"""From a frame and the squares of the last one to squares on the same faces and their scores."""


@dataclass(frozen=True, eq=False)
class TrackedSmile(Smile):
    """One face of a frame.

    `label` and `smiley` are those to be shown, which change only after others have won for a
    moment; `probabilities` are the frame's own (smoothed, if that was asked for), and `score` is
    the one of `label`.

    Attributes
    ----------
    track : int
        The face's number in the video, from 1 on.
    found : bool
        Whether it was found in this frame; if not, the rest is as it was.
    since : float
        Seconds: from when on `label` has won.
    """

    track: int = 0
    found: bool = True
    since: float = 0.0


@dataclass(eq=False)
class _Face:
    """What is known of one track."""

    letters: Letters
    ballots: NDArray[np.float32] | None = None
    probabilities: NDArray[np.float64] | None = None
    time: float = 0


class SmileVideo:
    """The smileys of one video; its frames are given one after another.

    Parameters
    ----------
    smiler : Smiler
        With its detector.
    every : int
        Search the whole of every so many frames.
    spread : int
        Frames over which the squares of a vote are spread; 1 for a whole vote in every frame. The
        first vote about a face is always a whole one.
    smooth : float
        Seconds of the probabilities' exponential average; 0 for none.
    hold : float
        Seconds for which another smiley must win before it is shown.
    follow : callable, optional
        `Follow`; by default with the last nets of the smiler's detector.

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    def __init__(
        self,
        smiler: Smiler,
        *,
        every: int = 1,
        spread: int = 1,
        smooth: float = 0.0,
        hold: float = HOLD,
        follow: Follow | None = None,
    ) -> None:
        if every < 1 or spread < 1 or not smooth >= 0 or not hold >= 0:
            raise ValueError(
                "SmileVideo's every and spread must be at least 1, smooth and hold at least 0; "
                f"got {every!r}, {spread!r}, {smooth!r} and {hold!r}"
            )
        self._smiler, self._every, self._smooth, self._hold = smiler, every, smooth, hold
        self._spread = min(spread, len(smiler.grid))
        if follow is None and every > 1:
            follow = follow_with(smiler.detector)
        self._follow = follow
        self._tracker = Tracker()
        self._faces: dict[int, _Face] = {}
        self._count, self._time = 0, -np.inf

    def step(self, time: float, image: NDArray[np.uint8]) -> list[TrackedSmile]:
        """Take the next frame.

        Parameters
        ----------
        time : float
            Seconds. One before the last frame's, as damaged videos have, counts as the last one's.
        image : uint8 array (rows, columns, 3)
            RGB.

        Returns
        -------
        list of TrackedSmile
            From left to right.

        Raises
        ------
        ValueError
            If `image` is no such array.
        """
        self._time = time = max(time, self._time)
        photo = Levels(image)
        boxes, scores = self._locate(time, photo, image)
        tracks = self._tracker.update(time, boxes, scores)
        self._vote(time, photo, tracks)
        self._count += 1
        remembered = {one.number for one in self._tracker.tracks}
        self._faces = {n: face for n, face in self._faces.items() if n in remembered}
        shown = [one for one in self._tracker.tracks if time - one.seen <= _LINGER]
        smiles = [self._smile(one, found=one.seen == time) for one in shown]
        return sorted(smiles, key=lambda smile: float(smile.box[0] + smile.box[2] / 2))

    def _locate(
        self, time: float, photo: Levels, image: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The squares of the faces, one of each, and their scores."""
        if self._count % self._every == 0 or self._follow is None:
            ((_, found),) = self._smiler.detector.detect_many([(None, image)])
            if isinstance(found, Exception):
                raise found
            boxes, scores = found.boxes, found.scores
        else:
            expected = [one.box for one in self._tracker.tracks if time - one.seen <= _LINGER]
            if not expected:
                return np.empty((0, 4), np.float32), np.empty(0, np.float32)
            boxes, scores = self._follow(photo, np.array(expected, np.float32))
        kept = one_per_face(boxes, scores)
        return boxes[kept], scores[kept]

    def _vote(self, time: float, photo: Levels, tracks: Sequence[Track]) -> None:
        """Ask the net about the squares whose turn it is."""
        grid = self._smiler.grid
        new = [one for one in tracks if one.number not in self._faces]
        known = [one for one in tracks if one.number in self._faces]
        for one in new:
            self._faces[one.number] = _Face(Letters(self._hold))
        turn = slice(self._count % self._spread, None, self._spread)
        for group, part in ((new, slice(None)), (known, turn)):
            if not group:
                continue
            squares = self._smiler.net.squares([one.box for one in group])
            net, photos = self._smiler.net, [photo] * len(group)
            answers = ballots(net, photos, squares, grid=grid[part])
            for one, answer in zip(group, answers, strict=True):
                self._count_votes(self._faces[one.number], time, answer, part)

    def _count_votes(
        self, face: _Face, time: float, answers: NDArray[np.float32], part: slice
    ) -> None:
        if face.ballots is None:
            face.ballots = answers
        else:
            face.ballots[part] = answers
        now = face.ballots.mean(axis=0, dtype=np.float64)
        face.probabilities = smoothed(face.probabilities, now, time - face.time, self._smooth)
        face.time = time
        face.letters.update(time, int(face.probabilities.argmax()))

    def _smile(self, track: Track, *, found: bool) -> TrackedSmile:
        face = self._faces[track.number]
        label, probabilities = face.letters.shown, face.probabilities
        assert label is not None, "a track begins with a vote"
        assert probabilities is not None
        return TrackedSmile(
            track.box.astype(np.float32),
            track.score,
            label,
            SMILEYS[label],
            float(probabilities[label]),
            probabilities.astype(np.float32),
            track=track.number,
            found=found,
            since=face.letters.since,
        )


def in_hindsight(
    frames: Iterable[tuple[Any, float, list[TrackedSmile]]], hold: float
) -> Iterator[tuple[Any, list[TrackedSmile]]]:
    """Show letters from when they began to win, not only once they have won for the hold.

    For that the frames of the last `hold` seconds wait, which a video's can and a camera's cannot.

    Parameters
    ----------
    frames : iterable of (any, seconds, list of TrackedSmile)
        From `SmileVideo.step`, of the same `hold`.
    hold : float
        Seconds.

    Yields
    ------
    any, list of TrackedSmile
        In the same order. What the frames raise comes after those that waited.
    """
    waiting: deque[tuple[Any, float, list[TrackedSmile]]] = deque()
    try:
        for key, time, smiles in frames:
            now = {smile.track: smile for smile in smiles}
            for _, then, earlier in waiting:
                for place, smile in enumerate(earlier):
                    later = now.get(smile.track)
                    if later is not None and later.label != smile.label and then >= later.since:
                        earlier[place] = replace(
                            smile,
                            label=later.label,
                            smiley=later.smiley,
                            score=float(smile.probabilities[later.label]),
                            since=later.since,
                        )
            waiting.append((key, time, smiles))
            while waiting[0][1] < time - hold - 1e-6:  # the same hair as in `Letters`
                first, _, done = waiting.popleft()
                yield first, done
    except (Exception, KeyboardInterrupt):
        yield from ((key, smiles) for key, _, smiles in waiting)
        raise
    yield from ((key, smiles) for key, _, smiles in waiting)


def follow_with(detector: Any) -> Follow:
    """Follow faces with the last stage of a `cascade.Detector`.

    A square whose face the last detection net no longer sees is dropped; the others are moved as
    the last calibration net advises.
    """
    stage = detector.cascade.stages[-1]

    def follow(
        photo: Levels, boxes: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        crops = crop_many(photo, boxes, stage.detection.side)
        scores = stage.detection.faces(crops)
        kept = scores >= stage.threshold
        boxes, scores = boxes[kept], scores[kept]
        if stage.calibration is not None and len(boxes):
            boxes = adjust(boxes, stage.calibration.probabilities(crops[kept]))
        return boxes, scores

    return follow
