"""Parameters on disk: by name in HDF5, and in order in NumPy's npz.

HDF5, format version 1: the attribute ``format``, and one dataset per parameter in the group
``parameters``, by its name. A file of npz holds ``arr_0``, ``arr_1``, ... in the order of
:func:`lasagnette.layers.get_all_params`, as Lasagne's users write it:
``np.savez("model.npz", *get_all_param_values(net))``.

Nothing is unpickled. A file is written beside its place and then moved there, so that a path
holds either the old file or the new one, whole.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import h5py
import numpy as np
from pytensor.compile.sharedvalue import SharedVariable

from lasagnette.layers.base import Layer
from lasagnette.layers.helper import get_all_layers, get_all_param_values, set_all_param_values

__all__ = [
    "load_npz",
    "load_params",
    "name_layers",
    "name_params",
    "save_npz",
    "save_params",
]

FORMAT = 1

FilePath = str | os.PathLike[str]


def name_layers(layers: Iterable[Layer]) -> dict[Layer, str]:
    """Return a name for every layer, each one once.

    Parameters
    ----------
    layers : iterable of Layer
        In the order of :func:`lasagnette.layers.get_all_layers`.

    Returns
    -------
    dict from Layer to str
        The layer's own name, or its class and its number among the layers of this class that
        have none. Where layers share a name, a number is added to all but the first.

    Examples
    --------
    >>> from lasagnette.layers import InputLayer, DenseLayer, get_all_layers
    >>> net = DenseLayer(InputLayer((None, 4), name="x"), num_units=3)
    >>> net = DenseLayer(net, num_units=2)
    >>> list(name_layers(get_all_layers(net)).values())
    ['x', 'DenseLayer_1', 'DenseLayer_2']
    """
    layers = list(layers)
    taken = {layer.name for layer in layers if layer.name}
    names: dict[Layer, str] = {}
    used: set[str] = set()
    for layer in layers:
        start = layer.name or f"{type(layer).__name__}_1"
        names[layer] = _unused(start, used if layer.name else used | taken)
        used.add(names[layer])
    return names


def _unused(name: str, used: Iterable[str]) -> str:
    """Return `name`, or `name` with the first number from 2 that makes it a new one."""
    stem = name.removesuffix("_1")
    number = 2
    while name in used:
        name = f"{stem}_{number}"
        number += 1
    return name


def name_params(layer: Layer | Iterable[Layer]) -> dict[str, SharedVariable]:
    """Return the parameters of a network by name, each one once.

    The names do not depend on the layers without parameters, so that a dropout layer more or
    less keeps them. They depend on the order of the layers that have no name: name those
    whose parameters are to be found again in another network.

    Parameters
    ----------
    layer : Layer or iterable of Layer

    Returns
    -------
    dict from str to shared variable
        In the order of :func:`lasagnette.layers.get_all_params`.

    Examples
    --------
    >>> from lasagnette.layers import InputLayer, DenseLayer
    >>> net = DenseLayer(InputLayer((None, 4)), num_units=3)
    >>> net = DenseLayer(net, num_units=2, name="classes")
    >>> list(name_params(net))
    ['DenseLayer_1.W', 'DenseLayer_1.b', 'classes.W', 'classes.b']
    """
    layers = name_layers(get_all_layers(layer))
    names: dict[str, SharedVariable] = {}
    seen: set[SharedVariable] = set()
    for one, layer_name in layers.items():
        for param in one.get_params():
            if param not in seen:
                seen.add(param)
                own = (param.name or "param").removeprefix(f"{one.name}.")
                names[_unused(f"{layer_name}.{own}", names)] = param
    return names


def save_params(path: FilePath, layer: Layer | Iterable[Layer]) -> None:
    """Write the parameters of a network to an HDF5 file, by name.

    Parameters
    ----------
    path : path
    layer : Layer or iterable of Layer
        Output layer or layers.

    Raises
    ------
    OSError
        If the file cannot be written; an earlier one stays as it was.
    """
    params = name_params(layer)
    with _replacing(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["format"] = FORMAT
        group = file.create_group("parameters")
        for name, param in params.items():
            value = np.asarray(param.get_value(borrow=True))
            group.create_dataset(name, data=value, fletcher32=value.ndim > 0 or None)


def load_params(path: FilePath, layer: Layer | Iterable[Layer], strict: bool = True) -> list[str]:
    """Set the parameters of a network to those in an HDF5 file, by name.

    Nothing is set unless everything fits.

    Parameters
    ----------
    path : path
        Written by :func:`save_params`.
    layer : Layer or iterable of Layer
        Output layer or layers.
    strict : bool
        Whether file and network must have the same parameters. If not, those that only one of
        them has are left alone, as for a network with a new head on a trained trunk.

    Returns
    -------
    list of str
        Names of the parameters that were set.

    Raises
    ------
    ValueError
        If the file is of another kind or damaged, or a parameter is missing, unknown, or of
        another shape. For ``strict=False``, if no parameter is in both.
    FileNotFoundError
        If there is no such file.

    Examples
    --------
    >>> import os, tempfile
    >>> from lasagnette.layers import InputLayer, DenseLayer
    >>> trunk = DenseLayer(InputLayer((None, 4)), num_units=3, name="trunk")
    >>> old = DenseLayer(trunk, num_units=2, name="two classes")
    >>> new = DenseLayer(trunk, num_units=5, name="five classes")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "net.h5")
    ...     save_params(path, old)
    ...     load_params(path, new, strict=False)
    ['trunk.W', 'trunk.b']
    """
    params = name_params(layer)
    try:
        with h5py.File(path, "r") as file:
            version = int(file.attrs["format"])
            if version > FORMAT:
                raise ValueError(f"format {version}; this version reads up to {FORMAT}")
            stored = _datasets(file["parameters"])
            _check_names(params.keys(), stored.keys(), strict)
            shared = [name for name in params if name in stored]
            for name in shared:
                _check_shape(name, params[name], stored[name].shape)
            values = {name: np.asarray(stored[name][()]) for name in shared}
        _check_numbers(values)
    except FileNotFoundError:
        raise FileNotFoundError(f"load_params: there is no file {os.fspath(path)!r}") from None
    except (OSError, KeyError, AttributeError) as error:
        raise ValueError(
            f"load_params: {os.fspath(path)!r} is no file of parameters, or damaged ({error})"
        ) from error
    except (ValueError, TypeError) as error:
        raise ValueError(f"load_params: {os.fspath(path)!r}: {error}") from error
    for name, value in values.items():
        params[name].set_value(value.astype(params[name].type.dtype))
    return list(values)


def save_npz(path: FilePath, layer: Layer | Iterable[Layer]) -> None:
    """Write the parameters of a network to an npz file, in order, as Lasagne's users do.

    Parameters
    ----------
    path : path
        Taken as it is; no suffix is added.
    layer : Layer or iterable of Layer
        Output layer or layers.

    Raises
    ------
    OSError
        If the file cannot be written; an earlier one stays as it was.
    """
    with _replacing(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, *get_all_param_values(layer))


def load_npz(path: FilePath, layer: Layer | Iterable[Layer]) -> None:
    """Set the parameters of a network to those in an npz file, in order.

    Parameters
    ----------
    path : path
        Written by :func:`save_npz` or by
        ``np.savez(path, *get_all_param_values(net))`` of Lasagne.
    layer : Layer or iterable of Layer
        Output layer or layers.

    Raises
    ------
    ValueError
        If the file is of another kind or damaged, holds Python objects, or its arrays do not
        fit the network.
    FileNotFoundError
        If there is no such file.
    """
    where = os.fspath(path)
    try:
        with open(path, "rb") as handle, np.load(handle, allow_pickle=False) as file:
            names = [f"arr_{i}" for i in range(len(file.files))]
            values = [file[name] for name in names]
        _check_numbers(dict(zip(names, values, strict=True)))
        set_all_param_values(layer, values)
    except FileNotFoundError:
        raise FileNotFoundError(f"load_npz: there is no file {where!r}") from None
    except (OSError, BadZipFile, EOFError, AttributeError, TypeError) as error:
        raise ValueError(f"load_npz: {where!r} is no npz file, or damaged ({error})") from error
    except KeyError:
        raise ValueError(
            f"load_npz: {where!r} must hold arr_0, arr_1, ... as np.savez names arrays that are "
            f"given by position, got {file.files!r}"
        ) from None
    except ValueError as error:
        if "allow_pickle" in str(error):
            raise ValueError(
                f"load_npz: {where!r} is no npz file, or holds Python objects, which are never "
                "unpickled; write it with np.savez(path, *get_all_param_values(net))"
            ) from None
        raise ValueError(f"load_npz: {where!r}: {error}") from error


@contextmanager
def _replacing(path: FilePath) -> Iterator[str]:
    """Give a temporary file's path; move the file to `path` if all goes well."""
    path = Path(path)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        yield temporary
        os.chmod(temporary, 0o644)
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _datasets(group: Any) -> dict[str, Any]:
    """Return the datasets of a group by their paths in it; links are not followed."""
    found: dict[str, Any] = {}

    def keep(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = item

    group.visititems(keep)
    return found


def _check_names(wanted: Iterable[str], stored: Iterable[str], strict: bool) -> None:
    missing = [name for name in wanted if name not in stored]
    unknown = [name for name in stored if name not in wanted]
    if strict and (missing or unknown):
        sides = {"the file lacks": missing, "the network lacks": unknown}
        told = "; ".join(f"{side} {', '.join(names)}" for side, names in sides.items() if names)
        raise ValueError(f"{told}; strict=False sets the parameters that both have")
    if not strict and set(wanted).isdisjoint(stored):
        raise ValueError(f"the network has none of the file's parameters, {', '.join(unknown)}")


def _check_shape(name: str, param: SharedVariable, shape: tuple[int, ...]) -> None:
    wanted = param.get_value(borrow=True).shape
    if shape != wanted:
        raise ValueError(f"parameter {name!r} has shape {shape!r}, the network needs {wanted!r}")


def _check_numbers(values: dict[str, np.ndarray]) -> None:
    for name, value in values.items():
        if value.dtype.kind not in "biuf":
            raise ValueError(f"{name!r} must hold numbers, got dtype {value.dtype!r}")
