"""Drawn examples of a single net on a photograph, with a coarse and a fine stride."""

from __future__ import annotations

import numpy as np

from scripts.experiments.recipe import Example
from scripts.experiments.results import Results

__all__ = ["drawn_strides"]

PHOTOGRAPH = "demo/group_family.jpg"  # may be shown; see its LICENSES.txt
COARSE, FINE = 4, 2  # pixels of a window of 12
SMALLEST = 40.0  # pixels of the photograph


def drawn_strides(results: Results, variant: str) -> tuple[Example, ...]:
    """Draw what a net takes for faces, by its last weights of the first seed.

    Red fired, blue left in each window size, green left among all sizes, as in the articles. There
    is no example where the photograph is not among the data.
    """
    import cv2

    from augment.images import read_image
    from cascade.alone import detect_alone
    from cascade.draw import draw_faces
    from scripts.cascade_road import folded

    path = results.data / PHOTOGRAPH
    if not path.is_file():
        return ()
    photograph = read_image(path)
    shrunk = 480 / max(photograph.shape[:2])
    if shrunk < 1:
        size = [round(length * shrunk) for length in (photograph.shape[1], photograph.shape[0])]
        photograph = np.asarray(
            cv2.resize(photograph, size, interpolation=cv2.INTER_AREA), np.uint8
        )
    net = folded(results.weights(variant))
    examples = []
    for name, stride in (("coarse", COARSE), ("fine", FINE)):
        found = detect_alone(net, photograph, min_face=SMALLEST, stride=stride)
        assert found.trace is not None
        examples.append(
            Example(
                f"{name}-stride",
                f"{net.name} ({variant}), windows moved by {stride} pixels of 12: "
                f"{found.trace.windows} windows, {len(found.trace.steps[0].frames)} fired (red), "
                f"{len(found.boxes)} left (green).",
                draw_faces(photograph, found),
            )
        )
    return tuple(examples)
