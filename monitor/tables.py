"""Reading rows out of an open segment, past damage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import h5py
import numpy as np

from monitor.layout import BLOB_CHUNK, FORMAT, TABLES, RunLogError

__all__ = ["Blob", "read_new", "start_step"]


def start_step(file: h5py.File) -> int:
    """Return the attribute `start_step` of a segment.

    Raises
    ------
    RunLogError
        If the segment's format is newer than this program knows.
    """
    version = int(file.attrs["format"])
    if version > FORMAT:
        raise RunLogError(f"its format {version} is newer than {FORMAT}; update the monitor")
    return int(file.attrs["start_step"])


def read_new(
    file: h5py.File, counts: Mapping[str, int]
) -> Iterator[tuple[str, np.ndarray, list[str]]]:
    """Yield the names of tables, their rows after the first ``counts[name]``, and problems.

    The tables are read in the order of `counts`: one that grows, against `FLUSH_ORDER`, so that
    what a row refers to is there; one that may be damaged, the most important first.
    """
    for name in counts:
        dtype, chunk = TABLES[name]
        try:
            table = _dataset(file, name, chunk)
            stop = int(table.shape[0])
            if table.dtype != dtype or (stop - chunk) * dtype.itemsize > file.id.get_filesize():
                raise RunLogError("its description is damaged")
            rows, problems = read_range(table, counts[name], max(stop, counts[name]))
        except Exception as error:  # whatever HDF5 makes of damage costs this table only
            yield name, np.zeros(0, dtype), [f"{name} cannot be read ({error})"]
        else:
            yield name, rows, problems


class Blob:
    """The blob of an open segment.

    Raises
    ------
    RunLogError, KeyError
        If the file has none.
    """

    def __init__(self, file: h5py.File) -> None:
        self._table = _dataset(file, "blob", BLOB_CHUNK)
        self._size = min(int(self._table.shape[0]), file.id.get_filesize())

    def __len__(self) -> int:
        """Return the number of bytes, as far as the file can hold them."""
        return self._size

    def read(self, start: int, stop: int) -> tuple[bytes, list[str]]:
        """Return a range, as far as the blob reaches, and problems."""
        stop = max(start, min(stop, self._size))
        rows, problems = read_range(self._table, start, stop)
        return rows.tobytes(), problems


def _dataset(file: h5py.File, name: str, chunk: int) -> h5py.Dataset:
    """Return a table; refuse one that is laid out otherwise, or that leads to another file."""
    table = file[name]
    here = isinstance(file.get(name, getlink=True), h5py.HardLink)
    if not here or table.chunks != (chunk,):
        raise RunLogError("its description is damaged")
    return table


def read_range(table: h5py.Dataset, start: int, stop: int) -> tuple[np.ndarray, list[str]]:
    """Return the rows from `start` up to `stop`, and a sentence about each damaged chunk.

    A chunk whose checksum does not match leaves zeros, which mean "not written" in every table.
    The last chunk is different: a writer that is killed while it writes the chunk anew leaves the
    new beginning, the old end and a checksum that fits neither. Both hold the same flushed rows,
    so they are taken unchecked.
    """
    if start == stop:
        return np.zeros(0, table.dtype), []
    try:
        return table[start:stop], []
    except OSError:
        pass  # find out which chunk it is
    rows = np.zeros(stop - start, table.dtype)
    name, size = table.name.lstrip("/"), table.chunks[0]
    last = (table.shape[0] - 1) // size
    problems = []
    for number in range(start // size, (stop - 1) // size + 1):
        first, end = max(start, number * size), min(stop, (number + 1) * size)
        try:
            rows[first - start : end - start] = table[first:end]
        except OSError as error:
            if number < last:
                problems.append(f"rows {first} to {end - 1} of {name} are lost ({error})")
                continue
            stored = table.id.read_direct_chunk((number * size,))[1]  # the checksum comes after
            raw = np.frombuffer(stored, table.dtype, count=size)
            rows[first - start : end - start] = raw[first - number * size : end - number * size]
            problems.append(f"rows {first} to {end - 1} of {name} are not verified ({error})")
    return rows, problems
