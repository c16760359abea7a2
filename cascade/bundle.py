"""The cascade file: trained nets, thresholds and calibration classes in one HDF5 file.

Layout, format version 1. Attributes of the file: ``format``; ``settings`` (JSON: the windows' step
and factor, the last filtering's overlap); ``facts`` (JSON: how it was made and what it reached);
dataset ``calibration_classes``, (45, 3): scale, shift in x, shift in y. One group per stage,
``stage1`` and so on, with the attributes ``threshold`` and ``overlap`` and the groups ``detection``
and, where there is one, ``calibration``. Such a group is a net, as `cascade.trained` describes it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from augment.calibration import CLASSES
from cascade.trained import Net, net_contents, read_net
from nets.files import WeightsError, read_h5, write_h5

__all__ = ["FORMAT", "Cascade", "Net", "Stage", "load", "pretrained", "save"]

FORMAT = 1


@dataclass(frozen=True, eq=False)
class Stage:
    """One level of the cascade: detect, calibrate, filter.

    Attributes
    ----------
    detection : Net
    threshold : float
        Smallest face probability that goes on.
    calibration : Net or None
        Moves what goes on.
    overlap : float
        Intersection over union above which a frame yields to a better one of its window size.

    Raises
    ------
    ValueError
        If a net has another number of classes, or the two see crops of different sides.
    """

    detection: Net
    threshold: float
    calibration: Net | None = None
    overlap: float = 0.5

    def __post_init__(self) -> None:
        for kind, net, classes in (
            ("detection", self.detection, 2),
            ("calibration", self.calibration, len(CLASSES)),
        ):
            if net is not None and (net.side, net.plan.classes) != (self.detection.side, classes):
                raise ValueError(
                    f"a stage's {kind} net has {classes} classes and sees what its detection net "
                    f"{self.detection.name} sees, {self.detection.side} pixels; got {net.name} "
                    f"with {net.plan.classes} classes and {net.side} pixels"
                )


@dataclass(frozen=True, eq=False)
class Cascade:
    """Everything that a detector is made of.

    Attributes
    ----------
    stages : tuple of Stage
    stride : int
        Step of the windows in pixels of the first net's input.
    factor : float
        Ratio of neighbouring window sizes.
    overlap : float
        Overlap above which a frame yields to a better one, among all sizes, at last.
    facts : dict
        How it was made and what it reached.

    Raises
    ------
    ValueError
        If there is no stage.
    """

    stages: tuple[Stage, ...]
    stride: int = 4
    factor: float = 1.42
    overlap: float = 0.3
    facts: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.stages:
            raise ValueError("a cascade has at least one stage; got none")

    @property
    def thresholds(self) -> list[float]:
        """Those of the stages."""
        return [stage.threshold for stage in self.stages]

    def with_thresholds(self, thresholds: Sequence[float]) -> Cascade:
        """The same nets with other thresholds, one for each stage.

        Raises
        ------
        ValueError
            If their number is another.
        """
        if len(thresholds) != len(self.stages):
            raise ValueError(
                f"a cascade of {len(self.stages)} stages has as many thresholds; got {thresholds!r}"
            )
        stages = [
            replace(stage, threshold=float(threshold))
            for stage, threshold in zip(self.stages, thresholds, strict=True)
        ]
        return replace(self, stages=tuple(stages))


def save(path: str | os.PathLike[str], cascade: Cascade, *, dtype: str = "float16") -> None:
    """Write a cascade file; `path` is replaced at once, never half written.

    Parameters
    ----------
    path : path
    cascade : Cascade
    dtype : {'float16', 'float32'}
        How parameters are stored.

    Raises
    ------
    WeightsError
        If it cannot be written, or a parameter is too large for `dtype`.
    """
    settings = {name: getattr(cascade, name) for name in ("stride", "factor", "overlap")}
    attributes: dict[str, Any] = {
        "format": FORMAT,
        "settings": json.dumps(settings),
        "facts": json.dumps(cascade.facts),
    }
    datasets: dict[str, Any] = {"calibration_classes": CLASSES}
    for number, stage in enumerate(cascade.stages, start=1):
        group = f"stage{number}"
        attributes[f"{group}/threshold"] = stage.threshold
        attributes[f"{group}/overlap"] = stage.overlap
        for kind, net in (("detection", stage.detection), ("calibration", stage.calibration)):
            if net is None:
                continue
            facts, arrays = net_contents(path, f"{group}/{kind}", net, dtype)
            attributes |= facts
            datasets |= arrays
    write_h5(path, attributes, datasets)


def load(path: str | os.PathLike[str] | None = None) -> Cascade:
    """Read a cascade file.

    Parameters
    ----------
    path : path, optional
        By default the file that comes with the package.

    Returns
    -------
    Cascade

    Raises
    ------
    WeightsError
        If the file is missing, damaged, of a newer format, or made for other calibration classes.
    """
    path = pretrained() if path is None else path
    with read_h5(path, "cascade file", FORMAT) as file:
        if not np.array_equal(file["calibration_classes"][()], CLASSES):
            raise WeightsError(
                f"{path}: its calibration classes are not the 45 of augment.calibration"
            )
        groups = sorted(name for name in file if name.startswith("stage"))
        settings = json.loads(file.attrs["settings"])
        return Cascade(
            tuple(_read_stage(file[name]) for name in groups),
            stride=int(settings["stride"]),
            factor=float(settings["factor"]),
            overlap=float(settings["overlap"]),
            facts=json.loads(file.attrs["facts"]),
        )


def _read_stage(group: h5py.Group) -> Stage:
    return Stage(
        read_net(group["detection"]),
        float(group.attrs["threshold"]),
        read_net(group["calibration"]) if "calibration" in group else None,
        float(group.attrs["overlap"]),
    )


def pretrained(name: str = "cascade") -> Path:
    """Path of a trained cascade that comes with the package.

    Parameters
    ----------
    name : {'cascade', 'cascade-split'}
        The one to use, whose last detection net went on to learn from all the data there is; or
        the one that figures are given of, which never saw the reporting side.

    Raises
    ------
    WeightsError
        If there is none.
    """
    path = Path(str(resources.files("cascade") / "pretrained" / f"{name}.h5"))
    if not path.is_file():
        raise WeightsError(
            "there is no pretrained cascade; make one: lasagnette cascade train FOLDER"
        )
    return path
