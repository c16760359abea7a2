"""The record beside a picture: JSON that says what was asked for, found and agreed to."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

__all__ = ["Record", "Status", "Tombstone", "parse"]

Status = Literal["new", "accepted", "rejected"]

_FORMAT = 1
_STATUSES = get_args(Status)
_ID = re.compile(r"[0-9a-f]{16}")  # what may become a file's or a folder's name


@dataclass(frozen=True)
class Record:
    """What is known about a picture.

    Attributes
    ----------
    id : str
        Random; the file's name.
    smiley : int
        The class that was asked for, whose folder the picture lies in.
    label : int
        The class that it shows, as reviewed.
    box : (float, float, float, float)
        The face: x, y, width, height in pixels of the stored picture.
    score : float
        The detector's.
    size : (int, int)
        Width and height in pixels.
    bytes : int
        Size of the picture's file.
    day : str
        ``'2026-11-30'`` in UTC; no time.
    person : str
        Random id of the session.
    consent : str
        Hash of the text that was agreed to.
    released : bool
        The picture may be shown to others.
    code : str
        Salted hash of the code that takes it back.
    status : {'new', 'accepted', 'rejected'}
    """

    id: str
    smiley: int
    label: int
    box: tuple[float, float, float, float]
    score: float
    size: tuple[int, int]
    bytes: int
    day: str
    person: str
    consent: str
    released: bool
    code: str
    status: Status = "new"

    def content(self) -> dict[str, Any]:
        """Return what is stored."""
        return {"format": _FORMAT, **asdict(self)}


@dataclass(frozen=True)
class Tombstone:
    """What remains of a picture that was taken back: that there was one."""

    id: str
    smiley: int

    def content(self) -> dict[str, Any]:
        """Return what is stored."""
        return {"format": _FORMAT, "id": self.id, "smiley": self.smiley, "status": "withdrawn"}


def parse(content: Any, name: str, smiley: int, classes: int) -> Record | Tombstone | None:
    """Return the record that a file holds; None if it is damaged.

    Parameters
    ----------
    content
        What the JSON held.
    name : str
        The file's name without its ending, which is the id.
    smiley : int
        The class whose folder it lies in.
    classes : int
        Number of classes.
    """
    try:
        if content["format"] != _FORMAT or content["id"] != name or content["smiley"] != smiley:
            return None
        if content["status"] == "withdrawn":
            return Tombstone(name, smiley)
        x, y, width, height = map(float, content["box"])
        columns, rows = map(int, content["size"])
        record = Record(
            id=name,
            smiley=smiley,
            label=int(content["label"]),
            box=(x, y, width, height),
            score=float(content["score"]),
            size=(columns, rows),
            bytes=int(content["bytes"]),
            day=str(content["day"]),
            person=str(content["person"]),
            consent=str(content["consent"]),
            released=content["released"] is True,
            code=str(content["code"]),
            status=content["status"],
        )
        good = record.status in _STATUSES and 0 <= record.label < classes
        return record if good and _ID.fullmatch(record.person) else None
    except (KeyError, TypeError, ValueError):
        return None
