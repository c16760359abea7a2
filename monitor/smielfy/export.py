"""What was accepted, as the list of pictures that a training reads::

    file,person,frame,label_id,smiley,x,y,side
    3f2c90aa61d0c8e1/05d1…a7.jpg,3f2c90aa61d0c8e1,0,4,:-P,212.0,140.5,260.0

``person`` is the random id of a session. A list in the pictures' own folder points to the pictures
themselves; beside a list elsewhere they are copied. Written anew, the list and the copies lose what
was taken back or is not accepted any more.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path

from monitor.smielfy.errors import SmielfyError
from monitor.smielfy.places import write_bytes
from monitor.smielfy.records import Record
from monitor.smielfy.store import Store

__all__ = ["COLUMNS", "export"]

COLUMNS = ("file", "person", "frame", "label_id", "smiley", "x", "y", "side")


def export(store: Store, path: Path) -> int:
    """Write the list of the accepted pictures.

    Parameters
    ----------
    store : Store
        The pictures.
    path : Path
        The list, ``....csv``.

    Returns
    -------
    int
        Number of pictures in the list.

    Raises
    ------
    SmielfyError
        If nothing was accepted yet, or there is another file in the list's place.
    OSError
        If something cannot be written.
    """
    accepted = [record for record in store.records() if record.status == "accepted"]
    if not accepted:
        raise SmielfyError(
            f"No picture of {str(store.folder)!r} is accepted yet; see: lasagnette smielfy review"
        )
    before = _listed(path)
    inside = path.resolve().parent == store.folder.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    frames: Counter[str] = Counter()
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
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
    write_bytes(path, text.getvalue().encode())
    if not inside:
        for file in before - files:
            (path.parent / file).unlink(missing_ok=True)
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


def _listed(path: Path) -> set[str]:
    """Return the files of the list that is to be replaced."""
    try:
        rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    except FileNotFoundError:
        return set()
    except (UnicodeDecodeError, csv.Error):
        rows = [[]]
    if not rows or tuple(rows[0]) != COLUMNS:
        raise SmielfyError(f"{path} is no list of smileys; it is not overwritten.")
    # Only what an export can have written: person/picture.jpg.
    return {
        row[0]
        for row in rows[1:]
        if row and row[0].count("/") == 1 and ".." not in row[0] and row[0].endswith(".jpg")
    }
