"""A drawn example of calibration: what the first net fired on, before and after it was moved."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scripts.experiments.recipe import Example
from scripts.experiments.results import Results
from scripts.experiments.strides import PHOTOGRAPH, SMALLEST

__all__ = ["drawn_moves"]

SIDE = 480
STRIDE = 4


def drawn_moves(results: Results, variant: str) -> tuple[Example, ...]:
    """Draw a photograph twice, with the frames of the packaged first net and with the moved ones.

    There is no example where the photograph is not among the data.
    """
    import cv2

    from augment.calibration import adjust
    from augment.functional import crop_many
    from augment.images import read_image
    from cascade import bundle
    from cascade.bundle import Cascade
    from cascade.detector import Detector
    from cascade.draw import COLOURS, draw_frames
    from scripts.cascade_road import folded

    path = results.data / PHOTOGRAPH
    if not path.is_file():
        return ()
    photograph = read_image(path)
    zoom = min(1.0, SIDE / max(photograph.shape[:2]))
    size = [round(length * zoom) for length in (photograph.shape[1], photograph.shape[0])]
    photograph = np.asarray(cv2.resize(photograph, size, interpolation=cv2.INTER_AREA), np.uint8)
    first = bundle.load(bundle.pretrained("cascade-split")).stages[0]
    detector = Detector(
        Cascade((replace(first, calibration=None),)), min_face=SMALLEST, stride=STRIDE
    )
    (item,) = detector.candidates([(None, photograph)], trace=True)
    assert item.steps is not None
    fired = item.steps[0].frames
    net = folded(results.weights(variant))
    moved = adjust(fired, net.probabilities(crop_many(photograph, fired, net.side)))
    halves = []
    for frames in (fired, moved):
        half = np.ascontiguousarray(photograph).copy()
        draw_frames(half, frames, COLOURS["fired"], 1)
        halves.append(half)
    caption = (
        f"Left, the {len(fired)} windows that {first.detection.name} of the cascade took for "
        f"faces; right, the same, moved by {net.name}."
    )
    return (Example("moved", caption, np.concatenate(halves, axis=1)),)
