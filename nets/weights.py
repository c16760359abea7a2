"""Weights on disk: one HDF5 file per net.

Layout, format version 1: attributes ``format``, ``net``, ``options`` (JSON: what was given to
:func:`nets.registry.build`), ``mean`` and ``scale`` of the input, ``facts`` (JSON: how it was
trained and what it reached); one dataset per parameter in the group ``parameters``, by its name.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from lasagnette.layers import Layer, get_all_params
from nets import registry
from nets.files import WeightsError, read_h5, write_h5
from nets.scaling import Scaling

__all__ = [
    "FORMAT",
    "Loaded",
    "WeightsError",
    "fill",
    "graft",
    "load",
    "pretrained",
    "save",
]

FORMAT = 1


@dataclass(frozen=True)
class Loaded:
    """A net read from a file.

    Attributes
    ----------
    name : str
        The architecture's name in the registry.
    layer : Layer
        Its output layer, parameters set.
    scaling : Scaling
        How pixels become its input.
    facts : dict
        How it was trained and what it reached.
    options : dict
        What it was built with.
    """

    name: str
    layer: Layer
    scaling: Scaling
    facts: dict[str, Any]
    options: dict[str, Any]


def save(
    path: str | os.PathLike[str],
    layer: Layer,
    *,
    name: str,
    options: dict[str, Any] | None = None,
    scaling: Scaling | None = None,
    facts: dict[str, Any] | None = None,
) -> None:
    """Save a net's parameters with all that is needed to use them.

    Parameters
    ----------
    path : path
        Replaced at once, never half written.
    layer : Layer
        The net's output layer.
    name, options
        Architecture and build options, as given to :func:`nets.registry.build`.
    scaling : Scaling, optional
    facts : dict, optional
        JSON-ready notes: data, settings, results.
    """
    scaling = scaling or Scaling()
    attributes = {
        "format": FORMAT,
        "net": name,
        "options": json.dumps(options or {}),
        "mean": scaling.mean,
        "scale": scaling.scale,
        "facts": json.dumps(facts or {}),
    }
    values = {f"parameters/{p.name}": p.get_value(borrow=True) for p in get_all_params(layer)}
    write_h5(path, attributes, values)


def load(path: str | os.PathLike[str], expected: str | None = None) -> Loaded:
    """Read a weights file and build its net.

    Parameters
    ----------
    path : path
    expected : str, optional
        Name of the net that it must hold.

    Raises
    ------
    WeightsError
        If the file is missing, damaged, of a newer format, or holds another net.
    """
    with read_h5(path, "weights file", FORMAT) as file:
        attributes = dict(file.attrs)
        parameters = {name: data[()] for name, data in file["parameters"].items()}
        name = str(attributes["net"])
        options = json.loads(attributes["options"])
        facts = json.loads(attributes["facts"])
        scaling = Scaling(float(attributes["mean"]), float(attributes["scale"]))
    if expected is not None and name != expected:
        raise WeightsError(f"{path}: weights of {name!r}, but {expected!r} is needed here")
    try:
        layer = registry.build(name, **options)
    except (ValueError, TypeError) as error:
        raise WeightsError(f"{path}: {error}") from error
    _set(path, layer, parameters)
    return Loaded(name, layer, scaling, facts, options)


def pretrained(name: str) -> Path:
    """Path of weights that come with the package: ``'net48'``.

    Raises
    ------
    WeightsError
        If there are none of that name.
    """
    folder = Path(str(resources.files("nets") / "pretrained"))
    path = folder / f"{name}.h5"
    if not path.is_file():
        there = ", ".join(sorted(path.stem for path in folder.glob("*.h5"))) or "none"
        raise WeightsError(f"no weights of {name!r} come with the package; there are: {there}")
    return path


def fill(layer: Layer, path: str | os.PathLike[str], name: str) -> None:
    """Set a net's parameters to those of a weights file of the same net.

    Parameters
    ----------
    layer : Layer
        Output layer.
    path : path
    name : str
        The net's name.

    Raises
    ------
    WeightsError
        As `load`, and if the file's net was built with other parameters, say without batch
        normalisation.
    """
    loaded = load(path, name)
    _set(path, layer, {p.name: p.get_value() for p in get_all_params(loaded.layer)})


def graft(layer: Layer, path: str | os.PathLike[str]) -> list[str]:
    """Set what a net has in common with another one, all but the output layer: its top is swapped.

    Parameters
    ----------
    layer : Layer
        Output layer.
    path : path
        Weights of another net.

    Returns
    -------
    list of str
        The parameters that were set: those of the same name and shape. Where only one of the two
        normalises its batches, their biases, averages and factors are not.

    Raises
    ------
    WeightsError
        As `load`, and if the nets have no parameter in common.
    """
    loaded = load(path)
    own = {id(parameter) for parameter in layer.get_params()}
    there = {p.name: p for p in get_all_params(loaded.layer)}
    taken = []
    for parameter in get_all_params(layer):
        other = there.get(parameter.name)
        if id(parameter) in own or other is None:
            continue
        value = other.get_value()
        if value.shape == parameter.get_value(borrow=True).shape:
            parameter.set_value(value)
            taken.append(parameter.name)
    if not taken:
        raise WeightsError(
            f"{path}: weights of {loaded.name!r}, which has no parameter in common with this net"
        )
    return taken


def _set(path: str | os.PathLike[str], layer: Layer, parameters: dict[str, np.ndarray]) -> None:
    wanted = {p.name: p for p in get_all_params(layer)}
    different = sorted(set(wanted) ^ set(parameters))
    if different:
        raise WeightsError(
            f"{path}: the parameters do not fit the net; only on one side: {', '.join(different)}"
        )
    for name, parameter in wanted.items():
        shape = parameter.get_value(borrow=True).shape
        if parameters[name].shape != shape:
            raise WeightsError(
                f"{path}: parameter {name} has shape {parameters[name].shape!r}, "
                f"the net needs {shape!r}"
            )
        parameter.set_value(parameters[name].astype(np.float32))
