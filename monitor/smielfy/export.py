"""What was accepted, as the list of pictures that a training reads::

    file,person,frame,label_id,smiley,x,y,side
    3f2c90aa61d0c8e1/05d1c2b3a4f5e6a7.jpg,3f2c90aa61d0c8e1,0,4,:-P,212.0,140.5,260.0

``person`` is the random id of a session. A list in the pictures' own folder points to the pictures
themselves; beside a list elsewhere they are copied. Written anew, the list and the copies lose what
was taken back or is not accepted any more.

A list may hold other pictures, too, say frames of clips. Their lines stay as they are, and their
files are not touched: an export takes for its own only what is named as it names things, by the id
of a picture that this folder of Smielfy's holds or held.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from contextlib import suppress
from pathlib import Path

from monitor.smielfy.errors import SmielfyError
from monitor.smielfy.places import PART, write_bytes
from monitor.smielfy.records import Record
from monitor.smielfy.store import Store

__all__ = ["COLUMNS", "export"]

COLUMNS = ("file", "person", "frame", "label_id", "smiley", "x", "y", "side")

# A copy, or the draft of one that a killed export has left.
_COPY = re.compile(rf"[0-9a-f]{{16}}/\.?([0-9a-f]{{16}})\.jpg(?:{re.escape(PART)})?")
_STORED = re.compile(r"[0-9]{2}-[a-z]+/([0-9a-f]{16})\.jpg")


def export(store: Store, path: Path) -> int:
    """Write the list of the accepted pictures.

    Parameters
    ----------
    store : Store
        The pictures.
    path : Path
        The list, ``....csv``. Lines of other pictures that it holds already are kept.

    Returns
    -------
    int
        Number of the store's pictures in the list; 0 where all of an earlier export are gone.

    Raises
    ------
    SmielfyError
        If nothing was accepted yet and nothing of an earlier export is there, or if there is
        another file in the list's place.
    OSError
        If something cannot be written.
    """
    accepted = [record for record in store.records() if record.status == "accepted"]
    inside = path.resolve().parent == store.folder.resolve()
    form, ids = _STORED if inside else _COPY, store.ids()
    listed, others = _divided(path, form, ids)
    copies = set() if inside else _copies(path.parent, ids)
    if not accepted and not listed and not copies:
        raise SmielfyError(
            f"No picture of {str(store.folder)!r} is accepted yet; see: lasagnette smielfy review"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    frames: Counter[str] = Counter()
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    files = set()
    for record in accepted:
        try:
            file = _place(store, record, path.parent, inside)
        except FileNotFoundError:  # taken back at this moment
            continue
        files.add(file)
        smiley = store.smileys[record.label]
        square = _square(record)
        frame = frames[record.person]
        writer.writerow([file, record.person, frame, record.label, smiley, *square])
        frames[record.person] += 1
    # Before the list is written: where the process ends here, the next export goes on.
    for file in copies - files:
        _remove(path.parent / file)
    write_bytes(path, (others + text.getvalue()).encode())
    return len(files)


def _place(store: Store, record: Record, folder: Path, inside: bool) -> str:
    """Return where a record's picture lies relative to the list; copy it there if need be."""
    source = store.picture(record)
    if inside:
        if not source.is_file():
            raise FileNotFoundError(source)
        return source.relative_to(store.folder).as_posix()
    name = f"{record.person}/{record.id}.jpg"
    target = folder / name
    target.parent.mkdir(mode=0o700, exist_ok=True)
    write_bytes(target, source.read_bytes(), record.day)
    return name


def _square(record: Record) -> tuple[float, float, float]:
    """Return x, y and side of the face's square: as high as its box, with the same centre."""
    x, y, width, side = record.box
    return round(x + (width - side) / 2, 1), round(y, 1), round(side, 1)


def _divided(path: Path, form: re.Pattern[str], ids: set[str]) -> tuple[int, str]:
    """Return how many lines of the present list are an earlier export's, and all other lines.

    The other lines are as they stand there, the header among them, and end with a line's end.
    """
    header = ",".join(COLUMNS) + "\n"
    try:
        text = path.read_bytes().decode("utf-8")
        lines = list(io.StringIO(text, newline=""))  # as the reader counts them, with their ends
        # Strict: behind a quote that is never closed, nobody knows what is a line.
        reader = csv.reader(lines, strict=True)
        first = next(reader, [])
        if tuple(first) != COLUMNS and tuple(first) != (f"\ufeff{COLUMNS[0]}", *COLUMNS[1:]):
            raise csv.Error("another header")
        listed, begin, others = 0, reader.line_num, lines[: reader.line_num]
        for row in reader:
            if row and _is_own(row[0], form, ids):
                listed += 1
            else:
                others += lines[begin : reader.line_num]
            begin = reader.line_num
    except FileNotFoundError:
        return 0, header
    except (UnicodeDecodeError, csv.Error):
        raise SmielfyError(
            f"{path} is no list of smileys, which begins with {header.strip()!r}; it is not "
            "overwritten: choose another file for the list."
        ) from None
    kept = "".join(others)
    return listed, kept if kept.endswith(("\n", "\r")) else kept + "\n"


def _copies(folder: Path, ids: set[str]) -> set[str]:
    """Return the copies of the store's pictures that earlier exports have left beside the list."""
    found = (file.relative_to(folder).as_posix() for file in folder.glob("*/*.jpg*"))
    return {file for file in found if _is_own(file, _COPY, ids)}


def _is_own(file: str, form: re.Pattern[str], ids: set[str]) -> bool:
    named = form.fullmatch(file)
    return named is not None and named[1] in ids


def _remove(copy: Path) -> None:
    """Delete a copy, and its person's folder with the last one."""
    copy.unlink(missing_ok=True)
    with suppress(OSError):  # other pictures are left
        copy.parent.rmdir()
