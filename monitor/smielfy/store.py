"""The folder of pictures::

    smielfy.json             the smileys in order, and the key that salts codes and signs cookies
    00-smile/<id>.jpg        a picture, in the folder of the smiley that was asked for
    00-smile/<id>.json       its record, or the tombstone of a picture that was taken back
    consents/<hash>.json     the texts that people agreed to, word for word

A picture counts once its record is there. Both are renamed into place under a lock that all
processes share; what a killed one left over is removed when the folder is opened.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Sequence
from dataclasses import replace
from hmac import compare_digest
from pathlib import Path

from monitor.files import read_json
from monitor.smielfy.codes import digest, make_code, plain_code
from monitor.smielfy.consent import Consent
from monitor.smielfy.errors import Refusal, SmielfyError
from monitor.smielfy.intake import Face
from monitor.smielfy.limits import Limits
from monitor.smielfy.places import PART, Lock, today, write_bytes, write_json
from monitor.smielfy.records import Record, Status, Tombstone, parse
from monitor.smielfy.smileys import folder_names

__all__ = ["Store"]

_FORMAT = 1
_SETTINGS, _CONSENTS = "smielfy.json", "consents"
_QUIET = 100_000_000  # nanoseconds after which a folder's time of change is surely its last
_NO_DAY = "1980-01-01"

_Entry = Record | Tombstone | None


class Store:
    """The pictures of a folder.

    Parameters
    ----------
    folder : path-like
        Made if it does not exist, unless `make` is false.
    smileys : sequence of str
        The classes in order; those of an existing folder must be the same.
    make : bool
        Make the folder where there is none.

    Attributes
    ----------
    folder : Path
    smileys : list of str
    key : bytes
        The folder's secret.
    damaged : int
        Records that could not be read when they were last looked at.

    Raises
    ------
    SmielfyError
        If it is no folder of Smielfy's, or one for other smileys.
    OSError
        If it cannot be read or written.
    """

    def __init__(
        self, folder: str | os.PathLike[str], smileys: Sequence[str], *, make: bool = True
    ) -> None:
        self.folder, self.smileys = Path(folder), list(smileys)
        if not make and not (self.folder / _SETTINGS).is_file():
            raise SmielfyError(
                f"{str(self.folder)!r} holds no pictures of Smielfy ({_SETTINGS} is missing); "
                "begin with: lasagnette smielfy DIR"
            )
        self._folders = [self.folder / name for name in folder_names(self.smileys)]
        for one in (self.folder, *self._folders, self.folder / _CONSENTS):
            one.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = Lock(self.folder / ".lock")
        self._read: dict[Path, tuple[tuple[int, int], _Entry]] = {}
        self._seen: dict[Path, tuple[int, list[_Entry]]] = {}
        self.damaged = 0
        with self._lock():
            self.key = self._settings()
            self._clean()

    def add(
        self,
        picture: bytes,
        *,
        smiley: int,
        face: Face,
        size: tuple[int, int],
        person: str,
        consent: Consent,
        released: bool,
        limits: Limits,
    ) -> str:
        """Store a picture, and return the code that takes it back, which is known nowhere else.

        Raises
        ------
        Refusal
            If there is no room for it.
        OSError
            If it cannot be written; nothing of it is stored then.
        """
        code = make_code()
        record = Record(
            id=secrets.token_hex(8),
            smiley=smiley,
            label=smiley,
            box=face.box,
            score=face.score,
            size=size,
            bytes=len(picture),
            day=today(),
            person=person,
            consent=consent.key,
            released=released,
            code=self._digest(code),
        )
        with self._lock():
            self.make_sure_of_room(person, limits, len(picture))
            text = self.folder / _CONSENTS / f"{consent.key}.json"
            if not text.exists():
                write_json(text, consent.content(), record.day)
            place = self.picture(record)
            try:
                write_bytes(place, picture, record.day)
                write_json(place.with_suffix(".json"), record.content(), record.day)
            except OSError:
                place.unlink(missing_ok=True)
                raise
        return code

    def make_sure_of_room(self, person: str, limits: Limits, size: int = 0) -> None:
        """Raise a `Refusal` if a session has given enough, or the folder is full."""
        records = self.records()
        own = sum(record.person == person for record in records)
        if own >= limits.pictures_per_session:
            raise Refusal(429, "enough")
        if sum(record.bytes for record in records) + size > limits.folder_bytes:
            raise Refusal(507, "full")

    def withdraw(self, typed: str) -> bool:
        """Delete the picture and the record that a code stands for, whatever their status.

        A tombstone stays, which says only that there was one.

        Returns
        -------
        bool
            Whether there was such a picture.
        """
        code = plain_code(typed)
        if code is None:
            return False
        wanted = digest(code, self.key).encode()
        with self._lock():
            # All are compared to their ends, so that the time tells nothing.
            found = [one for one in self.records() if compare_digest(one.code.encode(), wanted)]
            for record in found:
                place = self.picture(record)
                stone = Tombstone(record.id, record.smiley)
                write_json(place.with_suffix(".json"), stone.content(), _NO_DAY)
                place.unlink(missing_ok=True)
        return bool(found)

    def change(self, name: str, *, status: Status, label: int) -> Record:
        """Give a picture another status and class, and return its new record.

        Raises
        ------
        SmielfyError
            If there is no such picture, say because it was taken back.
        """
        with self._lock():
            for record in self.records():
                if record.id == name:
                    changed = replace(record, status=status, label=label)
                    path = self.picture(record).with_suffix(".json")
                    write_json(path, changed.content(), record.day)
                    return changed
        raise SmielfyError(f"There is no picture {name!r}; it may have been taken back.")

    def records(self) -> list[Record]:
        """Return the records of the pictures that are there, by class asked for, day and id."""
        found = [one for one in self._entries() if isinstance(one, Record)]
        return sorted(found, key=lambda one: (one.smiley, one.day, one.id))

    def withdrawn(self) -> int:
        """Return how many pictures were taken back."""
        return sum(isinstance(one, Tombstone) for one in self._entries())

    def ids(self) -> set[str]:
        """Return the ids of all pictures that are or were here, also where a record is damaged."""
        return {path.stem for folder in self._folders for path in folder.glob("*.json")}

    def counts(self) -> list[int]:
        """Return how many pictures there are of each class; rejected ones do not count."""
        counts = [0] * len(self.smileys)
        for record in self.records():
            counts[record.label] += record.status != "rejected"
        return counts

    def picture(self, record: Record) -> Path:
        """Return the place of a picture."""
        return self._folders[record.smiley] / f"{record.id}.jpg"

    def _digest(self, code: str) -> str:
        plain = plain_code(code)
        assert plain is not None
        return digest(plain, self.key)

    def _settings(self) -> bytes:
        """Return the folder's key; write the settings of a new folder."""
        path = self.folder / _SETTINGS
        if not path.exists():
            key = secrets.token_bytes(32)
            write_json(path, {"format": _FORMAT, "smileys": self.smileys, "key": key.hex()})
            return key
        content = read_json(path)
        try:
            form, smileys, key = content["format"], content["smileys"], content["key"]
            if form != _FORMAT:
                raise SmielfyError(f"{path}: format {form!r} is not known here, only {_FORMAT}.")
            if smileys != self.smileys:
                raise SmielfyError(
                    f"{path}: the folder collects {smileys!r}, not {self.smileys!r}; take another."
                )
            return bytes.fromhex(key)
        except SmielfyError:
            raise
        except (KeyError, TypeError, ValueError) as error:
            raise SmielfyError(f"{path} is damaged; without it no code can be checked.") from error

    def _clean(self) -> None:
        """Remove what a killed process has left."""
        for folder in (self.folder, *self._folders, self.folder / _CONSENTS):
            for draft in folder.glob(f".*{PART}"):
                draft.unlink(missing_ok=True)
        for number, folder in enumerate(self._folders):
            living = {one.id for one in self._class(number, folder) if isinstance(one, Record)}
            for picture in folder.glob("*.jpg"):
                record = picture.with_suffix(".json")
                if picture.stem not in living and (
                    not record.exists() or self._is_tombstone(record)
                ):
                    picture.unlink(missing_ok=True)

    def _is_tombstone(self, path: Path) -> bool:
        found = self._read.get(path)
        return found is not None and isinstance(found[1], Tombstone)

    def _entries(self) -> list[_Entry]:
        entries = [
            entry
            for number, folder in enumerate(self._folders)
            for entry in self._class(number, folder)
        ]
        self.damaged = sum(entry is None for entry in entries)
        return entries

    def _class(self, number: int, folder: Path) -> list[_Entry]:
        """Read what has changed in a folder, which another process may have done."""
        begin = time.time_ns()
        changed = folder.stat().st_mtime_ns
        seen = self._seen.get(folder)
        if seen is not None and seen[0] == changed:
            return seen[1]
        entries = []
        with os.scandir(folder) as files:
            for file in files:
                if file.name.endswith(".json") and not file.name.startswith("."):
                    try:
                        facts = file.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue
                    stamp = (facts.st_ino, facts.st_ctime_ns)
                    entries.append(self._entry(Path(file.path), stamp, number))
        if begin - changed > _QUIET:
            self._seen[folder] = (changed, entries)
        return entries

    def _entry(self, path: Path, stamp: tuple[int, int], number: int) -> _Entry:
        known = self._read.get(path)
        if known is not None and known[0] == stamp:
            return known[1]
        entry = parse(read_json(path), path.stem, number, len(self.smileys))
        self._read[path] = (stamp, entry)
        return entry
