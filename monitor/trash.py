"""Deleting runs so that they can be brought back: they move into a hidden folder among the runs."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import time
from pathlib import Path
from typing import Any, NamedTuple

from monitor.files import read_json, write_json
from monitor.layout import RunLogError

__all__ = ["FOLDER", "Trash", "Trashed", "size_of"]

FOLDER = ".trash"
_RUN, _ORIGIN = "run", "origin.json"


class Trashed(NamedTuple):
    """A deleted run: its key in the trash, its name, when it was deleted, its size in bytes."""

    key: str
    name: str
    deleted: float
    bytes: int


class Trash:
    """The deleted runs of a folder of runs.

    Parameters
    ----------
    root : Path
        The folder of runs.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder = root / FOLDER

    def __len__(self) -> int:
        return len(self._keys())

    def entries(self) -> list[Trashed]:
        """Return the deleted runs, the latest first."""
        found = []
        for key in self._keys():
            origin = self._origin(key)
            size = size_of(self._folder / key / _RUN)
            found.append(Trashed(key, str(origin["name"]), float(origin["deleted"]), size))
        return sorted(found, key=lambda entry: entry.deleted, reverse=True)

    def put(self, folder: Path, name: str) -> str:
        """Move a run into the trash and return its key.

        Raises
        ------
        RunLogError
            If it cannot be moved.
        """
        key = f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(4)}"
        place = self._folder / key
        try:
            self._folder.mkdir(exist_ok=True)
            if not self._own():
                raise RunLogError(f"{FOLDER} in the folder of runs is a link; remove the link.")
            place.mkdir()
            write_json(place / _ORIGIN, {"name": name, "deleted": time.time()})
            folder.rename(place / _RUN)
        except OSError as error:
            shutil.rmtree(place, ignore_errors=True)
            raise RunLogError(
                f"The run cannot be moved into the trash: {error.strerror}."
            ) from error
        return key

    def restore(self, key: str) -> str:
        """Bring a run back and return its name.

        Raises
        ------
        KeyError
            If the trash has no such run.
        RunLogError
            If its place is taken, or it cannot be moved.
        """
        if key not in self._keys():
            raise KeyError(key)
        name = str(self._origin(key)["name"])
        target = self._target(name)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            (self._folder / key / _RUN).rename(target)
        except OSError as error:
            raise RunLogError(f"The run cannot be brought back: {error.strerror}.") from error
        shutil.rmtree(self._folder / key, ignore_errors=True)
        return name

    def empty(self) -> int:
        """Delete what is in the trash for good, and return how many runs that were.

        Raises
        ------
        RunLogError
            If something cannot be deleted.
        """
        count = len(self)
        try:
            if self._own():
                shutil.rmtree(self._folder)  # which follows no links
        except OSError as error:
            raise RunLogError(f"The trash cannot be emptied: {error.strerror}.") from error
        return count

    def _own(self) -> bool:
        """Tell whether the trash is a folder of its own, and no link to another one."""
        try:
            return stat.S_ISDIR(os.lstat(self._folder).st_mode)
        except OSError:
            return False

    def _keys(self) -> list[str]:
        """Return the names under which runs lie in the trash."""
        if not self._own():
            return []
        with os.scandir(self._folder) as entries:
            keys = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        return [key for key in keys if self._origin(key) and self._has_run(key)]

    def _has_run(self, key: str) -> bool:
        try:
            return stat.S_ISDIR(os.lstat(self._folder / key / _RUN).st_mode)
        except OSError:
            return False

    def _origin(self, key: str) -> dict[str, Any]:
        content = read_json(self._folder / key / _ORIGIN)
        right = isinstance(content, dict) and isinstance(content.get("name"), str)
        return content if right and isinstance(content.get("deleted"), float) else {}

    def _target(self, name: str) -> Path:
        """Return where a run goes back to, which is free and in no other folder than the runs'."""
        parts = name.split("/")
        if not all(part and not part.startswith(".") and "\0" not in part for part in parts):
            raise RunLogError("The run cannot be brought back: its name leads out of the folder.")
        place = self._root
        for part in parts[:-1]:
            place = place / part
            if os.path.lexists(place) and not stat.S_ISDIR(os.lstat(place).st_mode):
                raise RunLogError(f"The run cannot be brought back: {part!r} is no folder now.")
        if os.path.lexists(place / parts[-1]):
            raise RunLogError("The run cannot be brought back: another one has taken its place.")
        return place / parts[-1]


def size_of(folder: Path) -> int:
    """Return the size of the files in a folder, in bytes; what lies in its folders not counted."""
    try:
        with os.scandir(folder) as entries:
            return sum(
                entry.stat(follow_symlinks=False).st_size
                for entry in entries
                if entry.is_file(follow_symlinks=False)
            )
    except OSError:
        return 0
