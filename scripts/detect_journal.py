"""Results that grow line by line in a file, and are continued after whatever ended them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import TracebackType

from scripts.errors import RunError

__all__ = ["Journal"]


class Journal:
    """A file of JSON lines, each written whole before the next is computed.

    Used as a context manager. A process that is killed leaves at most its last line unfinished;
    continued, such a line is cut off and its file is searched again.

    Parameters
    ----------
    path : Path
    resume : bool
        Continue the file, if there is one; else it is made anew.

    Attributes
    ----------
    done : dict of str to int or None
        Files that have a line, and the number of the last frame of videos.
    failed : int
        How many of those lines are errors.

    Raises
    ------
    RunError
        If the file to be continued holds other lines than such results.
    OSError
        If it cannot be written.
    """

    def __init__(self, path: Path, *, resume: bool = False) -> None:
        self.path = path
        self.done: dict[str, int | None] = {}
        self.failed = 0
        if resume and path.exists():
            self._read()
        else:
            path.write_bytes(b"")
        self._file = path.open("a", encoding="utf-8", newline="\n")

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def write(self, text: str) -> None:
        """Append whole lines; they are in the system's hands when this returns."""
        self._file.write(text)
        self._file.flush()

    def _read(self) -> None:
        whole = 0
        with open(self.path, "rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    break
                self._take(line, number)
                whole += len(line)
        if whole < self.path.stat().st_size:
            os.truncate(self.path, whole)

    def _take(self, line: bytes, number: int) -> None:
        try:
            entry = json.loads(line)
            name, frame = str(entry["file"]), entry.get("frame")
            frame = None if frame is None else int(frame)
            self.failed += "error" in entry
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RunError(
                f"{self.path}, line {number}: not a result of `lasagnette detect --format jsonl`; "
                "name the file that the earlier run wrote, or a new one"
            ) from error
        if frame is None:
            self.done[name] = None  # a photograph, or a video that failed in the end
        elif self.done.get(name, -1) is not None:
            self.done[name] = frame
