"""How `lasagnette smile` writes what it found: smileys, or JSON lines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from scripts.detect_outputs import PIXEL_DIGITS, SCORE_DIGITS, place_of, printable, sentence

if TYPE_CHECKING:
    from cascade.smiler import Smile
    from scripts.detect_sources import Shot, Source

__all__ = ["SmileText", "json_line", "smileys_of"]

NO_FACE = "no face"


def smileys_of(smiles: Sequence[Smile]) -> str:
    """The smileys from left to right, between spaces."""
    return " ".join(smile.smiley for smile in smiles)


class SmileText:
    """Lines to be read: the smileys of a photograph; of a video, a line when they change.

    Parameters
    ----------
    names : bool
        Whether each line begins with the file's name.
    quiet : bool
        Nothing but smileys: no names, no times, an empty line where there is no face.
    """

    def __init__(self, *, names: bool = False, quiet: bool = False) -> None:
        self._names, self._quiet = names and not quiet, quiet
        self._last: tuple[Source, str] | None = None

    def __call__(self, shot: Shot, found: Sequence[Smile] | Exception) -> str:
        """The text of a photograph or frame, whole lines."""
        if isinstance(found, Exception):
            # So that of many photographs the n-th line is the n-th one's.
            return "\n" if self._quiet and not shot.source.moving else ""
        words = smileys_of(found)
        if shot.frame is not None:
            if self._last == (shot.source, words):
                return ""
            self._last = shot.source, words
        if self._quiet:
            return words + "\n"
        name = f"{printable(shot.source.name)}: " if self._names else ""
        time = "" if shot.frame is None else f"{_clock(shot.time)}  "
        return f"{name}{time}{words or NO_FACE}\n"


def json_line(shot: Shot, found: Sequence[Smile] | Exception) -> str:
    """One object per photograph, frame or failure."""
    if isinstance(found, Exception):
        return json.dumps({"file": shot.source.name, "error": sentence(shot, found)}) + "\n"
    rows, columns = shot.size
    line: dict[str, Any] = {"file": shot.source.name, **place_of(shot)}
    line |= {"width": columns, "height": rows, "faces": [_face(smile) for smile in found]}
    return json.dumps(line) + "\n"


def _face(smile: Smile) -> dict[str, Any]:
    from augment.datasets.smileys import SMILEYS

    face: dict[str, Any] = {}
    track = getattr(smile, "track", None)
    if track is not None:
        face |= {"track": track, "found": getattr(smile, "found", True)}
    face |= {"smiley": smile.smiley, "class": smile.label}
    face["score"] = round(smile.score, SCORE_DIGITS)
    sides = ("x", "y", "width", "height")
    box = zip(sides, smile.box.tolist(), strict=True)
    face |= {side: round(number, PIXEL_DIGITS) for side, number in box}
    face["face_score"] = round(smile.face_score, SCORE_DIGITS)
    each = zip(SMILEYS, smile.probabilities.tolist(), strict=True)
    face["probabilities"] = {smiley: round(number, SCORE_DIGITS) for smiley, number in each}
    return face


def _clock(seconds: float) -> str:
    """Minutes and seconds of a video."""
    whole = round(seconds * 100)
    return f"{whole // 6000}:{whole // 100 % 60:02d}.{whole % 100:02d}"
