"""Choosing rows from a run's segments: not superseded by a resume, and newer than a cursor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from monitor.layout import (
    MEDIA_KINDS,
    NEVER_ZERO,
    NO_RESUME,
    STEP_LIMIT,
    TABLES,
    RunLogError,
)
from monitor.records import Checkpoint, Funnel, Histograms, Picture, Series, Text
from monitor.segment_reader import SegmentReader
from monitor.split import split

__all__ = [
    "MEDIA_NAMES",
    "Cursor",
    "MediaTable",
    "by_tag",
    "checkpoints",
    "curves",
    "funnel",
    "histograms",
    "media",
    "pictures",
    "resumed_from",
    "series",
    "texts",
]

MEDIA_NAMES = {code: name for name, code in MEDIA_KINDS.items()}
_MEDIA = np.dtype(
    {
        "names": ["segment", "row", "step", "time", "offset", "length", "metadata", "kind"],
        "formats": ["i8", "i8", "i8", "f8", "i8", "i8", "i8", "i8"],
    }
)


class MediaTable(NamedTuple):
    """Pictures, ``(n,)`` each.

    Attributes
    ----------
    rows : numpy.ndarray
        With the fields `segment`, `row`, and those of the table ``media``.
    tags : numpy.ndarray
        Names.
    """

    rows: np.ndarray
    tags: np.ndarray


class Cursor(NamedTuple):
    """How far somebody has read: rows of the last segment; all of those before are read."""

    segment: int = -1
    events: int = 0
    media: int = 0
    texts: int = 0
    hist: int = 0
    funnel: int = 0

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Return the cursor that `str` made a text of.

        Raises
        ------
        RunLogError
            If it is none.
        """
        try:
            segment, *counts = (int(part) for part in text.split("."))
        except (ValueError, AttributeError):
            segment, counts = -1, []
        if segment < -1 or len(counts) != len(cls._fields) - 1 or min(counts) < 0:
            raise RunLogError(f"Run.delta takes a cursor of an earlier delta, not {text!r}.")
        return cls(segment, *counts)

    @classmethod
    def at_end(cls, segments: Sequence[SegmentReader]) -> Cursor:
        """Return the cursor of somebody who has read everything."""
        if not segments:
            return cls()
        last = segments[-1]
        return cls(last.number, *(len(last.rows(table)) for table in cls._fields[1:]))

    def __str__(self) -> str:
        return ".".join(map(str, self))

    def read(self, segment: SegmentReader, table: str) -> int:
        """Return how many rows of a segment's table are read."""
        if segment.number == self.segment:
            return int(getattr(self, table))
        return len(segment.rows(table)) if segment.number < self.segment else 0

    def within(self, end: Cursor) -> bool:
        """Tell whether a run that ends at `end` can have had this cursor."""
        if self.segment == end.segment:
            return all(mine <= its for mine, its in zip(self, end, strict=True))
        return self.segment < end.segment


def resumed_from(segments: Sequence[SegmentReader], cursor: Cursor) -> int | None:
    """Return the lowest step that the segments after a cursor resumed from, or None."""
    starts = [
        segment.start_step
        for segment in segments
        if segment.number > cursor.segment and segment.start_step != NO_RESUME
    ]
    return min(starts, default=None)


def _select(
    segments: Sequence[SegmentReader], table: str, since: Cursor, ghosts: bool = False
) -> Iterator[tuple[SegmentReader, int, np.ndarray, np.ndarray]]:
    """Yield segments, the number of the first row, which rows count (or are superseded), rows."""
    limit, limits = STEP_LIMIT, []
    for segment in reversed(segments):
        limits.append(limit)
        if segment.start_step != NO_RESUME:
            limit = min(limit, segment.start_step)
    for segment, limit in zip(segments, reversed(limits), strict=True):
        begin = since.read(segment, table)
        rows = segment.rows(table)[begin:]
        if not len(rows) or (ghosts and limit == STEP_LIMIT):
            continue
        keep = rows[NEVER_ZERO[table]] > 0
        if limit < STEP_LIMIT:
            superseded = rows["step"] >= limit
            keep &= superseded if ghosts else ~superseded
        yield segment, begin, keep, rows


def curves(
    segments: Sequence[SegmentReader], since: Cursor, *, ghosts: bool = False
) -> dict[str, Series]:
    """Return the points after a cursor by name of curve: all curves in one go."""
    pieces: dict[str, list[Series]] = {}
    for segment, _, keep, rows in _select(segments, "events", since, ghosts):
        names = {number: name for name, number in segment.tag_numbers("scalar").items()}
        for number, points in split(rows, keep, names).items():
            pieces.setdefault(names[number], []).append(points)
    return {
        name: Series(*map(np.concatenate, zip(*parts, strict=True))) if len(parts) > 1 else parts[0]
        for name, parts in pieces.items()
    }


def by_tag(
    segments: Sequence[SegmentReader],
    kind: str,
    table: str,
    since: Cursor,
    *,
    tag: str | None = None,
    ghosts: bool = False,
) -> dict[str, np.ndarray]:
    """Return the rows of a table by name of tag; only those of one tag if it is given."""
    pieces: dict[str, list[np.ndarray]] = {} if tag is None else {tag: []}
    for segment, _, keep, rows in _select(segments, table, since, ghosts):
        for name, number in segment.tag_numbers(kind).items():
            if tag is None or tag == name:
                pieces.setdefault(name, []).append(rows[keep & (rows["tag"] == number)])
    none = np.zeros(0, TABLES[table][0])
    found = {name: np.concatenate([none, *rows]) for name, rows in pieces.items()}
    return {name: rows for name, rows in found.items() if len(rows) or name == tag}


def series(rows: np.ndarray) -> Series:
    """Return rows of ``events`` as a curve."""
    return Series(*(rows[name].copy() for name in Series._fields))


def histograms(rows: np.ndarray) -> Histograms:
    """Return rows of ``hist`` by column."""
    return Histograms(*(rows[name].copy() for name in Histograms._fields))


def media(segments: Sequence[SegmentReader], since: Cursor) -> MediaTable:
    """Return what is known of the pictures after a cursor without touching their bytes."""
    parts, names = [np.zeros(0, _MEDIA)], [np.zeros(0, object)]
    for segment, begin, keep, rows in _select(segments, "media", since):
        tags = segment.tag_numbers("picture")
        known = np.full(len(segment.rows("tags")) + 1, "", object)
        known[list(tags.values())] = list(tags)
        name = known[np.where(rows["tag"] < len(known), rows["tag"], 0)]
        places = np.flatnonzero(keep & (name != ""))
        part = np.zeros(len(places), _MEDIA)
        part["segment"], part["row"] = segment.number, begin + places
        for field in ("step", "time", "offset", "length", "metadata", "kind"):
            part[field] = rows[field][places]
        parts.append(part)
        names.append(name[places])
    return MediaTable(np.concatenate(parts), np.concatenate(names))


def pictures(segments: Sequence[SegmentReader], since: Cursor) -> list[Picture]:
    """Return the pictures after a cursor."""
    table = media(segments, since)
    return [
        Picture(f"{row['segment']}-{row['row']}", tag, int(row["step"]), float(row["time"]), kind)
        for row, tag in zip(table.rows, table.tags, strict=True)
        for kind in [MEDIA_NAMES.get(int(row["kind"]), "")]
    ]


def texts(segments: Sequence[SegmentReader], since: Cursor) -> list[Text]:
    """Return the notes after a cursor; those whose bytes are lost are left out."""
    found = []
    for segment, _, keep, rows in _select(segments, "texts", since):
        rows = rows[keep]
        contents = segment.blobs(zip(rows["offset"].tolist(), rows["length"].tolist(), strict=True))
        for row, content in zip(rows, contents, strict=True):
            if isinstance(content, bytes) and (any(content) or not content):  # lost ones are zeros
                text = content.decode("utf-8", "replace")
                found.append(Text(int(row["step"]), float(row["time"]), text))
    return found


def checkpoints(segments: Sequence[SegmentReader], since: Cursor) -> list[Checkpoint]:
    """Return the marks of checkpoints after a cursor."""
    marks = by_tag(segments, "checkpoint", "events", since)
    found = [
        Checkpoint(int(row["step"]), float(row["time"]), name)
        for name, rows in marks.items()
        for row in rows
    ]
    return sorted(found, key=lambda mark: mark.time)


def funnel(segments: Sequence[SegmentReader], since: Cursor) -> Funnel:
    """Return the rows of the funnel after a cursor."""
    tables, names = [np.zeros(0, TABLES["funnel"][0])], []
    for segment, _, keep, rows in _select(segments, "funnel", since):
        rows = rows[keep]
        known = [segment.tag(int(number)) for number in rows["stage"]]
        tables.append(rows[[tag is not None for tag in known]])
        names += [tag[1] for tag in known if tag is not None]
    rows = np.concatenate(tables)
    columns = {name: rows[name].copy() for name in Funnel._fields if name != "stage"}
    return Funnel(stage=np.array(names, str), **columns)
