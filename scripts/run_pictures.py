"""What a training shows besides its curves: samples, filters, weights, and faces it finds.

The run log's conventions, which the monitor's pages draw by:

``augmentation``     crops; ``role`` in their metadata is "original" or "augmented", ``sample`` says
                     which belong together, the rest is what was drawn;
``filters/LAYER``    the filters of the first convolution, as colours;
``weights/NAME``     histograms of the parameters;
``detections/NAME``  a photograph with the frames that fired, with what the filterings left of them,
                     and with the annotated faces.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import PurePosixPath

import cv2
import numpy as np

from augment.calibration import CLASSES, encode
from augment.errors import DataError
from augment.functional import Levels, crop_photos
from augment.images import read_image
from augment.index import FACE, Index
from augment.pixels import change
from augment.recipe import Recipe
from augment.transforms import Intervals, apply, draw
from cascade.alone import detect_alone
from cascade.bundle import Net
from lasagnette import layers
from lasagnette.layers import Conv2DLayer, Layer
from monitor.runlog import Boxes, RunLog
from nets.folding import fold
from nets.scaling import Scaling

__all__ = ["Looks", "log_augmentation", "log_detections", "log_weights"]

ORIGINALS, CHANGED = 4, 6  # faces, and samples of each
LOOKS = 5  # at the filters, the weights and the photographs, in a training
PHOTOGRAPHS, SIDE, SMALLEST = 2, 320, 40  # how many; pixels of the longer side, of a window
TILE = 24  # pixels of a drawn filter, at least
ROLES = ("fired", "kept_in_size", "kept_at_last")

Report = Callable[[str], None]


class Looks:
    """Looks at a net several times during its training.

    Parameters
    ----------
    layer : Layer
        The net.
    name : str
        Its name.
    scaling : Scaling
        What turns pixels into its input.
    photographs : Index or None
        Of a net that tells faces from background and that `nets.folding.fold` can read: faces of
        photographs that it is not trained on; the first few are looked at.
    epochs : int
        Of the training.
    """

    def __init__(
        self,
        layer: Layer,
        name: str,
        scaling: Scaling,
        photographs: Index | None,
        epochs: int,
    ) -> None:
        self._layer, self._name, self._scaling = layer, name, scaling
        self._every = max(1, epochs // LOOKS)
        self._photographs = [] if photographs is None else _read(photographs)

    def take(self, log: RunLog, step: int, epoch: int) -> None:
        """Look, if it is an epoch to look after; epochs count from 1."""
        if epoch % self._every:
            return
        log_weights(log, self._layer, step)
        if not self._photographs:
            return
        try:
            plan = fold(self._layer)
        except ValueError:  # an architecture that the detector cannot run
            self._photographs = []
            return
        net = Net(self._name, plan, self._scaling)
        for name, image, truth in self._photographs:
            log_detections(log, net, name, image, truth, step)


def log_weights(log: RunLog, layer: Layer, step: int) -> None:
    """Log the filters of the first convolution as a picture, and all parameters as histograms."""
    for parameter in layers.get_all_params(layer, trainable=True):
        log.histogram(f"weights/{parameter.name}", np.asarray(parameter.get_value()), step)
    for one in layers.get_all_layers(layer):
        if isinstance(one, Conv2DLayer):
            values = np.asarray(one.W.get_value())
            if values.shape[1] == 3:  # else they are no colours
                log.picture(f"filters/{one.name}", _mosaic(values), step)
            return


def _mosaic(filters: np.ndarray) -> np.ndarray:
    """Filters ``(n, 3, rows, columns)`` side by side, each from its lowest to its highest value."""
    count, _, rows, columns = filters.shape
    low = filters.min(axis=(1, 2, 3), keepdims=True)
    span = filters.max(axis=(1, 2, 3), keepdims=True) - low
    tiles = 255 * (filters - low) / np.where(span > 0, span, 1)
    zoom = -(-TILE // rows)
    tiles = tiles.transpose(0, 2, 3, 1).repeat(zoom, axis=1).repeat(zoom, axis=2)
    across = math.ceil(math.sqrt(count))
    down = -(-count // across)
    side_y, side_x = rows * zoom + 2, columns * zoom + 2  # with a line between
    whole = np.zeros((down * side_y, across * side_x, 3), np.uint8)
    for number, tile in enumerate(tiles):
        y, x = number // across * side_y, number % across * side_x
        whole[y : y + rows * zoom, x : x + columns * zoom] = tile
    return whole


def log_augmentation(log: RunLog, index: Index, recipe: Recipe, seed: int, report: Report) -> None:
    """Log some faces as they stand and as the training sees them, with what was drawn.

    Parameters
    ----------
    log : RunLog
    index : Index
        What is trained on.
    recipe : Recipe
        What is made of it.
    seed : int
        Of these draws; the training has others.
    report : callable
        Told what cannot be read.
    """
    shown = index.labels == FACE if recipe.task != "classes" else slice(None)
    faces = np.arange(len(index))[shown]
    rng = np.random.default_rng(seed)
    intervals = recipe.intervals or Intervals(move=0, scale=(1, 1), stretch=1, mirror=0)
    for sample, row in enumerate(faces[:: max(1, len(faces) // ORIGINALS)][:ORIGINALS]):
        try:
            photo = Levels(read_image(index.file(row)))
        except DataError as error:
            report(str(error))
            continue
        frame = index.frames[row : row + 1]
        (original,) = crop_photos([photo], frame, recipe.side)
        about = {"sample": sample, "role": "original", "file": PurePosixPath(index.paths[row]).name}
        log.picture("augmentation", _upright(original), 0, about)
        draws = draw(rng, CHANGED, intervals)
        classes = rng.integers(0, len(CLASSES), CHANGED)
        frames = np.repeat(frame, CHANGED, axis=0)
        calibrates = recipe.task == "calibration"
        frames = encode(frames, classes, draws.mirror) if calibrates else apply(frames, draws)
        angle = None if calibrates else draws.angle
        crops = crop_photos([photo] * CHANGED, frames, recipe.side, draws.mirror, angle)
        if intervals.changes_pixels:
            crops = change(crops, draws)
        for number, crop in enumerate(crops):
            drawn = draws.describe(number)
            if calibrates:
                names = ("move_x", "move_y", "width", "height", "rotation")
                drawn = {name: value for name, value in drawn.items() if name not in names}
                scale, right, down = CLASSES[classes[number]].tolist()
                drawn |= {"scale": scale, "right": right, "down": down}
            about = {"sample": sample, "role": "augmented", **drawn}
            log.picture("augmentation", _upright(crop), 0, about)


def _upright(crop: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(crop.transpose(1, 2, 0))


def log_detections(
    log: RunLog, net: Net, name: str, image: np.ndarray, truth: np.ndarray, step: int
) -> None:
    """Log a photograph with what a single net takes for faces, and what filtering leaves.

    Parameters
    ----------
    log : RunLog
    net : Net
        Tells faces from background.
    name : str
        Of the photograph.
    image : numpy.ndarray
        uint8 RGB ``(rows, columns, 3)``.
    truth : numpy.ndarray
        ``(n, 4)``: the annotated faces, pixels of the photograph.
    step : int
    """
    found = detect_alone(net, image, min_face=SMALLEST)
    assert found.trace is not None
    groups = [
        Boxes(left.frames, left.scores, 1, role)
        for left, role in zip(found.trace.steps, ROLES, strict=True)
    ]
    groups.append(Boxes(truth, None, 0, "truth"))
    log.picture(f"detections/{name}", image, step, {"windows": found.trace.windows}, groups)


def _read(index: Index) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """The first photographs of an index, shrunk, with their names and faces."""
    faces = index.select(index.labels == FACE)
    faces = faces.select(faces.source == "fddb") if (faces.source == "fddb").any() else faces
    found = []
    for path in list(dict.fromkeys(faces.paths.tolist()))[:PHOTOGRAPHS]:
        rows = np.flatnonzero(faces.paths == path)
        try:
            image = read_image(faces.file(int(rows[0])))
        except DataError:
            continue
        zoom = min(1.0, SIDE / max(image.shape[:2]))
        size = [max(1, round(length * zoom)) for length in (image.shape[1], image.shape[0])]
        small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        name = PurePosixPath(path).stem
        found.append((name, small, (faces.frames[rows] * zoom).astype(np.float32)))
    return found
