"""Nets by name: every architecture is a build function that registers itself here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from typing import Any

import pytensor

from lasagnette.layers import Layer
from lasagnette.layers import dropout as dropout_layer

__all__ = ["Spec", "build", "names", "register", "spec"]

Builder = Callable[..., Layer]


@dataclass(frozen=True)
class Spec:
    """What is known of a registered net.

    Attributes
    ----------
    name : str
    side : int
        Rows and columns of its square input, pixels.
    classes : int
        Number of outputs.
    build : callable
        Makes the output layer; see :func:`build`.
    """

    name: str
    side: int
    classes: int
    build: Builder


_specs: dict[str, Spec] = {}


def register(name: str, *, side: int, classes: int) -> Callable[[Builder], Builder]:
    """Decorate a build function so that it is found under `name`.

    Raises
    ------
    ValueError
        If the name is taken.
    """

    def decorate(builder: Builder) -> Builder:
        if name in _specs:
            raise ValueError(f"register: the net name {name!r} is taken")
        _specs[name] = Spec(name, side, classes, builder)
        return builder

    return decorate


def _load_architectures() -> None:
    """Import the modules of the nets, which register them."""
    import nets.calibration
    import nets.detection
    import nets.inception
    import nets.smile  # noqa: F401


def names() -> list[str]:
    """Names of all nets, sorted."""
    _load_architectures()
    return sorted(_specs)


def spec(name: str) -> Spec:
    """Return what is known of the net `name`.

    Raises
    ------
    ValueError
        If there is none; the message suggests near names.
    """
    _load_architectures()
    if name not in _specs:
        near = get_close_matches(name, _specs, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}?" if near else f"nets: {', '.join(names())}"
        raise ValueError(f"there is no net named {name!r}; {hint}")
    return _specs[name]


def build(
    name: str,
    input_var: Any = None,
    *,
    faithful: bool = False,
    batch_norm: bool = False,
    dropout: float = 1.0,
) -> Layer:
    """Build the net `name` with float32 parameters and return its output layer.

    Parameters
    ----------
    name : str
    input_var : float32 tensor4, optional, (batch, 3, side, side)
        Scaled pixels (:mod:`nets.scaling`).
    faithful : bool
        Build exactly what the articles print. That differs from the default in net12 and net48,
        whose printed output has a relu (two relu outputs that are both negative have no
        gradient), and in net48_cal, which is printed with one pooling less.
    batch_norm : bool
        Normalise after every convolution and hidden dense layer. net_smiles always does.
    dropout : float
        Factor of all dropout probabilities of the architecture; 0 leaves dropout out. The articles
        needed less of it with batch normalisation.

    Returns
    -------
    Layer
        Its outputs are logits, ``(batch, classes)``.

    Raises
    ------
    ValueError
        If there is no such net, or `dropout` is not a number from 0 to below 2.
    """
    found = spec(name)
    if not 0 <= dropout < 2:
        raise ValueError(f"build: dropout must be a factor from 0 to below 2; got {dropout!r}")
    with pytensor.config.change_flags(floatX="float32"):
        return found.build(
            input_var, faithful=faithful, batch_norm=batch_norm, drop=partial(_drop, dropout)
        )


def _drop(factor: float, net: Layer, p: float) -> Layer:
    """Dropout with a probability of the architecture, times a factor."""
    return dropout_layer(net, p=p * factor)
