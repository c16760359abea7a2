"""One trained net, ready to run, and its place in an HDF5 file.

A net is a group: attributes ``net`` (architecture), ``side``, ``mean`` and ``scale`` of the input,
``plan`` and ``facts`` (JSON), and its parameters by name, batch normalisation folded in
(`nets.folding`), float16 or float32.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from nets.files import WeightsError
from nets.plan import Plan, PlanError, Step, face_probability, softmax
from nets.scaling import Scaling

__all__ = ["Net", "net_contents", "read_net"]


@dataclass(frozen=True, eq=False)
class Net:
    """A trained net, ready to run.

    Attributes
    ----------
    name : str
        Its architecture's name.
    plan : Plan
    scaling : Scaling
        What turns pixels into its input.
    facts : dict
        How it was trained and what it reached.
    """

    name: str
    plan: Plan
    scaling: Scaling
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def side(self) -> int:
        """Rows and columns of its input, pixels."""
        return self.plan.side

    def logits(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Logits (n, classes) of crops (n, 3, side, side)."""
        return self.plan(self.scaling.apply(crops))

    def faces(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Face probabilities (n,) by a detection net."""
        return face_probability(self.logits(crops))

    def probabilities(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probabilities (n, classes)."""
        return softmax(self.logits(crops))


def net_contents(
    path: str | os.PathLike[str], group: str, net: Net, dtype: str
) -> tuple[dict[str, Any], dict[str, NDArray]]:
    """Attributes and datasets of a net's group, as `nets.files.write_h5` takes them.

    Parameters
    ----------
    path : path
        The file, for messages.
    group : str
        Where in the file.
    net : Net
    dtype : {'float16', 'float32'}
        How parameters are stored.

    Returns
    -------
    attributes, datasets : dict
        By ``group/name``.

    Raises
    ------
    WeightsError
        If a parameter is too large for `dtype`, or no number.
    """
    attributes = {
        f"{group}/net": net.name,
        f"{group}/side": net.side,
        f"{group}/mean": net.scaling.mean,
        f"{group}/scale": net.scaling.scale,
        f"{group}/plan": json.dumps(net.plan.steps_as_dicts()),
        f"{group}/facts": json.dumps(net.facts),
    }
    datasets = {}
    for name, values in net.plan.arrays.items():
        with np.errstate(over="ignore"):
            stored = values.astype(dtype)
        if not np.isfinite(stored).all():
            raise WeightsError(
                f"{path}: {name} of {net.name} has numbers that {dtype} cannot hold; "
                "float32 holds larger ones"
            )
        datasets[f"{group}/{name}"] = stored
    return attributes, datasets


def read_net(group: h5py.Group) -> Net:
    """Read a net's group.

    Raises
    ------
    KeyError, ValueError, TypeError, OSError
        If something of it is missing or damaged.
    """
    name = str(group.attrs["net"])
    arrays = {key: values[()] for key, values in group.items()}
    steps = [Step(**step) for step in json.loads(group.attrs["plan"])]
    try:
        plan = Plan(int(group.attrs["side"]), steps, arrays)
    except PlanError as error:
        raise PlanError(f"{name}: {error}") from error
    scaling = Scaling(float(group.attrs["mean"]), float(group.attrs["scale"]))
    return Net(name, plan, scaling, json.loads(group.attrs["facts"]))
