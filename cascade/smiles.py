"""The smile file: the trained net that tells smileys apart, and which square of a face it sees.

Layout, format version 1. Attributes of the file: ``format``; ``square``, three numbers, see
`SmileNet`; ``smileys`` (JSON): the classes in their order. Group ``net``: a net, as
`cascade.trained` describes it.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from augment.datasets.smileys import SMILEYS
from cascade.trained import Net, net_contents, read_net
from nets.files import WeightsError, read_h5, write_h5

__all__ = ["FORMAT", "SmileNet", "load", "pretrained", "save"]

FORMAT = 1

Square = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class SmileNet(Net):
    """A net of the 17 smileys, ready to run.

    Attributes
    ----------
    name, plan, scaling, facts
        As in `cascade.trained.Net`.
    square : (float, float, float)
        Scale, dx, dy: how a detector's square of a face becomes a square such as the net was
        trained on. The side is multiplied by the scale; the centre moves by dx and dy of the
        detector's side, to the right and down.

    Raises
    ------
    ValueError
        If the net's classes are not the 17 smileys, or `square` cannot be.
    """

    square: Square = (1.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        if self.plan.classes != len(SMILEYS):
            raise ValueError(
                f"a smiley net has {len(SMILEYS)} classes, one per smiley; "
                f"got {self.name} with {self.plan.classes}"
            )
        numbers = np.asarray(self.square, np.float64)
        if numbers.shape != (3,) or not np.isfinite(numbers).all() or numbers[0] <= 0:
            raise ValueError(
                "a smiley net's square is a scale above 0, dx and dy, all finite; "
                f"got {self.square!r}"
            )

    def squares(self, boxes: ArrayLike) -> NDArray[np.float32]:
        """A detector's boxes as squares such as the net was trained on.

        Parameters
        ----------
        boxes : float array (n, 4)
            x, y, width, height in pixels. The side of one that is no square is the mean of both.

        Returns
        -------
        float32 array (n, 4)
        """
        x, y, width, height = np.asarray(boxes, np.float64).reshape(-1, 4).T
        scale, right, down = self.square
        side = (width + height) / 2
        across, below = x + width / 2 + right * side, y + height / 2 + down * side
        side = side * scale
        squares = np.stack([across - side / 2, below - side / 2, side, side], axis=1)
        return squares.astype(np.float32)


def save(
    path: str | os.PathLike[str],
    net: Net,
    *,
    square: Square | None = None,
    dtype: str = "float16",
) -> None:
    """Write a smile file; `path` is replaced at once, never half written.

    Parameters
    ----------
    path : path
    net : Net
        Of 17 classes, batch normalisation folded in (`nets.folding.fold`).
    square : (float, float, float), optional
        As in `SmileNet`; by default that of `net` if it is one, else (1, 0, 0).
    dtype : {'float16', 'float32'}
        How parameters are stored.

    Raises
    ------
    WeightsError
        If it cannot be written, or a parameter is too large for `dtype`.
    ValueError
        As by `SmileNet`.
    """
    if square is None:
        square = net.square if isinstance(net, SmileNet) else (1.0, 0.0, 0.0)
    SmileNet(net.name, net.plan, net.scaling, net.facts, square)  # refuses what no reader takes
    attributes, datasets = net_contents(path, "net", net, dtype)
    attributes |= {
        "format": FORMAT,
        "square": np.asarray(square, np.float64),
        "smileys": json.dumps(SMILEYS),
    }
    write_h5(path, attributes, datasets)


def load(path: str | os.PathLike[str] | None = None) -> SmileNet:
    """Read a smile file.

    Parameters
    ----------
    path : path, optional
        By default the file that comes with the package.

    Returns
    -------
    SmileNet

    Raises
    ------
    WeightsError
        If the file is missing, damaged, of a newer format, or made for other classes.
    """
    path = pretrained() if path is None else path
    with read_h5(path, "smile file", FORMAT) as file:
        if tuple(json.loads(file.attrs["smileys"])) != SMILEYS:
            raise WeightsError(f"{path}: its classes are not the {len(SMILEYS)} smileys")
        scale, right, down = (float(number) for number in file.attrs["square"])
        net = read_net(file["net"])
        return SmileNet(net.name, net.plan, net.scaling, net.facts, (scale, right, down))


def pretrained() -> Path:
    """Path of the trained net that comes with the package.

    Raises
    ------
    WeightsError
        If there is none.
    """
    path = Path(str(resources.files("cascade") / "pretrained" / "smileys.h5"))
    if not path.is_file():
        raise WeightsError(
            "there is no pretrained smiley net; make one: lasagnette train net_smiles, then "
            "lasagnette smileys pack --help"
        )
    return path
