"""Opening segments with HDF5 so that damage cannot hold a reader up.

Where a writer is at work (SWMR), HDF5 reads anew what it finds torn, up to 100 times, and sleeps
twice as long each time: a flipped byte would let it sleep for years. h5py does not hand on the
setting for it, so it is set through the library that h5py itself has loaded.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

import h5py
from h5py import h5, h5f, h5p

__all__ = ["open_segment"]

_ATTEMPTS = 24  # the sleeps between them add up to 17 ms


def open_segment(path: Path, *, live: bool) -> h5py.File:
    """Open a segment for reading.

    Parameters
    ----------
    path : Path
        The file.
    live : bool
        Whether it was left open by a writer, who may be at work.

    Raises
    ------
    OSError, RuntimeError
        If HDF5 cannot make sense of it.
    """
    flags = h5f.ACC_RDONLY | (h5f.ACC_SWMR_READ if live else 0)
    return h5py.File(h5f.open(os.fsencode(path), flags, fapl=_ACCESS))


def _access() -> h5p.PropFAID:
    access = h5p.create(h5p.FILE_ACCESS)
    access.set_fclose_degree(h5f.CLOSE_STRONG)
    access.set_libver_bounds(h5f.LIBVER_EARLIEST, h5f.LIBVER_LATEST)
    access.set_file_locking(False, True)
    try:
        limit = ctypes.PyDLL(h5.__file__).H5Pset_metadata_read_attempts
    except (OSError, AttributeError):  # a build of h5py that hides it
        return access
    limit.argtypes = [ctypes.c_int64, ctypes.c_uint]
    limit(access.id, _ATTEMPTS)
    return access


_ACCESS = _access()
