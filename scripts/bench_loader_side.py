"""The rival's side of `lasagnette bench augment`: the same crops inside PyTorch's DataLoader.

Run as ``python bench_loader_side.py INDEX``. The index is JSON: the pictures' ``paths``, a frame
``[x, y, width, height]`` for each in ``frames``, ``side`` and ``batch_size``, and the ``intervals``
of `augment.transforms.Intervals`. Each line on standard input is a JSON list, the name of a method
of :class:`Side` and its arguments; each is answered with a line of JSON. Only torch, OpenCV and
albumentations are needed: no other module of this project is imported.

Every worker holds all pictures decoded before it begins, and OpenCV starts no threads in it.
"""

from __future__ import annotations

import json
import math
import os
import platform
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import cv2
import numpy as np

__all__ = ["KINDS", "Side", "crop", "cut_out", "draw_frame", "main"]

KINDS = {
    "area": "OpenCV, INTER_AREA",
    "linear": "OpenCV, INTER_LINEAR",
    "albumentations": "albumentations",
}
"""How a sample is made, and how the report calls it."""

MARGIN = 0.25  # of the frame on each side, which albumentations may move into it
AHEAD = 4  # minibatches that each worker makes ahead

Frame = tuple[float, float, float, float]


def draw_frame(frame: Frame, intervals: dict[str, Any]) -> Frame:
    """Move, scale and stretch a frame at random, as `augment.transforms` does."""
    x, y, width, height = frame
    move, stretch = intervals["move"], random.uniform(1, intervals["stretch"])
    middle_x = x + width * (0.5 + random.uniform(-move, move))
    middle_y = y + height * (0.5 + random.uniform(-move, move))
    scale = random.uniform(*intervals["scale"])
    if random.random() < 0.5:
        width *= stretch
    else:
        height *= stretch
    width, height = width * scale, height * scale
    return middle_x - width / 2, middle_y - height / 2, width, height


def crop(image: Any, frame: Frame, side: int, interpolation: int) -> Any:
    """Cut a frame to whole pixels, repeat the border's where it reaches outside, and resize it."""
    return cv2.resize(cut_out(image, frame), (side, side), interpolation=interpolation)


def cut_out(image: Any, frame: Frame) -> Any:
    """The pixels of a frame; a view, unless it reaches outside."""
    rows, columns = image.shape[:2]
    left, right = _whole(frame[0], frame[2], columns)
    top, bottom = _whole(frame[1], frame[3], rows)
    cut = image[max(top, 0) : bottom, max(left, 0) : right]
    outside = max(-top, 0), max(bottom - rows, 0), max(-left, 0), max(right - columns, 0)
    if any(outside):
        cut = cv2.copyMakeBorder(cut, *outside, cv2.BORDER_REPLICATE)
    return cut


def _whole(start: float, length: float, limit: int) -> tuple[int, int]:
    """First and last whole pixel of a frame's side, so that one at least lies in the picture."""
    first = round(start)
    count = max(1, round(start + length) - first)
    first = min(max(first, 1 - count), limit - 1)
    return first, first + count


def opencv_maker(index: dict[str, Any], interpolation: int) -> Callable[[Any, Frame], Any]:
    """Return what makes a sample with plain OpenCV calls."""
    import torch

    side, intervals = index["side"], index["intervals"]

    def make(image: Any, frame: Frame) -> Any:
        small = crop(image, draw_frame(frame, intervals), side, interpolation)
        if random.random() < intervals["mirror"]:
            small = small[:, ::-1]
        return torch.from_numpy(np.ascontiguousarray(small.transpose(2, 0, 1)))

    return make


def albumentations_maker(index: dict[str, Any]) -> Callable[[Any, Frame], Any]:
    """Return what makes a sample with albumentations.

    Reduced first, with a margin, then changed: its warp of the whole cut would cost more. It draws
    the scales of width and height independently; the work is the same.
    """
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # no look-up of new versions
    import albumentations as A
    from albumentations.pytorch import ToTensorV2

    side, intervals = index["side"], index["intervals"]
    larger = round(side * (1 + 2 * MARGIN))
    move = intervals["move"] * side / larger
    low, high = intervals["scale"]
    # Its scale is that of the contents: the inverse of the frame's.
    plain, stretched = (1 / high, 1 / low), (1 / (high * intervals["stretch"]), 1 / low)

    def affine(x: tuple[float, float], y: tuple[float, float]) -> Any:
        return A.Affine(
            scale={"x": x, "y": y},
            translate_percent=(-move, move),
            interpolation=cv2.INTER_LINEAR,
            border_mode=cv2.BORDER_REPLICATE,
            p=1,
        )

    changes = A.Compose(
        [
            A.Resize(larger, larger, interpolation=cv2.INTER_AREA),
            A.OneOf([affine(stretched, plain), affine(plain, stretched)], p=1),
            A.CenterCrop(side, side),
            A.HorizontalFlip(p=intervals["mirror"]),
            ToTensorV2(),
        ]
    )

    def make(image: Any, frame: Frame) -> Any:
        x, y, width, height = frame
        wider = (x - MARGIN * width, y - MARGIN * height)
        size = (width * (1 + 2 * MARGIN), height * (1 + 2 * MARGIN))
        return changes(image=cut_out(image, (*wider, *size)))["image"]

    return make


class Pictures:
    """A data set of crops, as PyTorch asks for them: by number."""

    def __init__(self, index: dict[str, Any], kind: str) -> None:
        self._index, self._kind = index, kind
        self._images: dict[str, Any] = {}

    def prepare(self) -> None:
        """Decode all pictures; called once in every worker."""
        cv2.setNumThreads(0)
        for path in self._index["paths"]:
            if path not in self._images:
                bgr = cv2.imread(path)
                if bgr is None:
                    raise SystemExit(f"{path}: cannot be read")
                self._images[path] = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
        if self._kind == "albumentations":
            self._make = albumentations_maker(self._index)
        else:
            interpolation = {"area": cv2.INTER_AREA, "linear": cv2.INTER_LINEAR}[self._kind]
            self._make = opencv_maker(self._index, interpolation)

    def __len__(self) -> int:
        return len(self._index["paths"])

    def __getitem__(self, number: int) -> Any:
        image = self._images[self._index["paths"][number]]
        return self._make(image, self._index["frames"][number])


class Side:
    """Loaders that are opened and timed by the name of their kind, one of `KINDS`."""

    def __init__(self, index: dict[str, Any]) -> None:
        self._index = index
        self._streams: dict[tuple[str, int], Iterator[Any]] = {}

    def facts(self) -> dict[str, str]:
        """Return versions; a package that is not there is left out."""
        versions = {"python": platform.python_version()}
        names = ["torch", "opencv-python-headless", "opencv-python", "albumentations"]
        for name in names:
            with suppress(PackageNotFoundError):
                versions[name] = version(name)
        return versions

    def open(self, kind: str, workers: int) -> list[int]:
        """Start a loader; return the shape of its minibatches."""
        from torch.utils.data import DataLoader, RandomSampler

        pictures: Any = Pictures(self._index, kind)
        loader = DataLoader(
            pictures,
            batch_size=self._index["batch_size"],
            # An epoch that never ends: its end would be a pause.
            sampler=RandomSampler(pictures, replacement=True, num_samples=10**12),
            num_workers=workers,
            worker_init_fn=lambda _: pictures.prepare(),
            prefetch_factor=AHEAD,
            persistent_workers=True,
        )
        self._streams[kind, workers] = stream = iter(loader)
        first = next(stream)
        if first.dtype.itemsize != 1:
            raise SystemExit(f"the samples of {kind} are {first.dtype}, not bytes")
        return list(first.shape)

    def rate(self, kind: str, workers: int, seconds: float, settling: float) -> float:
        """Return samples per second; what was made before or while settling does not count."""
        stream = self._streams[kind, workers]
        ends = time.perf_counter() + settling
        while time.perf_counter() < ends:
            next(stream)
        count, started, spent = 0, time.perf_counter(), 0.0
        while spent < seconds:
            count += len(next(stream))
            spent = time.perf_counter() - started
        return count / spent if count else math.nan

    def close(self) -> None:
        """End all loaders."""
        self._streams.clear()


def main() -> None:
    """Answer the requests on standard input until it ends."""
    answers, sys.stdout = sys.stdout, sys.stderr  # no library may write between the answers
    with open(sys.argv[1], encoding="utf-8") as file:
        side = Side(json.load(file))
    methods: dict[str, Callable[..., object]] = {
        "facts": side.facts,
        "open": side.open,
        "rate": side.rate,
        "close": side.close,
    }
    for line in sys.stdin:
        method, *arguments = json.loads(line)
        print(json.dumps(methods[method](*arguments)), file=answers, flush=True)


if __name__ == "__main__":
    # As a script, Python's path begins with this folder, which the rival must not see.
    del sys.path[0]
    with suppress(KeyboardInterrupt):  # the command says that it was interrupted
        main()
