"""HDF5 files that are never half written, and read in one sentence or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

__all__ = ["WeightsError", "read_h5", "write_h5"]


class WeightsError(ValueError):
    """A weights file that cannot be used."""


def write_h5(path: str | os.PathLike[str], attributes: dict, datasets: dict[str, Any]) -> None:
    """Write an HDF5 file so that `path` holds either the old or the new one, whole.

    Parameters
    ----------
    path : path
    attributes : dict of str to number or string
        By name; ``group/name`` is an attribute of a group.
    datasets : dict of str to array
        By path inside the file.

    Raises
    ------
    WeightsError
        If it cannot be written, say because the disk is full.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(handle)
        try:
            with h5py.File(temporary, "w") as file:
                for name, value in attributes.items():
                    group, _, attribute = name.rpartition("/")
                    file.require_group(group or "/").attrs[attribute] = value
                for name, value in datasets.items():
                    file.create_dataset(name, data=value, fletcher32=np.ndim(value) > 0 or None)
            os.chmod(temporary, 0o644)
            with open(temporary, "rb") as file:
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            Path(temporary).unlink(missing_ok=True)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be written ({error})") from error


@contextmanager
def read_h5(path: str | os.PathLike[str], kind: str, newest: int) -> Iterator[h5py.File]:
    """Open an HDF5 file; what goes wrong inside the `with` is told as the file's fault.

    Parameters
    ----------
    path : path
    kind : str
        What the file should be, for the sentences: "smile file".
    newest : int
        The highest ``format`` that can be read.

    Yields
    ------
    h5py.File

    Raises
    ------
    WeightsError
        If the file is missing, damaged, of another kind or of a newer format.
    """
    try:
        with h5py.File(path, "r") as file:
            version = int(file.attrs["format"])
            if version > newest:
                raise WeightsError(
                    f"{path}: a {kind} of format {version}, this version reads up to {newest}; "
                    "install a newer lasagnette"
                )
            yield file
    except FileNotFoundError as error:
        raise WeightsError(f"{path}: there is no such {kind}") from error
    except WeightsError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise WeightsError(f"{path}: not a {kind}, or a damaged one ({error})") from error
