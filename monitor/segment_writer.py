"""One segment, open for writing under HDF5's SWMR (single writer, multiple readers)."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from monitor.layout import (
    BLOB_CHUNK,
    FLUSH_ORDER,
    FORMAT,
    TABLES,
    USER_BLOCK,
    RunLogError,
    segment_name,
)
from monitor.process import Process

__all__ = ["SegmentWriter"]


class SegmentWriter:
    """One HDF5 segment, open for writing.

    Parameters
    ----------
    folder : Path
        The run's folder.
    number : int
        Number of the segment.
    config : str
        The run's settings as JSON.
    start_step : int
        See `monitor.layout.ATTRIBUTES`.

    Raises
    ------
    RunLogError
        If the segment exists: another process claimed it first.
    """

    def __init__(self, folder: Path, number: int, *, config: str, start_step: int) -> None:
        path = folder / segment_name(number)
        temporary = folder / f".{path.name}.{os.getpid()}.tmp"
        process = Process.current()
        # v110 is the oldest HDF5 that knows SWMR, so every HDF5 that could read the file may.
        self._file = h5py.File(
            temporary, "w", libver=("v110", "latest"), userblock_size=USER_BLOCK, locking=False
        )
        self._file.attrs.update(
            {
                "format": FORMAT,
                "config": np.bytes_(config.encode()),
                "start_step": start_step,
                "parent": np.bytes_(segment_name(number - 1) if number else ""),
                "process": np.bytes_(process.dump()),
                "pid": process.pid,
                "started": time.time(),
            }
        )
        for name, (dtype, rows) in TABLES.items():
            self._create(name, dtype, rows)
        self._create("blob", np.dtype("u1"), BLOB_CHUNK)
        self._file.flush()
        with open(temporary, "r+b") as block:
            block.write(process.dump().encode().ljust(USER_BLOCK, b"\0")[:USER_BLOCK])
        self._file.swmr_mode = True
        _claim(temporary, path)
        self.sync()

    def _create(self, name: str, dtype: np.dtype[Any], rows: int) -> None:
        self._file.create_dataset(
            name, (0,), maxshape=(None,), chunks=(rows,), dtype=dtype, fletcher32=True
        )

    def __len__(self) -> int:
        """Return the size of the file in bytes."""
        return os.fstat(self._file.id.get_vfd_handle()).st_size

    def count(self, name: str) -> int:
        """Return the number of rows of a table, or of bytes of the blob."""
        return int(self._file[name].shape[0])

    def append(self, pieces: dict[str, list[np.ndarray]]) -> None:
        """Append rows to the tables and hand them to the operating system."""
        for name in FLUSH_ORDER:
            if not any(map(len, pieces.get(name, ()))):
                continue
            rows = np.concatenate(pieces[name])
            table = self._file[name]
            before = table.shape[0]
            table.resize(before + len(rows), axis=0)
            table[before:] = rows
            table.flush()

    def sync(self) -> None:
        """Wait until the disk has what was appended."""
        os.fsync(self._file.id.get_vfd_handle())

    def close(self) -> None:
        """Finish the file: it opens like any other HDF5 file from now on."""
        self._file.close()


def _claim(temporary: Path, path: Path) -> None:
    """Give a finished file its name, unless another process has taken the name."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        temporary.unlink()
        raise RunLogError(f"another process has just begun {str(path)!r}") from None
    except OSError:  # a file system without hard links
        temporary.rename(path)
    else:
        temporary.unlink()
