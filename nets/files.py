"""HDF5 files that are never half written."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np

__all__ = ["WeightsError", "write_h5"]


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
